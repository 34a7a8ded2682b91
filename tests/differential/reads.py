"""Random operations over a random model, with the values that fill their slots."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from hypothesis import strategies as st

from kingpost.model.expressions import (
    TRUE,
    Aggregated,
    And,
    Compare,
    Comparison,
    Expression,
    IsNull,
    Name,
    Not,
    Or,
    Slot,
)
from kingpost.model.fields import Field
from kingpost.model.manifest import Entity, Manifest
from kingpost.model.types import INT, NUMERIC, Scalar, Type
from kingpost.query.operations import Aggregate, Group, Include, Operation, Order, Read
from tests.differential.models import KINDS, values

COMPARISONS: tuple[Comparison, ...] = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "like", "ilike", "contains")
PATTERNS = ("%", "a%", "_", "%B", "\\", "a\\%b", "%\\", "É%", "")


@dataclass
class Asked:
    """An operation and the values of its slots."""

    operation: Operation
    values: list[object]


@dataclass
class Asking:
    """Gives out slots while an operation is drawn."""

    manifest: Manifest
    values: list[object] = field(default_factory=list)

    def slot(self, value: object) -> Slot:
        self.values.append(value)
        return Slot(len(self.values) - 1)


@st.composite
def reads(draw: st.DrawFn, manifest: Manifest) -> Asked:
    """A page of rows of some entity."""
    asking = Asking(manifest)
    entity = draw(st.sampled_from(list(manifest.entities.values())))
    read = draw(_read(entity, asking, depth=0))
    return Asked(read, asking.values)


@st.composite
def groups(draw: st.DrawFn, manifest: Manifest) -> Asked:
    """A page of buckets of some entity."""
    asking = Asking(manifest)
    entity = draw(st.sampled_from(list(manifest.entities.values())))
    by = draw(st.lists(_names(entity, manifest, _sortable), min_size=1, max_size=2, unique=True))
    aggregates = tuple(draw(st.lists(_aggregates(entity), max_size=3, unique=True)))
    sort = [
        Order(one, draw(st.booleans()))
        for one in draw(st.lists(st.sampled_from([*by, *aggregates]), max_size=2, unique=True))
    ]
    having: Expression = TRUE
    if draw(st.booleans()):
        having = Compare(
            draw(st.sampled_from(["gt", "lte", "ne"])),
            Aggregated("count", None, INT),
            asking.slot(draw(st.integers(0, 3))),
        )
    group = Group(
        entity.name,
        tuple(by),
        aggregates,
        where=draw(conditions(entity, asking)) if draw(st.booleans()) else TRUE,
        having=having,
        sort=tuple(sort),
        limit=asking.slot(draw(st.integers(1, 4))),
    )
    return Asked(group, asking.values)


@st.composite
def _read(draw: st.DrawFn, entity: Entity, asking: Asking, depth: int) -> Read:
    includes: list[Include] = []
    if depth < 2:
        names = draw(st.lists(st.sampled_from(sorted(entity.relations) or [""]), max_size=2, unique=True))
        includes = [draw(include(entity, name, asking, depth)) for name in names if name]
    fields = draw(st.none() | st.lists(st.sampled_from(sorted(entity.public())), min_size=1, max_size=4, unique=True))
    return Read(
        entity.name if depth == 0 else "",
        fields=None if fields is None else tuple(fields),
        where=draw(conditions(entity, asking)) if draw(st.booleans()) else TRUE,
        sort=tuple(draw(_sorts(entity, asking.manifest))),
        limit=asking.slot(draw(st.integers(1, 4))),
        includes=tuple(includes),
        count=draw(st.sampled_from(["none", "none", "exact"])) if depth == 0 else "none",
    )


@st.composite
def include(draw: st.DrawFn, entity: Entity, name: str, asking: Asking, depth: int) -> Include:
    relation = entity.relations[name]
    target = asking.manifest.entities[relation.target]
    if relation.many:
        return Include(name, draw(_read(target, asking, depth + 1)))
    return Include(name, Read("", fields=draw(st.sampled_from([None, ("id",), ("text_1", "doubled"), ("made",)]))))


@st.composite
def _sorts(draw: st.DrawFn, entity: Entity, manifest: Manifest) -> list[Order]:
    names = draw(st.lists(_names(entity, manifest, _sortable), max_size=2, unique=True))
    return [Order(name, draw(st.booleans())) for name in names]


@st.composite
def conditions(draw: st.DrawFn, entity: Entity, asking: Asking, depth: int = 2) -> Expression:
    """By hand, not with st.recursive, which writes out the whole model again and again."""
    kind = draw(KINDS) if depth else "leaf"
    if kind == "leaf":
        return draw(_comparison(entity, asking))
    if kind == "not":
        return Not(draw(conditions(entity, asking, depth - 1)))
    parts = tuple(draw(conditions(entity, asking, depth - 1)) for _ in range(draw(st.integers(1, 3))))
    return And(parts) if kind == "and" else Or(parts)


@st.composite
def _comparison(draw: st.DrawFn, entity: Entity, asking: Asking) -> Expression:
    path: list[str] = []
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        if not entity.relations:
            break
        relation = entity.relations[draw(st.sampled_from(sorted(entity.relations)))]
        path.append(relation.name)
        if relation.many and draw(st.booleans()):
            path.append(draw(st.sampled_from(["some", "every", "none"])))
        entity = asking.manifest.entities[relation.target]
    one = entity.fields[draw(st.sampled_from(sorted(_asked(entity))))]
    name = Name((*path, one.name))
    if draw(st.integers(0, 5)) == 0:
        return IsNull(name)
    operator = draw(st.sampled_from(_operators(one.type)))
    return Compare(operator, name, asking.slot(draw(_given(one.type, operator))))


def _operators(type_: Type) -> list[Comparison]:
    if type_.array:
        return ["eq", "ne", "contains"]
    if type_.scalar is Scalar.JSON:
        return ["eq", "ne", "contains"]
    if type_.scalar is Scalar.TEXT:
        return list(COMPARISONS)
    return ["eq", "ne", "gt", "gte", "lt", "lte", "in"]


def _given(type_: Type, operator: Comparison) -> st.SearchStrategy[Any]:
    if operator in ("like", "ilike"):
        return st.sampled_from(PATTERNS)
    if operator == "contains" and type_.array:
        return values(Type(type_.scalar))
    if operator == "in":
        return st.lists(values(type_), max_size=3)
    return values(type_)


def _names(entity: Entity, manifest: Manifest, fits: Any) -> st.SearchStrategy[Name]:
    found = [Name((one.name,)) for one in _asked(entity).values() if fits(one.type)]
    for relation in entity.relations.values():
        if not relation.many:
            target = manifest.entities[relation.target]
            found += [Name((relation.name, one.name)) for one in _asked(target).values() if fits(one.type)]
    return st.sampled_from(found)


def _aggregates(entity: Entity) -> st.SearchStrategy[Aggregate]:
    found = [Aggregate("count")]
    for one in _asked(entity).values():
        if _sortable(one.type):
            found += [Aggregate("count", Name((one.name,))), Aggregate("count_distinct", Name((one.name,)))]
        if one.type.scalar in NUMERIC and not one.type.array:
            found += [Aggregate(cast("Any", function), Name((one.name,))) for function in ("sum", "avg", "min", "max")]
    return st.sampled_from(found)


def _asked(entity: Entity) -> dict[str, Field]:
    """The fields that a store can be asked about: all but those made in Python."""
    return {name: one for name, one in entity.public().items() if one.computed != "python"}


def _sortable(type_: Type) -> bool:
    return not type_.array and type_.scalar is not Scalar.JSON
