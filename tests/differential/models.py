"""Random small models with policies, and data for them, as Hypothesis strategies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from itertools import permutations
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from kingpost.model.expressions import (
    FALSE,
    TRUE,
    And,
    Column,
    Compare,
    Constant,
    Expression,
    FromCall,
    Function,
    HasRole,
    IsNull,
    Name,
    Not,
    Or,
)
from kingpost.model.fields import Field, Middle, Relation
from kingpost.model.manifest import Computed, Entity, Manifest, Policy
from kingpost.model.resolve import Scope, resolve
from kingpost.model.types import DATETIME, INT, TEXT, Scalar, Type

ROLES = ("clerk", "admin")
CLAIMS: Mapping[str, object] = {"number": 1, "word": "a"}

POOLS: Mapping[Scalar, tuple[Any, ...]] = {
    Scalar.INT: (0, 1, 2, -1, 2**63 - 1, -(2**63)),
    Scalar.TEXT: ("", "a", "A", "b", "é", "É", "a%b", "a_b", "\\", "ab\\", "zß", "𝄞", "a\nb"),
    Scalar.FLOAT: (0.0, -0.0, 1.5, -2.25, 1e300, 1e-300),
    Scalar.DECIMAL: (Decimal("1.0"), Decimal("1.00"), Decimal("-2.5"), Decimal("0.00"), Decimal("0"), Decimal("1e20")),
    Scalar.BOOL: (True, False),
    Scalar.DATETIME: (
        datetime(2013, 1, 1, tzinfo=UTC),
        datetime(2013, 7, 1, 5, 0, 0, 500, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ),
    Scalar.DATE: (date(2013, 1, 1), date(2000, 2, 29), date(1, 1, 1), date(9999, 12, 31)),
    Scalar.TIME: (time(0), time(12, 30), time(23, 59, 59, 999999)),
    Scalar.DURATION: (
        timedelta(0),
        timedelta(days=1),
        timedelta(hours=24, microseconds=1),
        timedelta(days=-3, hours=2),
    ),
    Scalar.UUID: (UUID(int=0), UUID(int=1), UUID(int=2**128 - 1)),
    Scalar.BYTES: (b"", b"\x00", b"\xff\x00a", b"a" * 100),
    Scalar.JSON: ({}, {"a": 1}, {"a": 1.0, "b": [1, None]}, [1, 2], "text", 1, True),
}
ARRAYS = (Scalar.INT, Scalar.TEXT)
KINDS = st.sampled_from(["leaf", "leaf", "and", "or", "not"])


@dataclass(frozen=True, repr=False)
class World:
    """A model and its rows, in an order that respects the Refs. Its repr is short: Hypothesis makes it all the time."""

    manifest: Manifest
    rows: Mapping[str, list[dict[str, object]]]

    def __repr__(self) -> str:
        return f"<World of {', '.join(self.rows)}>"

    def kept(self) -> dict[str, list[dict[str, object]]]:
        """The rows without those softly deleted."""
        return {name: [row for row in rows if row.get("deleted_at") is None] for name, rows in self.rows.items()}

    def told(self) -> str:
        """All of it, for a failure's report."""
        lines = []
        for entity in self.manifest.entities.values():
            lines.append(f"{entity.name}: {dict(entity.fields)}\n  {entity.policy}\n  tenant {entity.tenant}")
            lines.extend(f"    {row}" for row in self.rows[entity.name])
        return "\n".join(lines)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A model of two or three entities, each with rows."""
    names = ("Alpha", "Beta", "Gamma")[: draw(st.integers(2, 3))]
    shapes = {name: draw(_fields(name)) for name in names}
    entities: dict[str, Entity] = {}
    for number, name in enumerate(names):
        refs = {f"{target.lower()}_ref": target for target in names[: number + 1] if draw(st.booleans())}
        entities[name] = _entity(name, shapes[name], refs, draw(st.booleans()))
    if draw(st.booleans()):
        entities[names[-1]] = _linking(names, shapes[names[-1]], draw(st.booleans()))
    entities = _with_manys(entities)
    entities = draw(_with_links(entities))
    entities = {name: draw(_with_computed(entity)) for name, entity in entities.items()}
    entities = {name: _with_soft_delete(one) if draw(st.integers(0, 2)) == 0 else one for name, one in entities.items()}
    settled = {name: draw(_with_policy(entity, entities)) for name, entity in entities.items()}
    rows: dict[str, list[dict[str, object]]] = {}
    for name in names:
        keys = {one: [row["id"] for row in given] for one, given in rows.items()}
        rows[name] = draw(_rows(settled[name], keys))
    functions = {f"{name}.made": made for name in names}
    return World(Manifest("world", "America/New_York", settled, functions=functions), rows)


def made(row: Any) -> str:
    """What every entity's field `made` is: the values it needs, as Python was handed them."""
    # JSON does not tell zeros apart by their sign.
    return repr({name: one + 0.0 if isinstance(one, float) else one for name, one in vars(row).items()})


