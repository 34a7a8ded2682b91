"""Each contender that writes has tables of its own, and they are brought back to where they were."""

from __future__ import annotations

import asyncpg
import pytest

from bench.copies import TABLES, added, drop_copies, make_copies, restore
from tests.postgres_fixture import new_database

LOADED, WRITTEN = "013bf59b-64a0-763f-bb6a-7483af908499", "019aaf59-64a0-763f-bb6a-7483af908499"
MODEL = """
    CREATE TABLE airline (carrier text PRIMARY KEY);
    CREATE TABLE flight (
        id uuid PRIMARY KEY, airline text NOT NULL REFERENCES airline, number bigint CHECK (number >= 1),
        version bigint NOT NULL DEFAULT 1);
    CREATE INDEX ON flight (airline);
    INSERT INTO airline VALUES ('UA');
"""


@pytest.fixture
def flights_url(postgres_url: str) -> str:
    return new_database(postgres_url, "bench_copies")


async def modelled(url: str) -> asyncpg.Connection[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    await connection.execute(MODEL)
    await connection.execute("INSERT INTO flight VALUES ($1, 'UA', 1)", LOADED)
    return connection


async def test_a_copy_has_the_rows_checks_indexes_and_references_and_is_made_once(flights_url: str) -> None:
    connection = await modelled(flights_url)
    try:
        for _ in range(2):
            await make_copies(flights_url)
        assert await connection.fetchval("SELECT count(*) FROM floor_flight") == 1
        assert await connection.fetchval("SELECT count(*) FROM pg_indexes WHERE tablename = 'floor_flight'") == 2
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute("INSERT INTO fastapi_flight VALUES ($1, 'UA', 0)", WRITTEN)
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await connection.execute("INSERT INTO fastapi_flight VALUES ($1, 'XX', 1)", WRITTEN)
        await drop_copies(connection)
        assert await connection.fetchval("SELECT to_regclass('floor_flight')") is None
        assert await connection.fetchval("SELECT count(*) FROM flight") == 1
    finally:
        await connection.close()


@pytest.mark.parametrize("name", TABLES)
async def test_what_was_added_is_counted_and_removed_and_what_was_loaded_stays(flights_url: str, name: str) -> None:
    connection = await modelled(flights_url)
    flights, outbox = TABLES[name]
    try:
        await make_copies(flights_url)
        await connection.execute(f"INSERT INTO {flights} VALUES ($1, 'UA', 2)", WRITTEN)
        if name != "kingpost":
            await connection.execute(f"INSERT INTO {outbox} (entity, op, key) VALUES ('Flight', 'create', '{{}}')")
        assert await added(flights_url, name) == (1, None if name == "kingpost" else 1)
        await restore(flights_url, name)
        assert await added(flights_url, name) == (0, None if name == "kingpost" else 0)
        assert [str(row["id"]) for row in await connection.fetch(f"SELECT id FROM {flights}")] == [LOADED]
    finally:
        await connection.close()
