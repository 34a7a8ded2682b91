"""What was declared is in the manifest, bound and complete."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest

from examples.flights import model as flights
from kingpost import (
    Column,
    Key,
    Many,
    Open,
    Policy,
    Ref,
    Table,
    Unique,
    anyone,
    now,
    this,
)
from kingpost.constraints import Digits, Interval, Len
from kingpost.model import expressions as e
from kingpost.model.describe import manifest_json, storage_hash
from kingpost.model.fields import Constraint, Default, Field, Middle, Relation
from kingpost.model.manifest import Entity, IndexKey, Manifest
from kingpost.model.names import pluralise, snake
from kingpost.model.read import read_manifest
from kingpost.model.types import BOOL, DECIMAL, INT, JSON, TEXT, Scalar, Type
from tests import domain

DOMAIN = domain.manifest()
ORG, PERSON, TEAM, MEMBERSHIP, PROJECT = DOMAIN.entities.values()


class Level(StrEnum):
    LOW = "low"
    HIGH = "high"


def _entity(cls: type, *others: type) -> Entity:
    return read_manifest("app", [cls, *others]).entities[cls.__name__]


def _field(annotation: Any, **values: Any) -> Field:
    cls = type("One", (Table,), {"__annotations__": {"x": annotation}, "__module__": __name__, **values})
    return _entity(cls).fields["x"]


@pytest.mark.parametrize(
    ("annotation", "type_"),
    [
        (str, TEXT),
        (bool, BOOL),
        (int, INT),
        (Decimal, DECIMAL),
        (dict[str, Any], JSON),
        (list[Any], JSON),
        (Any, JSON),
        (list[int], Type(Scalar.INT, array=True)),
        (list[Literal["a", "b"]], Type(Scalar.TEXT, array=True, choices=("a", "b"))),
        (Level, Type(Scalar.TEXT, choices=("low", "high"))),
        ("int", INT),
    ],
)
def test_an_annotation_gives_a_type(annotation: Any, type_: Type) -> None:
    assert _field(annotation).type == type_


@pytest.mark.parametrize("annotation", [int | None, Annotated[int | None, Open()], Annotated[int, Open()] | None])
def test_none_and_annotated_stand_in_any_order(annotation: Any) -> None:
    assert (_field(annotation).nullable, _field(annotation).type) == (True, INT)


def test_constraints_are_taken_apart() -> None:
    assert _field(Annotated[int, Interval(ge=1, lt=9)]).constraints == (Constraint("ge", 1), Constraint("lt", 9))
    assert _field(Annotated[str, Len(0, 5)]).constraints == (Constraint("max_length", 5),)
    assert _field(Annotated[Decimal, Digits(9, 2)]).constraints == (Constraint("digits", (9, 2)),)


@pytest.mark.parametrize(
    ("annotation", "value", "default"),
    [
        (int, 5, Default("constant", 5)),
        (int | None, None, Default("constant", None)),
        (float, 5, Default("constant", 5.0)),
        (Decimal, 5, Default("constant", Decimal(5))),
        (datetime, now, Default("now")),
        (datetime, datetime(2024, 1, 1), Default("constant", datetime(2024, 1, 1, tzinfo=UTC))),
        (Level, Level.LOW, Default("constant", "low")),
    ],
)
def test_a_default_is_kept_as_the_type_has_it(annotation: Any, value: object, default: Default) -> None:
    assert _field(annotation, x=value).default == default


def test_a_mutable_default_is_copied() -> None:
    tags = ["a"]
    found = _field(list[str], x=tags)
    tags.append("b")
    assert found.default == Default("constant", ["a"])


def test_the_words_beside_a_type_are_its_description() -> None:
    assert PROJECT.fields["order_"].doc == "where it stands in the list"
    assert (PROJECT.fields["order_"].column, PROJECT.fields["order_"].open) == ("order", True)


def test_without_a_key_there_is_a_uuid_made_here() -> None:
    assert (PROJECT.key, PROJECT.fields["id"].default) == (("id",), Default("uuid7"))
    assert next(iter(PROJECT.fields)) == "id"


def test_a_declared_key_has_no_default() -> None:
    assert (PERSON.key, PERSON.fields["id"].default) == (("id",), None)


def test_a_ref_has_the_type_of_the_key_it_leads_to_through_keys_that_are_refs() -> None:
    class Base(Table):
        code: Key[int]

    class Extra(Table):
        base: Key[Ref["Base"]]

    class Note(Table):
        extra: Ref["Extra"]

    assert _entity(Note, Extra, Base).fields["extra"] == Field("extra", INT, "extra", ref="Extra")


def test_a_composite_key_is_made_of_refs() -> None:
    assert MEMBERSHIP.key == ("team", "person")
    assert [MEMBERSHIP.relations[name].on_delete for name in MEMBERSHIP.key] == ["cascade", "cascade"]


def test_a_many_finds_the_one_ref_that_leads_back() -> None:
    assert ORG.relations["people"] == Relation("people", "Org", "Person", True, "slug", "org", back="org")


def test_a_self_reference_is_found_from_both_sides() -> None:
    manager = Relation("manager", "Person", "Person", False, "manager", "id", nullable=True, on_delete="null")
    assert PERSON.relations["manager"] == manager
    assert PERSON.relations["reports"].back == "manager"


def test_many_to_many_goes_over_the_entity_between() -> None:
    middle = Middle("Membership", "person", "team")
    assert PERSON.relations["teams"] == Relation("teams", "Person", "Team", True, "id", "code", middle=middle)


def test_via_picks_one_of_several_refs() -> None:
    airport = _flights().entities["Airport"]
    assert [one.back for one in airport.relations.values()] == ["origin", "dest"]


def test_every_ref_is_indexed_unless_an_index_or_the_key_leads_with_it() -> None:
    leading = [index.keys[0].field for index in PROJECT.indexes if index.where == e.TRUE]
    assert (leading.count("team"), leading.count("owner")) == (1, 1)
    assert [index.keys[0].field for index in MEMBERSHIP.indexes] == ["person"]


def test_what_is_unique_is_so_within_a_tenant() -> None:
    unique = [index for index in PERSON.indexes if index.unique]
    assert [index.keys for index in unique] == [(IndexKey("email"), IndexKey("org"))]


def test_a_partial_index_keeps_its_condition_bound() -> None:
    partial = next(index for index in PROJECT.indexes if index.keys == (IndexKey("name"),))
    status = PROJECT.fields["status"]
    assert partial.where == e.Compare("eq", e.Column(status), e.Constant("running", status.type))


def test_soft_delete_and_audit_add_managed_fields() -> None:
    managed = {name: one.managed for name, one in PROJECT.fields.items() if one.managed}
    wanted = {"created_at": "created", "created_by": "created", "updated_at": "updated", "updated_by": "updated"}
    assert managed == {**wanted, "deleted_at": "deleted"}
    assert (PROJECT.soft_delete, PROJECT.fields["deleted_at"].private) == ("deleted_at", True)


def test_private_fields_are_not_public() -> None:
    assert "ssn" in PERSON.fields
    assert "ssn" not in PERSON.public()


def test_a_policy_is_bound_with_the_types_of_what_it_compares() -> None:
    phone = PERSON.policy.fields["phone"]
    assert phone == e.Compare("eq", e.Column(PERSON.fields["id"]), e.FromCall("me", "id", INT))
    assert PERSON.policy.create == e.FALSE


def test_a_policy_looks_through_a_many() -> None:
    parts = TEAM.policy.read
    assert isinstance(parts, e.Or)
    quantified = parts.parts[1]
    assert isinstance(quantified, e.Quantified)
    assert (quantified.quantifier, quantified.relation.name) == ("some", "members")


def test_a_bare_bool_behind_relations_is_a_condition() -> None:
    class Group(Table):
        open_: Annotated[bool, Column("open")]
        parts: Many["Part"]
        policy = Policy(read=this.parts.some.done | this.open_)

    class Part(Table):
        group_: Annotated[Ref[Group], Column("group")]
        done: bool
        policy = Policy(read=this.group_.open_)

    assert isinstance(_entity(Group, Part).policy.read, e.Or)
    assert isinstance(_entity(Part, Group).policy.read, e.Through)


def test_computed_fields_know_their_overload_and_type() -> None:
    full = PERSON.computed["full"].expression
    columns = [e.Column(PERSON.fields[name]) for name in ("first", "last")]
    assert full == e.Function("concat", (columns[0], e.Constant(" ", TEXT), columns[1]), TEXT)
    assert PERSON.fields["full"].computed == "sql"


def test_a_constant_takes_the_type_it_is_compared_with() -> None:
    salary = e.Column(PERSON.fields["salary"])
    assert PERSON.computed["well_paid"].expression == e.Compare("gt", salary, e.Constant(Decimal(5000), DECIMAL))


def test_a_python_field_is_a_function_of_what_it_needs() -> None:
    label = PERSON.computed["label"]
    assert (label.function, label.needs, PERSON.fields["label"].type) == ("Person.label", ("first", "last"), TEXT)
    assert DOMAIN.functions["Person.label"](_Row()) == "Lovelace, Ada"


class _Row:
    first, last = "Ada", "Lovelace"


def test_checks_have_names() -> None:
    assert [check.name for check in PROJECT.checks] == ["ends_after_start", "not_overspent"]


def test_fields_are_inherited_from_mixins() -> None:
    class Timed:
        at: datetime = now

    class Event(Timed, Table):
        name: str

    assert list(_entity(Event).fields) == ["id", "at", "name"]


def test_methods_and_constants_of_a_class_are_its_own_business() -> None:
    class Thing(Table):
        name: str
        _colour = "red"

        def shout(self) -> str:
            return self.name.upper()

    assert list(_entity(Thing).fields) == ["id", "name"]


def test_each_entity_has_its_default_actions_under_its_policy() -> None:
    actions = {action.name: action for action in DOMAIN.actions if action.entity == "Person"}
    assert list(actions) == ["get", "list", "aggregate", "create", "update", "upsert", "delete"]
    assert actions["list"].policy == PERSON.policy.read
    assert actions["upsert"].policy == e.FALSE


def test_options_map_names() -> None:
    class Box(Table, table="boxen", plural="boxen", since="2", scan_rows_max=0):
        name: str

    box = _entity(Box)
    assert (box.table, box.plural, box.path, box.since, box.scan_rows_max) == ("boxen", "boxen", "boxen", "2", 0)


@pytest.mark.parametrize(
    ("word", "plural"),
    [
        ("flight", "flights"),
        ("city", "cities"),
        ("day", "days"),
        ("box", "boxes"),
        ("wish", "wishes"),
        ("bus", "buses"),
    ],
)
def test_plurals_follow_english(word: str, plural: str) -> None:
    assert pluralise(word) == plural


@pytest.mark.parametrize(("name", "snaked"), [("SeatHold", "seat_hold"), ("HTTPRoute", "http_route"), ("A1", "a1")])
def test_classes_become_snake_case(name: str, snaked: str) -> None:
    assert snake(name) == snaked


def test_an_entity_says_where_it_was_declared() -> None:
    file, _, line = ORG.at.rpartition(":")
    assert file.endswith("tests/domain.py")
    assert int(line) > 1


def test_the_flights_of_the_tour_are_a_manifest() -> None:
    flight = _flights().entities["Flight"]
    assert (flight.path, flight.scan_rows_max) == ("flights", 1_000_000)
    assert flight.relations["plane"].nullable


def test_the_manifest_is_json_that_says_nothing_of_this_machine() -> None:
    text = json.dumps(manifest_json(DOMAIN), sort_keys=True)
    assert json.dumps(manifest_json(domain.manifest()), sort_keys=True) == text
    assert "domain.py" not in text
    assert '"functions": ["Person.label"]' in text


def test_the_storage_hash_changes_with_what_is_stored() -> None:
    original = storage_hash(_box(int, Policy(), True))
    assert original == storage_hash(_box(int, Policy(read=anyone), True))
    assert original != storage_hash(_box(str, Policy(), True))
    assert original != storage_hash(_box(int, Policy(), False))


def test_the_storage_hash_knows_no_order() -> None:
    shuffled = dict(reversed(list(DOMAIN.entities.items())))
    assert storage_hash(replace(DOMAIN, entities=shuffled)) == storage_hash(DOMAIN)


def test_the_rows_of_the_domain_have_the_fields_of_their_entities() -> None:
    for name, rows in domain.rows().items():
        stored = {one.name for one in DOMAIN.entities[name].fields.values() if one.computed is None}
        assert rows
        assert all(set(row) <= stored for row in rows)


def _box(annotation: Any, policy: Policy, unique: bool) -> Manifest:
    body = {"__annotations__": {"a": annotation}, "__module__": __name__, "policy": policy}
    cls = type("Box", (Table,), {**body, "unique": [Unique("a")] if unique else []})
    return read_manifest("app", [cls])


def _flights() -> Manifest:
    tables: list[type] = [flights.Airline, flights.Airport, flights.Plane, flights.Flight]
    return read_manifest("flights", tables, timezone="America/New_York")
