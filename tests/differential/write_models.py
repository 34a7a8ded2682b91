"""The random models with all that only writes ask about: policies for each effect, on_delete, checks, unique indexes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID as Uuid

from hypothesis import strategies as st

from kingpost.model.expressions import TRUE, Column, Compare, Constant, Expression, IsNull, Name, Not, Or
from kingpost.model.fields import Constraint, Default, Field, OnDelete
from kingpost.model.manifest import Check, Entity, Index, IndexKey, Policy
from kingpost.model.resolve import Scope, resolve
from kingpost.model.types import DATETIME, DECIMAL, INT, TEXT, UUID
from kingpost.query.evaluate import Context, meaning
from tests.differential.models import World, rules, values, worlds

_EFFECTS = ("create", "update", "delete")
_ALONE = Context((), lambda relation, row: ())
MADE = datetime(2000, 1, 1, tzinfo=UTC)
AUDIT = (
    Field("created_at", DATETIME, "created_at", default=Default("now"), managed="created"),
    Field("created_by", TEXT, "created_by", nullable=True, managed="created"),
    Field("updated_at", DATETIME, "updated_at", default=Default("now"), managed="updated"),
    Field("updated_by", TEXT, "updated_by", nullable=True, managed="updated"),
)
EXTRAS = (
    Field("token", UUID, "token", default=Default("uuid7")),
    Field(
        "small", INT, "small", default=Default("constant", 1), constraints=(Constraint("ge", 0), Constraint("le", 2))
    ),
    Field("sized", DECIMAL, "sized", nullable=True, constraints=(Constraint("digits", (4, 2)),)),
    Field("secret", TEXT, "secret", nullable=True, private=True),
)
GIVEN: Mapping[str, tuple[Any, ...]] = {
    "small": (0, 1, 2),
    "sized": (Decimal("1"), Decimal("-99.99"), Decimal("0.5"), None),
}

_GIVEN = {name: st.sampled_from(values) for name, values in GIVEN.items()}


@st.composite
def written_worlds(draw: st.DrawFn) -> World:
    """A model to write to, with rows that fit its constraints."""
    world = draw(worlds())
    entities = {name: _declared(draw, one) for name, one in world.manifest.entities.items()}
    entities = {name: _with_rules(draw, one, entities) for name, one in entities.items()}
    rows = {name: [_filled(draw, row, entities[name]) for row in rows] for name, rows in world.rows.items()}
    return World(replace(world.manifest, entities=entities), _fitting(rows, entities))


def given_values(field: Field) -> st.SearchStrategy[Any]:
    """Values that fit the field."""
    return _GIVEN[field.name] if field.name in _GIVEN else values(field.type)


def _declared(draw: st.DrawFn, entity: Entity) -> Entity:
    """With more fields, and what its Refs do when the row they name goes."""
    extras = [one for one in EXTRAS if draw(st.booleans())]
    if draw(st.integers(0, 2)) == 0:
        extras += AUDIT
    relations = dict(entity.relations)
    for name, one in relations.items():
        if not one.many:
            rules: list[OnDelete] = ["restrict", "cascade", "null"] if one.nullable else ["restrict", "cascade"]
            relations[name] = replace(one, on_delete=draw(st.sampled_from(rules)))
    fields = {**entity.fields, **{one.name: one for one in extras}}
    return replace(entity, fields=fields, relations=relations)


def _with_rules(draw: st.DrawFn, entity: Entity, entities: Mapping[str, Entity]) -> Entity:
    scope = Scope(entities, entity, private=True)
    allowed = {effect: resolve(_rule(draw, entity), scope) for effect in _EFFECTS}
    policy = Policy(read=entity.policy.read, fields=entity.policy.fields, **allowed)
    checks = [one for one in _checks(entity) if draw(st.integers(0, 5)) == 0]
    indexes = [one for one in _unique(entity) if draw(st.integers(0, 4)) == 0]
    return replace(entity, policy=policy, checks=tuple(checks), indexes=tuple(indexes))


def _rule(draw: st.DrawFn, entity: Entity) -> Expression:
    """Most writes should get beyond the policy."""
    if draw(st.integers(0, 2)):
        return TRUE
    rule = draw(rules(entity))
    return rule if draw(st.booleans()) else Or((rule, Not(IsNull(Name(("text_1",))))))


def _checks(entity: Entity) -> Iterator[Check]:
    number, text = Column(entity.fields["int_0"]), Column(entity.fields["text_1"])
    yield Check("no_b", Compare("ne", text, Constant("b", TEXT)))
    yield Check(
        "below", Or((Compare("lte", number, Column(entity.fields["id"])), Compare("eq", text, Constant("a", TEXT))))
    )


def _unique(entity: Entity) -> Iterator[Index]:
    yield Index((IndexKey("text_1"),), unique=True)
    yield Index((IndexKey("int_0"), IndexKey("text_1")), unique=True)
    yield Index((IndexKey("decimal_2"),), unique=True)
    for name, one in entity.relations.items():
        if not one.many:
            yield Index((IndexKey(name), IndexKey("text_1")), unique=True)
    if entity.soft_delete is not None:
        yield Index((IndexKey("int_0"),), unique=True, where=IsNull(Column(entity.fields[entity.soft_delete])))


def _filled(draw: st.DrawFn, row: dict[str, object], entity: Entity) -> dict[str, object]:
    extras = {name: draw(given_values(entity.fields[name])) for name in GIVEN if name in entity.fields}
    made = {"token": Uuid(int=2**100 + int(str(row["id"]))), "created_at": MADE, "updated_at": MADE}
    return {**row, **extras, **{name: one for name, one in made.items() if name in entity.fields}}


def _fitting(
    rows: Mapping[str, list[dict[str, object]]], entities: Mapping[str, Entity]
) -> dict[str, list[dict[str, object]]]:
    """Those of the rows that fit all constraints: whoever refers to one that does not goes as well."""
    kept: dict[str, list[dict[str, object]]] = {}
    for name, entity in entities.items():
        kept[name] = []
        seen: set[object] = set()
        keys = {one: {row["id"] for row in given} for one, given in kept.items()}
        for row in rows[name]:
            taken = set(_unique_values(row, entity))
            refers = all(
                row[one.local] is None or row[one.local] in keys[one.target]
                for one in entity.relations.values()
                if not one.many
            )
            if refers and not taken & seen and _holds(row, entity):
                kept[name].append(row)
                keys[name].add(row["id"])
                seen |= taken
    return kept


def _holds(row: Mapping[str, object], entity: Entity) -> bool:
    return not any(meaning(one.condition)(row, _ALONE) is False for one in entity.checks)


def _unique_values(row: Mapping[str, object], entity: Entity) -> Iterator[object]:
    for number, index in enumerate(entity.indexes):
        values = tuple(row[key.field] for key in index.keys)
        if None not in values and meaning(index.where)(row, _ALONE) is True:
            yield number, values
