"""Brings the database that every contender reads: PostgreSQL, the tables that Kingpost makes, all flights in them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from bench.contenders.kingpost_app import app
from bench.copies import drop_copies
from examples.flights import load
from kingpost.errors import DeclarationError
from kingpost.store.postgres import embedded
from kingpost.store.postgres.store import PostgresStore

FOLDER = Path(__file__).parents[1] / ".kingpost" / "bench"
R1_IDS, R1_RARE_IDS = 56, 8


@asynccontextmanager
async def database() -> AsyncIterator[str]:
    """Start the server, load the flights if they are not there or those of another model, yield its URL, and stop it.

    Raises:
        EngineUnavailable: PostgreSQL could not be started.
        DataMissing: the flights are not installed.
    """
    with embedded.start(FOLDER / "postgres", log=print, durable=False) as server:
        store = PostgresStore(server.url, connections=1)
        try:
            if not await _fits(store) or not await _whole(server.url):
                await _load(store, server.url)
        finally:
            await store.close()
        await _vacuum(server.url)
        yield server.url


async def _fits(store: PostgresStore) -> bool:
    """Whether the tables are there, and those of this model; nothing else is kept here, so others may be dropped."""
    try:
        await store.open(app.manifest)
    except DeclarationError:
        return False
    return True


async def _whole(url: str) -> bool:
    """Whether no loading was cut short; Flight is the last."""
    connection = await asyncpg.connect(url)
    try:
        return bool(await connection.fetchval("SELECT count(*) FROM flight") >= load.count("Flight"))
    finally:
        await connection.close()


async def _load(store: PostgresStore, url: str) -> None:
    print("Loading the flights")
    connection = await asyncpg.connect(url)
    try:
        await drop_copies(connection)
    finally:
        await connection.close()
    await store.create(app.manifest)
    for entity in load.ENTITIES:
        await store.load(entity, load.rows(entity))


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


async def written_flights(url: str, airline: str, count: int) -> tuple[dict[str, object], ...]:
    """Bodies of new flights on routes that the airline serves, in planes that are there."""
    routes = (
        "SELECT origin, dest, plane, tailnum, number FROM flight WHERE airline = $1 AND plane IS NOT NULL "
        "AND departs_at < '2014-01-01' ORDER BY md5(id::text) LIMIT $2"
    )
    connection = await asyncpg.connect(url)
    try:
        found = await connection.fetch(routes, airline, count)
    finally:
        await connection.close()
    first = datetime(2014, 1, 1, 6, tzinfo=UTC)
    return tuple(
        {
            "airline": airline,
            **dict(row),
            "departs_at": (first + timedelta(minutes=7 * number)).isoformat(),
            "dep_delay": None,
            "remarks": f"flight {number} of the benchmark",
        }
        for number, row in enumerate(found)
    )


async def hidden_flight(url: str, airline: str) -> str:
    """The key of a flight of the hidden airline."""
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval("SELECT id FROM flight WHERE airline = $1 LIMIT 1", airline))
    finally:
        await connection.close()


async def version(url: str) -> str:
    """Which PostgreSQL it is."""
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()


async def _vacuum(url: str) -> None:
    """So that no contender pays for what loading left behind."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
