"""The policy: what each caller sees of the shared domain, and that no hop of it can be left out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

import pytest

import kingpost.answer
from kingpost.answer import Engine, answer
from kingpost.call import Actor, Call
from kingpost.errors import Forbidden, Invalid, Unauthenticated
from kingpost.model.expressions import Expression, Slot
from kingpost.model.manifest import Entity
from kingpost.policy.allow import allow
from kingpost.policy.hops import HOPS, Hop
from kingpost.policy.rules import Rules
from kingpost.query.operations import Create, Delete, Given, Read, Update, Write
from kingpost.query.plans import PlanCache
from kingpost.query.stages import PLAIN, Allowed, Bound
from tests.asking import BOB, BOSS, DEE, NOBODY, NOW, ask, domain_in_memory, get


@pytest.fixture
async def engine() -> Engine:
    return await domain_in_memory()


async def test_lists_leave_out_rows_the_policy_does_not_admit(engine: Engine) -> None:
    assert [row["code"] for row in await get(engine, "/v1/teams", BOB)] == ["blue", "red"]


async def test_a_row_that_is_not_admitted_is_not_found(engine: Engine) -> None:
    assert await get(engine, "/v1/teams/empty", BOSS) is not None
    assert await get(engine, "/v1/teams/empty", BOB) is None


async def test_a_policy_that_roles_alone_make_false_refuses_the_call(engine: Engine) -> None:
    with pytest.raises(Unauthenticated):
        await get(engine, "/v1/people", NOBODY)
    with pytest.raises(Forbidden):
        await get(engine, "/v1/people", Actor("9", frozenset({"guest"}), {"org": "acme"}))


@pytest.mark.parametrize(
    "question",
    [
        "/v1/people?fields=salary",
        "/v1/people?salary[gt]=1",
        "/v1/people?sort=salary",
        "/v1/people?or=(id=1,salary[is_null]=true)",
        "/v1/people?group=salary&aggregate=count",
        "/v1/people?group=org&aggregate=sum:salary",
        "/v1/people?group=org&aggregate=count&having=max:salary[gt]=1",
        "/v1/people?group=org&aggregate=count&sort=min:salary",
        "/v1/people?manager.salary[gt]=1",
        "/v1/people?sort=manager.salary",
        "/v1/people?reports.every.salary[lt]=1",
        "/v1/people?fields=well_paid",
        "/v1/people?well_paid=true",
        "/v1/people/1?include=manager&manager.fields=salary",
        "/v1/projects?owner.salary[gt]=1",
    ],
)
async def test_a_hidden_field_can_be_asked_about_in_no_way(engine: Engine, question: str) -> None:
    with pytest.raises(Forbidden):
        await get(engine, question, BOB)
    await get(engine, question, BOSS)


async def test_a_hidden_field_is_left_out_where_it_was_not_named(engine: Engine) -> None:
    (bob,) = await get(engine, "/v1/people?id=2", BOB)
    assert not {"salary", "well_paid", "ssn"} & bob.keys()


async def test_a_mask_that_looks_at_the_row_is_null_in_the_others(engine: Engine) -> None:
    phones = {
        row["id"]: row["phone"]
        for row in await get(engine, "/v1/people?fields=id,phone", Actor("3", BOB.roles, BOB.claims))
    }
    assert phones == {1: None, 2: None, 3: "+49 3"}


async def test_a_masked_value_cannot_be_found_by_filter_sort_or_group(engine: Engine) -> None:
    assert await get(engine, "/v1/people?phone=%2B49%201", BOB) == []
    assert [row["id"] for row in await get(engine, "/v1/people?sort=phone&fields=id", BOB)] == [1, 2, 3]
    assert await get(engine, "/v1/people?group=phone&aggregate=count", BOB) == [{"phone": None, "count": 3}]


async def test_a_caller_without_a_tenant_is_refused(engine: Engine) -> None:
    with pytest.raises(Forbidden, match="org"):
        await get(engine, "/v1/people", Actor("1", frozenset({"boss"})))


async def test_softly_deleted_rows_are_gone(engine: Engine) -> None:
    names = [row["name"] for row in await get(engine, "/v1/projects?fields=name&limit=100")]
    assert len(names) == 7
    assert "Gone" not in names


async def test_an_included_row_of_another_tenant_is_null(engine: Engine) -> None:
    rows = await get(engine, "/v1/projects?fields=name&include=owner&limit=100", DEE)
    assert {row["owner"]["id"] for row in rows if row["owner"]} == {4}


async def test_private_fields_are_unknown_even_to_suggestions(engine: Engine) -> None:
    with pytest.raises(Exception, match="has no field 'ssn'") as refusal:
        await get(engine, "/v1/people?ssn=1")
    assert "ssn" not in str(refusal.value.hint)  # type: ignore[attr-defined]  # raised as a KingpostError


LEAKS: Mapping[str, tuple[str, Actor]] = {
    "row": ("/v1/teams", BOB),
    "include": ("/v1/projects?include=team&fields=name", DEE),
    "relation_filter": ("/v1/projects?team.name[gt]=A&fields=name", BOB),
    "sort": ("/v1/projects?sort=-team.name&fields=name", DEE),
    "count": ("/v1/teams?count=exact&limit=1", BOB),
    "aggregate": ("/v1/teams?group=code&aggregate=count", BOB),
    "mask": ("/v1/people?fields=id,phone", BOB),
    "tenant": ("/v1/people?fields=id", BOB),
    "deleted": ("/v1/projects?fields=name&limit=100", BOSS),
}


def test_each_hop_has_a_question_that_needs_it() -> None:
    assert set(LEAKS) | set(WRITTEN_LEAKS) == set(HOPS)


@pytest.mark.parametrize("hop", LEAKS)
async def test_leaving_out_a_hop_shows(engine: Engine, hop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target, actor = LEAKS[hop]
    guarded = await ask(engine, target, actor)
    thinned = {**HOPS, hop: _nothing}
    monkeypatch.setattr(kingpost.answer, "allow", lambda *args, known, **_: _allow(*args, known=known, hops=thinned))
    leaking = await ask(replace(engine, shapes=PlanCache()), target, actor)
    assert (guarded.body, guarded.count) != (leaking.body, leaking.count)


BETA = str(UUID(int=4))
WRITTEN_LEAKS: Mapping[str, tuple[Write, tuple[object, ...], Actor]] = {
    "create": (Create("Org", (Given("slug", Slot(0)), Given("name", Slot(1))), Read("Org")), ("new", "New"), BOB),
    "update": (Update("Person", (Given("first", Slot(1)),), (Slot(0),), shown=Read("Person")), (1, "Eve"), BOB),
    "delete": (Delete("Membership", (Slot(0), Slot(1))), ("red", 2), BOB),
    "written": (Update("Person", (Given("salary", Slot(1)),), (Slot(0),), shown=Read("Person")), (2, "9.00"), BOB),
    "reference": (Update("Project", (Given("team", Slot(1)),), (Slot(0),), shown=Read("Project")), (BETA, "grün"), BOB),
}


@pytest.mark.parametrize("hop", WRITTEN_LEAKS)
async def test_leaving_out_a_hop_of_writes_lets_them_pass(
    engine: Engine, hop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation, values, actor = WRITTEN_LEAKS[hop]
    call = Call((hop,), values, lambda _: (operation, PLAIN), actor, NOW, time.monotonic() + 10)
    with pytest.raises((Forbidden, Invalid)):
        await answer(call, engine)
    thinned = {**HOPS, hop: _nothing}
    monkeypatch.setattr(kingpost.answer, "allow", lambda *args, known, **_: _allow(*args, known=known, hops=thinned))
    assert (await answer(call, replace(engine, shapes=PlanCache()))).changed == 1


def _allow(bound: Bound, roles: frozenset[str], *, known: bool, hops: Mapping[str, Hop]) -> Allowed:
    return allow(bound, roles, known=known, hops=hops)


def _nothing(expression: Expression, _entity: Entity, _rules: Rules) -> Expression:
    return expression
