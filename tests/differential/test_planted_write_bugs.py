"""The comparison of writes is worth something: a bug planted in either store, or in the policy of both, is found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeAlias

import pytest
from hypothesis import strategies as st

from kingpost.model.expressions import TRUE, Column, Compare, Constant
from kingpost.model.manifest import Policy
from kingpost.model.types import TEXT
from kingpost.query.stages import Change
from kingpost.store.memory import change as memory_change
from kingpost.store.memory import compile_change as memory_compile
from kingpost.store.memory import tables as memory_tables
from kingpost.store.postgres import compile_remove, target
from tests.differential.finding import is_found
from tests.differential.models import World
from tests.differential.test_differential import ACTORS
from tests.differential.test_writes import STEPS_MAX, Writers, cases
from tests.differential.write_models import written_worlds
from tests.differential.writes import Step, steps
from tests.postgres_fixture import new_database

Cases: TypeAlias = st.SearchStrategy[tuple[World, list[Step]]]

EXAMPLES_MAX = 1_000
RARE_EXAMPLES_MAX = 5_000
POSTGRES = "kingpost.store.postgres"
# Hypothesis writes out what it drew, and a random model is large.
pytestmark = [pytest.mark.soak, pytest.mark.filterwarnings("ignore:Generating overly large repr")]


@pytest.fixture(scope="module")
def writers(postgres_url: str) -> Iterator[Writers]:
    both = Writers(new_database(postgres_url, "planted_writes"))
    yield both
    both.close()


def finds_a_difference(writers: Writers, examples_max: int = EXAMPLES_MAX, among: Cases | None = None) -> bool:
    return is_found(cases() if among is None else among, lambda case: bool(writers.differences(*case)), examples_max)


@st.composite
def ruled(draw: st.DrawFn, *effects: str) -> tuple[World, list[Step]]:
    """As any case, but all can be read, rows go with those they refer to, and what says "a" may not be written so."""
    world = draw(written_worlds())
    entities = {}
    for name, entity in world.manifest.entities.items():
        rule = Compare("ne", Column(entity.fields["text_1"]), Constant("a", TEXT))
        may = {effect: rule if effect in effects else TRUE for effect in ("create", "update", "delete")}
        relations = {
            name: one if one.many else replace(one, on_delete="cascade") for name, one in entity.relations.items()
        }
        policy = Policy(read=TRUE, fields={}, **may)
        entities[name] = replace(entity, policy=policy, relations=relations, checks=(), indexes=())
    narrowed = World(replace(world.manifest, entities=entities), world.rows)
    return narrowed, draw(steps(narrowed, ACTORS, STEPS_MAX))


def test_a_row_left_as_it_may_not_be_in_memory_is_found(writers: Writers, monkeypatch: pytest.MonkeyPatch) -> None:
    original = memory_compile._altering
    monkeypatch.setattr(
        memory_compile, "_altering", lambda part, slots: replace(original(part, slots), after=lambda row, context: True)
    )
    assert finds_a_difference(writers, among=ruled("update"))


def test_a_version_that_sql_does_not_compare_is_found(writers: Writers, monkeypatch: pytest.MonkeyPatch) -> None:
    original = target.target_of

    def careless(change: Change, *rest: Any, **more: Any) -> Any:
        return original(replace(change, version=None), *rest, **more)

    for name in ("compile_alter", "compile_upsert", "compile_remove"):
        monkeypatch.setattr(f"{POSTGRES}.{name}.target_of", careless)
    assert finds_a_difference(writers)


def test_a_reference_that_sql_does_not_follow_is_found(writers: Writers, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("compile_create", "target"):
        monkeypatch.setattr(f"{POSTGRES}.{name}.holds", lambda *_, **__: "TRUE")
    assert finds_a_difference(writers)


def test_a_reference_that_memory_does_not_follow_is_found(writers: Writers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_change._Writing, "_check_references", lambda *_, **__: None)
    assert finds_a_difference(writers)


def test_a_cascade_that_memory_asks_no_policy_for_is_found(writers: Writers, monkeypatch: pytest.MonkeyPatch) -> None:
    original = memory_compile._following

    def lax(consequences: Any) -> Any:
        return tuple(replace(one, admits=lambda row, context: True) for one in original(consequences))

    monkeypatch.setattr(memory_compile, "_following", lax)
    assert finds_a_difference(writers, among=ruled("delete"))


def test_a_cascade_that_sql_asks_no_policy_for_is_found(writers: Writers, monkeypatch: pytest.MonkeyPatch) -> None:
    original = compile_remove._found
    monkeypatch.setattr(
        compile_remove, "_found", lambda one, writing, *, live: original(replace(one, admits=TRUE), writing, live=live)
    )
    assert finds_a_difference(writers, among=ruled("delete"))


def test_rows_marked_as_deleted_that_still_refer_are_found(writers: Writers, monkeypatch: pytest.MonkeyPatch) -> None:
    original = compile_remove._referrers
    monkeypatch.setattr(
        compile_remove, "_referrers", lambda one, alias, writing, *, live: original(one, alias, writing, live=False)
    )
    assert finds_a_difference(writers, RARE_EXAMPLES_MAX)


def test_a_tenant_that_a_body_may_name_is_found(writers: Writers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kingpost.policy.changing._within_tenant", lambda *_: TRUE)
    assert finds_a_difference(writers, RARE_EXAMPLES_MAX)


def test_a_reference_to_what_may_not_be_read_is_found(writers: Writers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kingpost.policy.changing._referred", lambda rows, narrowing: rows)
    assert finds_a_difference(writers)


def test_a_hidden_field_that_is_written_is_found(writers: Writers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kingpost.policy.changing._writable", lambda *_: ())
    assert finds_a_difference(writers)


def test_an_event_that_is_not_told_is_found(writers: Writers, monkeypatch: pytest.MonkeyPatch) -> None:
    original = memory_tables.Tables.replaced

    def quiet(tables: Any, entity: str, new: Any) -> Any:
        made = original(tables, entity, new)
        made.altered = tuple(one for one in made.altered if one.new is not None)
        return made

    monkeypatch.setattr(memory_tables.Tables, "replaced", quiet)
    assert finds_a_difference(writers)


def test_a_mark_that_is_told_as_a_change_is_found(writers: Writers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{POSTGRES}.outbox_rows._Entity.op", lambda _, old, new: "updated" if old else "created")
    assert finds_a_difference(writers)
