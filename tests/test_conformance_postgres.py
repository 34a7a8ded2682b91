"""The PostgreSQL store does what every store has to do, on the newest and on the oldest server we take."""

from __future__ import annotations

import pytest

from kingpost.store.conformance import CHECKS, run_check
from kingpost.store.postgres.store import PostgresStore
from tests.postgres_fixture import new_database


@pytest.fixture(scope="module")
def database(postgres_url: str) -> str:
    return new_database(postgres_url, "conformance")


@pytest.fixture(scope="module")
def database15(postgres15_url: str) -> str:
    return new_database(postgres15_url, "conformance")


@pytest.mark.parametrize("name", CHECKS)
async def test_postgres_conforms(name: str, database: str) -> None:
    await run_check(name, lambda: _store(database))


@pytest.mark.postgres15
@pytest.mark.parametrize("name", CHECKS)
async def test_postgres_15_conforms(name: str, database15: str) -> None:
    await run_check(name, lambda: _store(database15))


async def _store(url: str) -> PostgresStore:
    return PostgresStore(url, connections=6)