@cache
def values(type_: Type) -> st.SearchStrategy[Any]:
    """A value of the type, from a pool small enough that values meet each other."""
    pool = st.sampled_from(type_.choices or POOLS[type_.scalar])
    return st.lists(pool, max_size=3) if type_.array else pool


@st.composite
def _fields(draw: st.DrawFn, entity: str) -> dict[str, Field]:
    scalars = draw(st.lists(st.sampled_from(list(Scalar)), min_size=1, max_size=4))
    fields = {"id": Field("id", INT, "id")}
    for number, scalar in enumerate([Scalar.INT, Scalar.TEXT, Scalar.DECIMAL, *scalars]):
        array = number > 1 and scalar in ARRAYS and draw(st.booleans())
        choices = ("a", "b", "A") if scalar is Scalar.TEXT and number > 1 and not array and draw(st.booleans()) else ()
        name = f"{scalar.value}_{number}"
        fields[name] = Field(name, Type(scalar, array, choices), f"c{number}", nullable=draw(st.booleans()))
    return fields


def _entity(name: str, fields: dict[str, Field], refs: Mapping[str, str], flag: bool) -> Entity:
    relations = {}
    for ref, target in refs.items():
        nullable = flag or target == name
        fields = {**fields, ref: Field(ref, INT, ref, nullable=nullable, ref=target)}
        relations[ref] = Relation(ref, name, target, many=False, local=ref, remote="id", nullable=nullable)
    return Entity(
        name, name.lower() + "s", name.lower() + "s", name.lower(), "table", fields, ("id",), relations,
        policy=Policy(read=TRUE), scan_rows_max=10**9,
    )  # fmt: skip


def _linking(names: Sequence[str], fields: dict[str, Field], flag: bool) -> Entity:
    """The last entity as one that stands between others: two Refs to the first and one to each of the rest."""
    refs = {"again_ref": names[0], **{f"{target.lower()}_ref": target for target in names[:-1]}}
    return _entity(names[-1], fields, refs, flag)


def _with_manys(entities: Mapping[str, Entity]) -> dict[str, Entity]:
    found = dict(entities)
    for entity, ref in _refs(entities):
        name = f"{entity.lower()}_by_{ref.name}"
        many = Relation(name, ref.target, entity, many=True, local="id", remote=ref.name, back=ref.name)
        found[ref.target] = _related(found[ref.target], many)
    return found


@st.composite
def _with_links(draw: st.DrawFn, entities: Mapping[str, Entity]) -> dict[str, Entity]:
    """Some of the ways that lead over one entity to another, or back to the same: by two Refs of the first."""
    found = dict(entities)
    for between in entities:
        ways = list(permutations([ref for name, ref in _refs(entities) if name == between], 2))
        for back, onward in draw(st.lists(st.sampled_from(ways), max_size=2, unique=True)) if ways else ():
            name = f"over_{between.lower()}_{back.name}_{onward.name}"
            middle = Middle(between, back.name, onward.name)
            links = Relation(name, back.target, onward.target, many=True, local="id", remote="id", middle=middle)
            found[back.target] = _related(found[back.target], links)
    return found


def _refs(entities: Mapping[str, Entity]) -> Iterator[tuple[str, Relation]]:
    for entity in entities.values():
        yield from ((entity.name, one) for one in entity.relations.values() if not one.many)


def _related(entity: Entity, relation: Relation) -> Entity:
    return replace(entity, relations={**entity.relations, relation.name: relation})


