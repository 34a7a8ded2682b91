"""The rows of an entity that satisfy a condition: what they are equal to is used in all that is asked of them.

A policy such as `airline <> $me` costs a look at every row of a long index range; where the airline is known to be
`$1`, or that of an outer row, it is written `$1 <> $me` and looked at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kingpost.model.expressions import (
    TRUE,
    And,
    Column,
    Compare,
    Constant,
    Expression,
    IsNull,
    Not,
    Or,
    Quantified,
    Slot,
    Through,
    walk,
)
from kingpost.model.fields import Field
from kingpost.model.manifest import Entity, IndexKey
from kingpost.query.stages import Rows, SortKey
from kingpost.store.postgres.expressions import EXACT, Scope, Writing

_RANGES = frozenset({"gt", "gte", "lt", "lte"})


@dataclass(frozen=True, slots=True)
class Walked:
    """Conditions in SQL, the scope they were written in, and what tells whether an index serves them."""

    scope: Scope
    conditions: tuple[str, ...]
    fixed: frozenset[str]
    rest: tuple[Expression, ...]


def walk_rows(rows: Rows, alias: str, writing: Writing, joined: Mapping[str, str] | None = None) -> Walked:
    """Walk the rows of `rows` under `alias`.

    Args:
        rows: which.
        alias: for the table, of `writing`.
        writing: of the statement.
        joined: fields that equal a value of an outer row, and that in SQL.
    """
    scope = Scope(alias, rows.entity)
    joined = joined or {}
    conditions = [f"{scope.column(name)} = {outer}" for name, outer in joined.items()]
    known = {name: outer for name, outer in joined.items() if rows.entity.fields[name].type.scalar in EXACT}
    fixed = set(joined)
    rest: list[Expression] = []
    for condition in _conjuncts(rows.where):
        found = _equality(condition)
        if found is None or found[0].name in known:
            rest.append(condition)
            continue
        one, other = found
        value = writing.value(other, scope)
        conditions.append(f"{scope.column(one.name)} = {value}")
        fixed.add(one.name)
        if one.type.scalar in EXACT:
            known[one.name] = value
    inside = replace(scope, known=known)
    conditions += writing.all_true(rest, inside)
    return Walked(inside, tuple(conditions), frozenset(fixed), tuple(rest))


def served(walked: Walked, sort: tuple[SortKey, ...]) -> bool:
    """Whether one index yields just these rows in this order, whatever the values: then a generic plan is right.

    Else the planner should see the values: a filter on one index beside an order on another is quick or ruinous
    depending on them.
    """
    entity = walked.scope.entity
    wanted = [key for key in sort if not (isinstance(key.value, Column) and key.value.field.name in walked.fixed)]
    first = wanted[0].value.field.name if wanted and isinstance(wanted[0].value, Column) else None
    used = [_harmless(condition, walked, first) for condition in walked.rest]
    if not all(used):
        return False
    indexes = [index.keys for index in entity.indexes if index.where == TRUE]
    indexes.append(tuple(IndexKey(name) for name in entity.key))
    return any(_serves(keys, entity, walked.fixed, wanted) for keys in indexes)


def _conjuncts(where: Expression) -> tuple[Expression, ...]:
    return where.parts if isinstance(where, And) else () if where == TRUE else (where,)


def _equality(condition: Expression) -> tuple[Field, Expression] | None:
    match condition:
        case Compare("eq", Column(one), (Slot(_, type_) | Constant(_, type_)) as other) if (
            type_ is not None and type_.scalar is one.type.scalar and type_.array == one.type.array
        ):
            return one, other
        case _:
            return None


def _serves(keys: tuple[IndexKey, ...], entity: Entity, fixed: frozenset[str], wanted: list[SortKey]) -> bool:
    """Whether an index begins with all fixed fields, in any order, and goes on as the sort does."""
    names = [key.field for key in keys]
    if not fixed <= set(names[: len(fixed)]):
        return False
    last = keys[-1].descending
    missing = (IndexKey(name, last) for name in entity.key if name not in names)
    rest = (*keys[len(fixed) :], *missing)
    pairs = list(zip(rest, wanted, strict=False))
    if len(wanted) > len(rest) or any(
        not isinstance(sort.value, Column) or sort.value.field.name != key.field for key, sort in pairs
    ):
        return False
    turned = {key.descending != sort.descending for key, sort in pairs}
    # Read backwards, an index has its nulls first.
    return turned <= {False} or (turned == {True} and not any(sort.nullable for _, sort in pairs))


def _harmless(condition: Expression, walked: Walked, first: str | None) -> bool:
    """Whether it passes most rows, looks at none, or bounds the range that the index is read over."""
    match condition:
        case Compare(operator, Column(one), Slot() | Constant()) if operator in _RANGES and one.name == first:
            return True
        case Compare("ne", Column(), Slot() | Constant()) | IsNull(Column()):
            return True
        case Or(parts) | And(parts):
            return all(_harmless(part, walked, first) for part in parts)
        case Not(IsNull(Column()) | Column()):
            return True
        case Through(relation) | Quantified(_, relation):
            return relation.local in walked.scope.known
        case _:
            nodes = walk(condition)
            if any(isinstance(node, Through | Quantified) for node in nodes):
                return False
            return {node.field.name for node in nodes if isinstance(node, Column)} <= walked.scope.known.keys()
