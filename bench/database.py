"""Brings the database that every contender reads: PostgreSQL, the tables that Kingpost makes, all flights in them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from bench.contenders.kingpost_app import app
from examples.flights import load
from kingpost.errors import NotCreated
from kingpost.store.postgres import embedded
from kingpost.store.postgres.store import PostgresStore

FOLDER = Path(__file__).parents[1] / ".kingpost" / "bench"
R1_IDS, R1_RARE_IDS = 56, 8


@asynccontextmanager
async def database() -> AsyncIterator[str]:
    """Start the server, load the flights if they are not there, yield its URL, and stop it.

    Raises:
        EngineUnavailable: PostgreSQL could not be started.
        DataMissing: the flights are not installed.
        DeclarationError: the flights there are those of another model; remove `.kingpost/bench`.
    """
    with embedded.start(FOLDER / "postgres", log=print, durable=False) as server:
        store = PostgresStore(server.url, connections=1)
        try:
            await store.open(app.manifest)
        except NotCreated:
            print("Loading the flights")
            await store.create(app.manifest)
            for entity in load.ENTITIES:
                await store.load(entity, load.rows(entity))
        finally:
            await store.close()
        await _vacuum(server.url)
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


async def _vacuum(url: str) -> None:
    """So that no contender pays for what loading left behind."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
