"""Random models, data, reads and policies: every store gives the answers of the reference."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kingpost.call import Actor
from kingpost.ports import Store
from kingpost.store.memory import MemoryStore
from kingpost.store.postgres.store import PostgresStore
from tests.differential.compare import run_both
from tests.differential.coverage import Coverage
from tests.differential.models import CLAIMS, World, worlds
from tests.differential.reads import Asked, groups, reads
from tests.postgres_fixture import new_database

ACTORS = (
    Actor(),
    Actor("1", frozenset(), CLAIMS | {"int_0": 1}),
    Actor("2", frozenset({"clerk"}), CLAIMS | {"int_0": 0}),
    Actor("3", frozenset({"clerk", "admin"}), {"int_0": 2}),
)
READS_PER_WORLD = 6
# Hypothesis writes out what it drew, and a random model is large.
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")
COVERAGE = Coverage()


@st.composite
def cases(draw: st.DrawFn) -> tuple[World, list[tuple[Asked, Actor]]]:
    """A world, and questions about it by several callers."""
    world = draw(worlds())
    asked = st.one_of(reads(world.manifest), reads(world.manifest), groups(world.manifest))
    return world, draw(st.lists(st.tuples(asked, st.sampled_from(ACTORS)), min_size=1, max_size=READS_PER_WORLD))


class Stores:
    """Both stores, with a loop to run them in."""

    def __init__(self, url: str) -> None:
        self.runner = asyncio.Runner()
        self.postgres = PostgresStore(url, connections=2)

    def differences(self, world: World, questions: list[tuple[Asked, Actor]]) -> list[str]:
        """What the stores answer differently."""
        return self.runner.run(self._differences(world, questions))

    async def _differences(self, world: World, questions: list[tuple[Asked, Actor]]) -> list[str]:
        stores: Mapping[str, Store] = {"memory": MemoryStore(), "postgres": self.postgres}
        for store in stores.values():
            await store.create(world.manifest)
            for entity, rows in world.rows.items():
                await store.load(entity, rows)
        pairs = [stores]
        if world.kept() != world.rows:
            pairs.append({"memory": stores["memory"], "memory without the deleted": await _without_deleted(world)})
        found = []
        for asked, actor in questions:
            COVERAGE.note(asked, world)
            for pair in pairs:
                for what, page in await run_both(world, asked, actor, pair):
                    found.append(f"{actor}\n{page}\n{what}")
        return found

    def close(self) -> None:
        self.runner.run(self.postgres.close())
        self.runner.close()


async def _without_deleted(world: World) -> Store:
    """A store that never had the rows softly deleted: answers must not show the difference.

    It does not know of Refs, which may name such a row.
    """
    entities = {name: replace(one, relations={}) for name, one in world.manifest.entities.items()}
    store = MemoryStore()
    await store.create(replace(world.manifest, entities=entities))
    for entity, rows in world.kept().items():
        await store.load(entity, rows)
    return store


@pytest.fixture(scope="module")
def stores(postgres_url: str) -> Iterator[Stores]:
    both = Stores(new_database(postgres_url, "differential"))
    yield both
    both.close()


# No shrinking by default: a difference is small enough to read, and each try makes tables.
PHASES = (Phase.explicit, Phase.generate)
SLOW = settings(deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES, database=None)


def check(stores: Stores, case: tuple[World, list[tuple[Asked, Actor]]]) -> None:
    world, questions = case
    differences = stores.differences(world, questions)
    assert not differences, "\n".join([*differences, world.told()])


@settings(SLOW, max_examples=200)
@given(case=cases())
def test_postgres_answers_as_memory_does(stores: Stores, case: tuple[World, list[tuple[Asked, Actor]]]) -> None:
    check(stores, case)


@pytest.mark.soak
@settings(SLOW, max_examples=2_500)
@given(case=cases())
def test_postgres_answers_as_memory_does_at_length(
    stores: Stores, case: tuple[World, list[tuple[Asked, Actor]]]
) -> None:
    check(stores, case)


@pytest.mark.soak
def test_every_node_met_every_operator_with_and_without_nulls() -> None:
    """Runs behind the long comparison, whose questions it counts."""
    print(f"\n{COVERAGE.table()}")
    assert not COVERAGE.missing()
