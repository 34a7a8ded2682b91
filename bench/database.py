"""Brings the database that every contender reads: PostgreSQL, its tables, and all flights in them.

The one module that knows how they get there, so that the framework's own loader can take its place.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from examples.flights import load
from kingpost.store.postgres import embedded

FOLDER = Path(__file__).parents[1] / ".kingpost" / "bench"
R1_IDS, R1_RARE_IDS = 56, 8

_TABLES = (
    """airline (carrier text COLLATE "C" PRIMARY KEY, name text COLLATE "C" NOT NULL,
    version bigint NOT NULL DEFAULT 1)""",
    """airport (faa text COLLATE "C" PRIMARY KEY, name text COLLATE "C", lat float8, lon float8,
    version bigint NOT NULL DEFAULT 1)""",
    """plane (tailnum text COLLATE "C" PRIMARY KEY, manufacturer text COLLATE "C" NOT NULL,
    model text COLLATE "C" NOT NULL, seats bigint NOT NULL, version bigint NOT NULL DEFAULT 1)""",
    """flight (id uuid PRIMARY KEY, airline text COLLATE "C" NOT NULL REFERENCES airline,
    origin text COLLATE "C" NOT NULL REFERENCES airport, dest text COLLATE "C" NOT NULL REFERENCES airport,
    plane text COLLATE "C" REFERENCES plane, tailnum text COLLATE "C", number bigint NOT NULL,
    departs_at timestamptz NOT NULL, dep_delay bigint, status text COLLATE "C" NOT NULL, remarks text COLLATE "C",
    version bigint NOT NULL DEFAULT 1)""",
)
_INDEXES = (
    "origin, departs_at DESC, id DESC",
    "airline, departs_at, id",
    "dep_delay DESC NULLS LAST, id DESC",
    "dest, id",
    "plane, id",
)


@asynccontextmanager
async def database() -> AsyncIterator[str]:
    """Start the server, load the flights if they are not there, yield its URL, and stop it.

    Raises:
        EngineUnavailable: PostgreSQL could not be started.
        DataMissing: the flights are not installed.
    """
    with embedded.start(FOLDER / "postgres", log=print, durable=False) as server:
        connection = await asyncpg.connect(server.url)
        try:
            if not await connection.fetchval("SELECT to_regclass('flight') IS NOT NULL"):
                print("Loading the flights")
                async with connection.transaction():
                    await _load(connection)
                await connection.execute("VACUUM ANALYZE")
        finally:
            await connection.close()
        yield server.url


async def flight_ids(url: str, hidden: str) -> tuple[str, ...]:
    """The keys of flights all over the year, some of them of the rarest airline, none of the hidden one."""
    rare = "SELECT id FROM flight WHERE airline = 'OO' ORDER BY md5(id::text) LIMIT $1"
    usual = "SELECT id FROM flight WHERE airline NOT IN ('OO', $1) ORDER BY md5(id::text) LIMIT $2"
    connection = await asyncpg.connect(url)
    try:
        found = [*await connection.fetch(usual, hidden, R1_IDS), *await connection.fetch(rare, R1_RARE_IDS)]
    finally:
        await connection.close()
    return tuple(str(row["id"]) for row in found)


async def version(url: str) -> str:
    """Which PostgreSQL it is."""
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()


async def _load(connection: asyncpg.Connection[Any]) -> None:
    for table in _TABLES:
        await connection.execute(f"CREATE TABLE {table}")
    for entity in load.ENTITIES:
        rows = load.rows(entity)
        first = next(rows)
        await connection.copy_records_to_table(entity.lower(), columns=list(first), records=[tuple(first.values())])
        await connection.copy_records_to_table(
            entity.lower(), columns=list(first), records=(tuple(row.values()) for row in rows)
        )
    for columns in _INDEXES:
        await connection.execute(f"CREATE INDEX ON flight ({columns})")
