"""A database with the example's flights in it, made once a session for all tests that ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import islice

from examples.flights import load
from examples.flights.app import app
from kingpost.settings import Secret, Settings
from kingpost.store.postgres.store import PostgresStore
from tests.postgres_fixture import new_database

SECRET = Secret("a secret of the tests, long enough")

Rows = Iterable[Mapping[str, object]]


def settings(url: str) -> Settings:
    """What the flights are served under in tests."""
    return Settings(environment="development", database_url=Secret(url), secret=SECRET, log_level="error")


@cache
def all_flights(server_url: str) -> str:
    """The URL of a database with all 336,776 flights; it takes a quarter of a minute, so nobody writes to it."""
    return _filled(server_url, "flights", None)


def few_flights(server_url: str, name: str, flights: int = 2_000) -> str:
    """The URL of a new database with the year's first flights, and all that they refer to."""
    return _filled(server_url, name, flights)


def _filled(server_url: str, name: str, flights: int | None) -> str:
    url = new_database(server_url, name)

    async def fill() -> None:
        store = PostgresStore(url, connections=1)
        await store.create(app.manifest)
        for entity in load.ENTITIES:
            await store.load(entity, islice(load.rows(entity), flights if entity == "Flight" else None))
        await store.close()

    asyncio.run(fill())
    return url
