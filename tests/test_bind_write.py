"""Binding and narrowing writes: what fills each field, what is a fault, and what the policy puts where."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from msgspec import UNSET

from kingpost.call import Actor
from kingpost.errors import Forbidden, Invalid, Malformed, TooLarge, Unauthenticated
from kingpost.model.expressions import FALSE, TRUE, Compare, Name, Slot, walk
from kingpost.policy.allow import allow
from kingpost.policy.hops import SYSTEM
from kingpost.query.bind import bind
from kingpost.query.operations import Create, Delete, Given, Read, Update, Upsert, Write
from kingpost.query.stages import PLAIN, Bound, Change
from kingpost.query.storing import write_filler
from kingpost.store.memory import MemoryStore
from tests import domain
from tests.asking import BOB, BOSS, NOBODY

MANIFEST = domain.manifest()
NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
ID = UUID(int=7)


def create(entity: str, *fields: str, rows: bool = False) -> Create:
    given = tuple(Given(name, Slot(number)) for number, name in enumerate(fields))
    return Create(entity, given, Read(entity), Slot(len(fields)) if rows else None)


def update(entity: str, *fields: str) -> Update:
    given = tuple(Given(name, Slot(number + 1)) for number, name in enumerate(fields))
    return Update(entity, given, key=(Slot(0),), shown=Read(entity))


def bound(operation: Write) -> Bound:
    return bind(operation, MANIFEST)


def change(operation: Write, actor: Actor = BOSS) -> Change:
    found = bound(operation)
    question = allow(found, found.roles & actor.roles, known=actor.known).question
    assert isinstance(question, Change)
    return question


def faults(operation: Write) -> dict[str, str]:
    return {fault.where: fault.message for fault in bound(operation).faults}


def filled(operation: Write, *values: object, actor: Actor = BOSS) -> dict[str, Any]:
    """What each field of a new row is filled with."""
    found = bound(operation)
    allowed = allow(found, found.roles & actor.roles, known=actor.known)
    plan = MemoryStore().compile(allowed, PLAIN)
    fill = write_filler(plan, MANIFEST.timezone, 1_000, lambda now: ID, found.faults)
    arguments = fill(values, actor, NOW)
    assert isinstance(allowed.question, Change)
    assert allowed.question.creation is not None
    return {one.field.name: arguments[one.value.number] for one in allowed.question.creation.assigned}


# --- What fills a row ------------------------------------------------------------------------------------------------


def test_a_new_row_has_defaults_keys_and_stamps_that_nobody_gave() -> None:
    row = filled(create("Project", "team", "name"), "red", "Zeta")
    assert row["id"] == ID
    assert (row["status"], row["budget"], row["tags"], row["secret"]) == ("draft", Decimal(0), [], False)
    assert row["starts_at"] == row["created_at"] == row["updated_at"] == NOW
    assert row["created_by"] == row["updated_by"] == "1"
    assert row["deleted_at"] is None


def test_a_column_is_filled_row_by_row_and_its_gaps_with_defaults() -> None:
    rows = filled(
        create("Project", "team", "name", "status", rows=True), ["red", "blue"], ["a", "b"], [UNSET, "done"], 2
    )
    assert rows["status"] == ["draft", "done"]
    assert rows["id"] == [ID, ID]
    assert rows["budget"] == Decimal(0)


def test_a_tenant_is_taken_from_the_caller() -> None:
    operation = create("Person", "id", "first", "last", "email")
    found = bound(operation)
    assert [spec.required for spec in found.slots if spec.source == "me"] == [True]


def test_the_key_in_a_body_has_to_be_that_of_the_path() -> None:
    given = tuple(Given(name, Slot(number + 1)) for number, name in enumerate(("code", "name")))
    operation = Upsert("Team", given, (Slot(0),), Read("Team"))
    found = bind(operation, MANIFEST)
    plan = MemoryStore().compile(allow(found, frozenset(), known=True, hops=SYSTEM), PLAIN)
    fill = write_filler(plan, MANIFEST.timezone, 1_000, lambda now: ID, found.faults)
    assert fill(("red", "red", "Red"), BOSS, NOW)
    with pytest.raises(Invalid, match="/code: it is not the key that the path names"):
        fill(("red", "blue", "Red"), BOSS, NOW)


# --- Faults ----------------------------------------------------------------------------------------------------------


def test_all_faults_of_a_shape_are_told() -> None:
    found = faults(create("Project", "nme", "left", "created_at", "deleted_at", "team_name"))
    assert set(found) == {"/nme", "/left", "/created_at", "/deleted_at", "/team_name", "/team", "/name"}
    assert "did you mean 'name'" in found["/nme"]
    assert "has no field" in found["/deleted_at"]
    assert "set by the service" in found["/created_at"]


def test_a_private_field_is_unknown_unless_the_team_asks() -> None:
    operation = create("Person", "id", "org", "first", "last", "email", "ssn")
    assert list(faults(operation)) == ["/ssn"]
    assert bind(operation, MANIFEST, private=True).faults == ()


def test_the_key_never_changes() -> None:
    assert "never changes" in faults(update("Org", "slug"))["/slug"]


def test_shape_and_values_are_refused_together_with_their_rows() -> None:
    operation = create("Project", "team", "name", "priority", "nope", rows=True)
    with pytest.raises(Invalid) as refusal:
        filled(operation, ["red", "red"], ["", UNSET], ["5", 2**63], [1, 1], 2)
    assert {fault.where for fault in refusal.value.details} == {
        "/*/nope", "/0/name", "/1/name", "/0/priority", "/1/priority",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("budget", "1.00001", "1.00001 breaks Digits"),
        ("score", "1.5", "text"),
        ("tags", "a,b", "text"),
        ("secret", None, "not null"),
        ("status", "gone", "one of"),
        ("settings", None, "not null"),
        ("name", "a\0b", "the character U.0000"),
        ("votes", list(range(101)), "100"),
    ],
)
def test_a_value_that_does_not_fit_says_why(field: str, value: object, words: str) -> None:
    fields = dict.fromkeys(("team", "name"), "red") | {field: value}
    with pytest.raises(Invalid, match=words) as refusal:
        filled(create("Project", *fields), *fields.values())
    assert refusal.value.details[0].where == f"/{field}"


def test_a_set_based_write_needs_a_filter() -> None:
    with pytest.raises(Malformed, match="all of projects"):
        bound(Delete("Project"))


def test_a_column_of_another_length_is_refused() -> None:
    with pytest.raises(TooLarge, match="3 values for 2 rows"):
        filled(create("Project", "team", "name", rows=True), ["red", "red"], ["a", "b", "c"], 2)


# --- Policy ----------------------------------------------------------------------------------------------------------


def test_who_may_not_write_is_refused_before_anything_runs() -> None:
    with pytest.raises(Forbidden, match="may not create Project"):
        change(create("Project", "team", "name"), BOB)
    with pytest.raises(Unauthenticated, match="may not create Project"):
        change(create("Project", "team", "name"), NOBODY)


def test_a_hidden_field_may_not_be_written() -> None:
    with pytest.raises(Forbidden, match="may not write salary") as refusal:
        change(update("Person", "salary"), BOB)
    assert refusal.value.where == "/salary"


def test_a_mask_that_looks_at_the_row_is_asked_of_the_row_that_is_written() -> None:
    found = change(update("Person", "phone"), BOB).alteration
    assert found is not None
    assert sum(isinstance(node, Compare) for node in walk(found.before)) == 2
    assert sum(isinstance(node, Compare) for node in walk(found.after)) == 1


def test_the_rows_to_change_are_those_one_may_read_of_ones_tenant() -> None:
    target = change(update("Person", "first"), BOB).target
    assert target is not None
    fields = {node.field.name for node in walk(target.where) if hasattr(node, "field")}
    assert {"id", "org"} <= fields


def test_a_deleted_row_cannot_be_changed() -> None:
    target = change(update("Project", "name")).target
    assert target is not None
    assert "deleted_at" in repr(target.where)


def test_a_reference_has_to_be_readable() -> None:
    creation = change(create("Project", "team", "name")).creation
    assert creation is not None
    assert [one.relation.name for one in creation.references] == ["team"]
    assert creation.references[0].target.where == TRUE  # a boss reads every team
    found = change(update("Project", "team"), BOB).alteration
    assert found is not None
    assert found.references[0].target.where not in (TRUE, FALSE)


def test_what_is_deleted_along_needs_its_own_leave() -> None:
    # Nobody may delete teams, so the policy is put aside to look at what would follow.
    question = bound(Delete("Team", key=(Slot(0),))).question
    assert isinstance(question, Change)
    assert question.removal is not None
    rules = {(one.entity.name, one.rule) for one in question.removal.consequences}
    assert rules == {("Membership", "cascade"), ("Project", "restrict")}


def test_a_filter_of_a_set_based_write_looks_through_the_masks() -> None:
    where = Compare("gt", Name(("salary",)), Slot(0))
    with pytest.raises(Forbidden, match="may not see salary"):
        change(Update("Person", (Given("first", Slot(1)),), where=where), BOB)
