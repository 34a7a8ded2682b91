"""A throw-away PostgreSQL for the tests that ask for one: started once a session, with databases of one's own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from kingpost.store.postgres import embedded


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The embedded server; PostgreSQL 18."""
    with embedded.start(tmp_path_factory.mktemp("postgres"), durable=False) as server:
        yield server.url


def new_database(url: str, name: str) -> str:
    """The URL of an empty database on the server of `url`; one of that name is dropped first."""
    name = f"{name}_{os.getpid()}"

    async def make() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        finally:
            await connection.close()

    asyncio.run(make())
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{name}"))
