"""What several tests share: where the repository is, and the servers they ask for by name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.postgres_fixture import postgres_url as postgres_url
from tests.warehouse import house as house
from tests.warehouse import warehouse_url as warehouse_url

POSTGRES15_URL = "KINGPOST_TEST_POSTGRES15_URL"


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's top folder."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def postgres15_url() -> str:
    """Where the oldest PostgreSQL we take is listening; a test that asks for it is marked `postgres15`.

    It fails rather than skips: whoever asks for these tests wants to know that they ran.
    """
    url = os.environ.get(POSTGRES15_URL)
    if not url:
        pytest.fail(f"set {POSTGRES15_URL}=postgresql://user@host:port/database, as .ci/run does", pytrace=False)
    return url