@st.composite
def _with_computed(draw: st.DrawFn, entity: Entity) -> Entity:
    number = entity.fields["int_0"]
    doubled = Function("add", (Column(number), Column(entity.fields["id"])), INT)
    text = Function("concat", (Column(entity.fields["text_1"]), Constant("!", TEXT)), TEXT)
    needs = draw(st.lists(st.sampled_from([*entity.fields, "doubled"]), min_size=1, max_size=4, unique=True))
    fields = {
        **entity.fields,
        "doubled": Field("doubled", INT, "", nullable=True, computed="sql"),
        "loud": Field("loud", TEXT, "", nullable=True, computed="sql"),
        "made": Field("made", TEXT, "", nullable=True, computed="python"),
    }
    python = Computed(function=f"{entity.name}.made", needs=tuple(needs))
    computed = {"doubled": Computed(doubled), "loud": Computed(text), "made": python}
    return replace(entity, fields=fields, computed=computed)


def _with_soft_delete(entity: Entity) -> Entity:
    """As a declaration with `soft_delete=True` is read."""
    field = Field("deleted_at", DATETIME, "deleted_at", nullable=True, private=True, managed="deleted")
    return replace(entity, fields={**entity.fields, field.name: field}, soft_delete=field.name)


@st.composite
def _with_policy(draw: st.DrawFn, entity: Entity, entities: Mapping[str, Entity]) -> Entity:
    scope = Scope(entities, entity, private=True)
    read = resolve(draw(st.one_of(st.just(TRUE), rules(entity))), scope)
    masked = draw(
        st.lists(st.sampled_from(["int_0", "text_1", "doubled", "made", *entity.relations]), max_size=2, unique=True)
    )
    masks = {name: resolve(draw(rules(entity)), scope) for name in masked if name in entity.fields}
    policy = Policy(read=read, fields=masks)
    if draw(st.integers(0, 4)) == 0:
        return replace(entity, policy=policy, tenant="int_0")
    return replace(entity, policy=policy)


def _rule_leaves(entity: Entity) -> list[Expression]:
    leaves: list[Expression] = [
        HasRole("clerk"),
        HasRole("admin"),
        TRUE,
        FALSE,
        Compare("eq", Name(("int_0",)), FromCall("me", "number")),
        Compare("ne", Name(("text_1",)), FromCall("me", "word")),
        Compare("ne", Name(("text_1",)), FromCall("me", "missing")),
        Compare("gt", Name(("id",)), Constant(0)),
        IsNull(Name(("int_0",))),
    ]
    for relation in entity.relations.values():
        leaves.append(Compare("gte", Name((relation.name, "id")), Constant(1)))
        if relation.many:
            leaves.append(Compare("eq", Name((relation.name, "every", "text_1")), FromCall("me", "word")))
    return leaves


@st.composite
def rules(draw: st.DrawFn, entity: Entity, depth: int = 2) -> Expression:
    """A policy over the entity's own fields, related rows, and the caller's roles and claims."""
    kind = draw(KINDS) if depth else "leaf"
    if kind == "leaf":
        leaves = _rule_leaves(entity)
        return leaves[draw(st.integers(0, len(leaves) - 1))]
    if kind == "not":
        return Not(draw(rules(entity, depth - 1)))
    parts = tuple(draw(rules(entity, depth - 1)) for _ in range(draw(st.integers(2, 3))))
    return And(parts) if kind == "and" else Or(parts)


@st.composite
def _rows(draw: st.DrawFn, entity: Entity, keys: Mapping[str, list[object]]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for key in range(draw(st.integers(0, 7))):
        row: dict[str, object] = {"id": key}
        for field in entity.fields.values():
            if field.name == "id" or field.computed:
                continue
            row[field.name] = draw(
                _value(
                    field, [one["id"] for one in rows] if field.ref == entity.name else keys.get(field.ref or "", [])
                )
            )
        if any(row[field.name] is None and not field.nullable for field in entity.fields.values() if field.name in row):
            continue
        rows.append(row)
    return rows


def _value(field: Field, keys: list[object]) -> st.SearchStrategy[object]:
    if field.ref is not None:
        return st.sampled_from([*keys, None] if field.nullable or not keys else keys)
    return _or_none(field.type) if field.nullable else values(field.type)


@cache
def _or_none(type_: Type) -> st.SearchStrategy[object]:
    return st.one_of(st.none(), values(type_))
