"""The expressions of the algebra: what filters, policies, computed fields and checks are made of.

Two of them (`Name`, `FromCall`) stand for what is not settled yet; binding and the policy replace
them. Conditions are three-valued as in SQL: None is unknown, and a policy holds only when True.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Literal, TypeAlias, cast

from kingpost.model.fields import Field, Relation
from kingpost.model.types import BOOL, Type

Comparison: TypeAlias = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "like", "ilike", "contains"]
Quantifier: TypeAlias = Literal["some", "every", "none"]
Aggregation: TypeAlias = Literal["count", "count_distinct", "sum", "avg", "min", "max"]
FunctionName: TypeAlias = Literal[
    "add", "subtract", "multiply", "divide", "concat", "lower", "upper", "length", "coalesce"
]


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that a declaration names; never a caller's."""

    value: object
    type: Type | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of a value that comes with each call: an index into the stage's `slots`."""

    number: int
    type: Type | None = None
    many: bool = False


@dataclass(frozen=True, slots=True)
class Name:
    """A dotted name as it was written, before it is bound: a field, or one behind relations."""

    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FromCall:
    """What the policy takes from the call: a claim of `me`, or `now`, `address`, `host`. It becomes a Slot."""

    source: Literal["me", "call"]
    name: str
    type: Type | None = None
    many: bool = False


@dataclass(frozen=True, slots=True)
class HasRole:
    """True when the caller bears the role; decided once for each set of roles, never in a store."""

    role: str


@dataclass(frozen=True, slots=True)
class Column:
    """A field of the row at hand."""

    field: Field


@dataclass(frozen=True, slots=True)
class Through:
    """`inner`, asked of the row a Ref points to and that `where` admits; unknown if there is none."""

    relation: Relation
    inner: Expression
    where: Expression | None = None


@dataclass(frozen=True, slots=True)
class Quantified:
    """Whether some, every or none of the related rows that `where` admits satisfy `condition`. Never unknown."""

    quantifier: Quantifier
    relation: Relation
    condition: Expression
    where: Expression | None = None


@dataclass(frozen=True, slots=True)
class Compare:
    """`like` takes % and _; `contains` is part of a text, element of an array, or JSON containment."""

    operator: Comparison
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class IsNull:
    inner: Expression


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    inner: Expression


@dataclass(frozen=True, slots=True)
class Function:
    """A total function: null on null (but `coalesce`), null where it has no value, such as x / 0 or overflow."""

    name: FunctionName
    arguments: tuple[Expression, ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Choose:
    """`then` where the condition is true, otherwise null: how a mask looks at the row."""

    condition: Expression
    then: Expression


@dataclass(frozen=True, slots=True)
class Aggregated:
    """A function over the rows of a bucket; without `inner`, the number of rows."""

    function: Aggregation
    inner: Expression | None
    type: Type


Expression: TypeAlias = (
    Constant
    | Slot
    | Name
    | FromCall
    | HasRole
    | Column
    | Through
    | Quantified
    | Compare
    | IsNull
    | And
    | Or
    | Not
    | Function
    | Choose
    | Aggregated
)

TRUE = Constant(True, BOOL)
FALSE = Constant(False, BOOL)


def rewrite(expression: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """Rebuild `expression` bottom-up, each node passed through `change` after its parts."""
    return change(rebuild(expression, lambda part: rewrite(part, change)))


def rebuild(expression: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """`expression` with `change` done to each of its direct parts; itself where none changed."""
    changed = {name: new for name, part in _parts(expression) if (new := _changed(part, change)) is not part}
    return replace(cast("Any", expression), **changed) if changed else expression


def walk(expression: Expression) -> list[Expression]:
    """`expression` and everything in it, outermost first, what is asked of related rows included."""
    found = [expression]
    for _, part in _parts(expression):
        for child in part if isinstance(part, tuple) else (part,):
            found.extend(walk(child))
    return found


def both(*parts: Expression | None) -> Expression:
    """The conjunction, flat and without what is known to be true."""
    flat: list[Expression] = []
    for part in parts:
        if part is None or part == TRUE:
            continue
        if part == FALSE:
            return FALSE
        flat.extend(part.parts if isinstance(part, And) else (part,))
    return TRUE if not flat else flat[0] if len(flat) == 1 else And(tuple(flat))


def either(*parts: Expression) -> Expression:
    """The disjunction, flat and without what is known to be false."""
    flat: list[Expression] = []
    for part in parts:
        if part == FALSE:
            continue
        if part == TRUE:
            return TRUE
        flat.extend(part.parts if isinstance(part, Or) else (part,))
    return FALSE if not flat else flat[0] if len(flat) == 1 else Or(tuple(flat))


def negate(inner: Expression) -> Expression:
    """The negation; unknown stays unknown."""
    if inner in (TRUE, FALSE):
        return FALSE if inner == TRUE else TRUE
    return Not(inner)


_LEAVES = (Constant, Slot, Name, FromCall, HasRole, Column)


def _parts(expression: Expression) -> list[tuple[str, Expression | tuple[Expression, ...]]]:
    if isinstance(expression, _LEAVES):
        return []
    found = []
    for field in fields(expression):
        value = getattr(expression, field.name)
        if isinstance(value, tuple) or (is_dataclass(value) and not isinstance(value, (Relation, Type))):
            found.append((field.name, cast("Expression | tuple[Expression, ...]", value)))
    return found


def _changed(
    part: Expression | tuple[Expression, ...], change: Callable[[Expression], Expression]
) -> Expression | tuple[Expression, ...]:
    if not isinstance(part, tuple):
        return change(part)
    new = tuple(change(child) for child in part)
    return part if all(a is b for a, b in zip(new, part, strict=True)) else new
