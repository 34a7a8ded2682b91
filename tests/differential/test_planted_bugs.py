"""The comparison is worth something: a bug planted in either store is found."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any

import pytest
from hypothesis import strategies as st

import kingpost.query.evaluate as in_memory
import kingpost.store.postgres.expressions as in_sql
import kingpost.store.postgres.paging as sql_paging
from kingpost.call import Actor
from kingpost.model.expressions import TRUE, Expression, Slot
from kingpost.model.fields import Middle, Relation
from kingpost.model.manifest import Entity, Policy
from kingpost.policy.allow import allow
from kingpost.policy.hops import HOPS
from kingpost.policy.rules import Rules
from kingpost.query.operations import Include, Read
from tests.differential.finding import is_found
from tests.differential.models import World, worlds
from tests.differential.reads import Asked
from tests.differential.test_differential import Stores, cases
from tests.postgres_fixture import new_database

Cases = st.SearchStrategy[tuple[World, list[tuple[Asked, Actor]]]]
EXAMPLES_MAX = 500
RARE_EXAMPLES_MAX = 2_500
# As a name the package gives its function run.
in_memory_run: Any = import_module("kingpost.store.memory.run")
# Hypothesis writes out what it drew, and a random model is large.
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")


@pytest.fixture(scope="module")
def stores(postgres_url: str) -> Iterator[Stores]:
    both = Stores(new_database(postgres_url, "planted"))
    yield both
    both.close()


def finds_a_difference(stores: Stores, examples_max: int = EXAMPLES_MAX, among: Cases | None = None) -> bool:
    among = cases() if among is None else among
    return is_found(among, lambda case: bool(stores.differences(*case)), examples_max)


def test_a_wrong_operator_in_memory_is_found(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_memory, "_RELATIONS", {**in_memory._RELATIONS, "gt": operator.ge})
    assert finds_a_difference(stores)


def test_a_wrong_operator_in_sql_is_found(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_sql, "_SIGNS", {**in_sql._SIGNS, "gte": ">"})
    assert finds_a_difference(stores)


def test_nulls_first_in_sql_is_found(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    original = sql_paging.sort_keys

    def first(*given: Any) -> Any:
        return [replace(key, nulls_first=not key.nulls_first) for key in original(*given)]

    monkeypatch.setattr("kingpost.store.postgres.compile_page.sort_keys", first)
    assert finds_a_difference(stores)


@st.composite
def doubly_linked(draw: st.DrawFn) -> tuple[World, list[tuple[Asked, Actor]]]:
    """Every link is there twice and all may see it: what cases() comes upon once in thousands of examples."""
    world = draw(worlds().filter(lambda one: next(_links(one), None) is not None))
    relation, middle = draw(st.sampled_from(list(_links(world))))
    links = world.rows[middle.entity]
    again = [{**link, "id": 100 + number} for number, link in enumerate(links)]
    entities = {name: replace(one, policy=Policy(TRUE), tenant=None) for name, one in world.manifest.entities.items()}
    rows = {**world.rows, middle.entity: [*links, *again]}
    read = Read(relation.source, limit=Slot(0), includes=(Include(relation.name, Read("", limit=Slot(0))),))
    doubled = World(replace(world.manifest, entities=entities), rows)
    return doubled, [(Asked(read, [50]), Actor())]


def _links(world: World) -> Iterator[tuple[Relation, Middle]]:
    for entity in world.manifest.entities.values():
        for relation in entity.relations.values():
            if relation.middle is not None and world.rows[relation.middle.entity]:
                yield relation, relation.middle


def test_a_row_shown_once_for_each_link_is_found(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    def each(self: Any, links: Any, row: Any) -> Iterator[Any]:
        between = self._tables.lookup(links.walk.entity, links.back, row[links.relation.local])
        for link in self._admitted(links.walk, between):
            yield from self._tables.lookup(links.relation.target, links.relation.remote, link[links.onward])

    assert not finds_a_difference(stores, 20, doubly_linked())
    monkeypatch.setattr(in_memory_run.Running, "_beyond", each)
    assert finds_a_difference(stores, among=doubly_linked())


@pytest.mark.soak
def test_equal_decimals_in_two_buckets_are_found(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_memory_run, "identity", lambda type_: str)
    assert finds_a_difference(stores, RARE_EXAMPLES_MAX)


@pytest.mark.soak
def test_a_rule_that_sees_deleted_rows_is_found(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rules, "_kept", _all)
    assert finds_a_difference(stores, RARE_EXAMPLES_MAX)


def test_a_filter_that_sees_deleted_rows_is_found(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    thinned = partial(allow, hops={**HOPS, "deleted": _as_is})
    monkeypatch.setattr("tests.differential.compare.allow", thinned)
    assert finds_a_difference(stores)


def _all(_rules: Rules, _entity: Entity) -> None:
    """The condition that admits every row."""


def _as_is(where: Expression, _entity: Entity, _rules: Rules) -> Expression:
    return where
