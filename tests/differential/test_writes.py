"""Random models, data, policies and sequences of writes: every store does what the reference does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kingpost.store.memory import MemoryStore
from kingpost.store.postgres.store import PostgresStore
from tests.differential.models import World
from tests.differential.test_differential import ACTORS, SLOW
from tests.differential.write_compare import differences
from tests.differential.write_coverage import WriteCoverage
from tests.differential.write_models import written_worlds
from tests.differential.writes import Step, steps
from tests.postgres_fixture import new_database

STEPS_MAX = 8
COVERAGE = WriteCoverage()
# Hypothesis writes out what it drew, and a random model is large.
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")


@st.composite
def cases(draw: st.DrawFn) -> tuple[World, list[Step]]:
    """A world, and writes to it by several callers."""
    world = draw(written_worlds())
    return world, draw(steps(world, ACTORS, STEPS_MAX))


class Writers:
    """Both stores, with a loop to run them in."""

    def __init__(self, url: str) -> None:
        self.runner = asyncio.Runner()
        self.postgres = PostgresStore(url, connections=2)

    def differences(self, world: World, writes: list[Step]) -> list[str]:
        """What the stores do differently."""
        return self.runner.run(self._differences(world, writes))

    async def _differences(self, world: World, writes: list[Step]) -> list[str]:
        stores = {"memory": MemoryStore(), "postgres": self.postgres}
        for store in stores.values():
            await store.create(world.manifest)
            for entity, rows in world.rows.items():
                await store.load(entity, rows)
        return await differences(world, writes, stores, COVERAGE.note)

    def close(self) -> None:
        self.runner.run(self.postgres.close())
        self.runner.close()


@pytest.fixture(scope="module")
def writers(postgres_url: str) -> Iterator[Writers]:
    both = Writers(new_database(postgres_url, "differential_writes"))
    yield both
    both.close()


def check(writers: Writers, case: tuple[World, list[Step]]) -> None:
    world, writes = case
    found = writers.differences(world, writes)
    assert not found, "\n".join([*found, world.told()])


@settings(SLOW, max_examples=200)
@given(case=cases())
def test_postgres_writes_as_memory_does(writers: Writers, case: tuple[World, list[Step]]) -> None:
    check(writers, case)


@pytest.mark.soak
@settings(SLOW, max_examples=2_500)
@given(case=cases())
def test_postgres_writes_as_memory_does_at_length(writers: Writers, case: tuple[World, list[Step]]) -> None:
    check(writers, case)


@pytest.mark.soak
def test_every_verb_came_to_every_end() -> None:
    """Runs behind the long comparison, whose writes it counts."""
    print(f"\n{COVERAGE.table()}")
    assert not COVERAGE.missing()
