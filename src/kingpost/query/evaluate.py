"""What an expression means: a pure interpreter over plain rows, the reference that every store must agree with.

Conditions are three-valued, None being unknown. Nothing here raises over stored data.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from kingpost.model.expressions import (
    Aggregated,
    And,
    Choose,
    Column,
    Compare,
    Constant,
    Expression,
    Function,
    IsNull,
    Not,
    Or,
    Quantified,
    Slot,
    Through,
)
from kingpost.model.fields import Relation
from kingpost.model.resolve import type_of
from kingpost.model.types import Scalar, Type
from kingpost.query import jsonb
from kingpost.query.arithmetic import function, to_decimal, to_float
from kingpost.query.coerce import coercer
from kingpost.query.letters import like, lower

Row: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Context:
    """What a row does not know: the slots' values by number, and the rows a relation leads to (all, unfiltered)."""

    arguments: Sequence[object]
    related: Callable[[Relation, Row], Iterable[Row]]


Meaning: TypeAlias = Callable[[Row, Context], object]
_Relate: TypeAlias = Callable[[Any, Any], object]


def evaluate(expression: Expression, row: Row, context: Context) -> object:
    """The value of `expression` for `row`; for many rows, keep what `meaning` returns."""
    return meaning(expression)(row, context)


def meaning(expression: Expression) -> Meaning:
    """`expression` as a function of a row and its context.

    An Aggregated is looked up in the row, under `bucket_key`: a bucket is a row whose values were counted out before.
    """
    match expression:
        case Constant(value):
            return lambda row, context: value
        case Slot(number):
            return lambda row, context: context.arguments[number]
        case Column(field):
            return _column(field.name)
        case Compare():
            return _compare(expression)
        case And() | Or() | Not() | IsNull() | Choose():
            return _logic(expression)
        case Through():
            return _through(expression)
        case Quantified():
            return _quantified(expression)
        case Function(name, arguments, type_):
            compute, parts = function(name, type_), [meaning(one) for one in arguments]
            return lambda row, context: compute(*[part(row, context) for part in parts])
        case Aggregated():
            key = bucket_key(expression)
            return lambda row, context: row[key]
        case _:
            raise TypeError(f"{expression!r} has no meaning before it is bound and allowed")


def bucket_key(expression: Expression) -> str:
    """The name under which a bucket holds the value of a group key or an Aggregated."""
    return repr(expression)


def _column(name: str) -> Meaning:
    return lambda row, context: row[name]


def _logic(expression: And | Or | Not | IsNull | Choose) -> Meaning:
    match expression:
        case And(parts):
            return _every([meaning(part) for part in parts])
        case Or(parts):
            return _some([meaning(part) for part in parts])
        case Not(inner):
            negated = meaning(inner)
            return lambda row, context: None if (value := negated(row, context)) is None else not value
        case IsNull(inner):
            tested = meaning(inner)
            return lambda row, context: tested(row, context) is None
        case Choose(condition, then):
            holds, chosen = meaning(condition), meaning(then)
            return lambda row, context: chosen(row, context) if holds(row, context) is True else None


def _every(parts: list[Meaning]) -> Meaning:
    def conjunction(row: Row, context: Context) -> object:
        result: object = True
        for part in parts:
            value = part(row, context)
            if value is False:
                return False
            if value is None:
                result = None
        return result

    return conjunction


def _some(parts: list[Meaning]) -> Meaning:
    def disjunction(row: Row, context: Context) -> object:
        result: object = False
        for part in parts:
            value = part(row, context)
            if value is True:
                return True
            if value is None:
                result = None
        return result

    return disjunction


def _through(expression: Through) -> Meaning:
    relation, inner = expression.relation, meaning(expression.inner)
    admits = None if expression.where is None else meaning(expression.where)

    def through(row: Row, context: Context) -> object:
        for one in context.related(relation, row):
            if admits is None or admits(one, context) is True:
                return inner(one, context)
        return None

    return through


def _quantified(expression: Quantified) -> Meaning:
    relation, condition, quantifier = expression.relation, meaning(expression.condition), expression.quantifier
    admits = None if expression.where is None else meaning(expression.where)

    def quantified(row: Row, context: Context) -> object:
        for one in context.related(relation, row):
            if admits is not None and admits(one, context) is not True:
                continue
            if (condition(one, context) is True) is not (quantifier == "every"):
                return quantifier == "some"
        return quantifier != "some"

    return quantified


def _compare(compare: Compare) -> Meaning:
    left_type = type_of(compare.left) or type_of(compare.right)
    right_type = type_of(compare.right) or left_type
    left, right = _side(compare.left), _side(compare.right, listed=compare.operator == "in")
    relate = _relation(compare.operator, left_type, right_type)
    if compare.operator == "in":
        return _one_of(left, right, relate)

    def compared(row: Row, context: Context) -> object:
        mine = left(row, context)
        if mine is None:
            return None
        theirs = right(row, context)
        return None if theirs is None else relate(mine, theirs)

    return compared


def _one_of(left: Meaning, right: Meaning, same: _Relate) -> Meaning:
    """Nothing is in an empty list, not even null: as `= ANY('{}')`."""

    def one_of(row: Row, context: Context) -> object:
        mine, theirs = left(row, context), cast("Sequence[object] | None", right(row, context))
        if theirs is None:
            return None
        if not theirs:
            return False
        return None if mine is None else any(same(mine, one) for one in theirs)

    return one_of


def _side(expression: Expression, listed: bool = False) -> Meaning:
    """A Constant is brought to its type once: a declaration may write 5 for a Decimal, or a date as text."""
    if not isinstance(expression, Constant) or expression.type is None or expression.value is None:
        return meaning(expression)
    coerce = coercer(expression.type, "UTC", json_text=False)
    if not listed:
        return meaning(Constant(coerce(expression.value)))
    return meaning(Constant([coerce(one) for one in cast("Iterable[object]", expression.value)]))


def _relation(name: str, left: Type | None, right: Type | None) -> _Relate:
    json = left is not None and left.scalar is Scalar.JSON
    match name:
        case "like":
            return lambda text, pattern: like(pattern).fullmatch(text) is not None
        case "ilike":
            return lambda text, pattern: like(lower(pattern)).fullmatch(lower(text)) is not None
        case "contains" if left is not None and left.array:
            return (lambda array, one: any(jsonb.equal(each, one) for each in array)) if json else operator.contains
        case "contains":
            return jsonb.contains if json else operator.contains
    if json:
        return jsonb.equal if name in ("eq", "in") else lambda mine, theirs: not jsonb.equal(mine, theirs)
    relate = _RELATIONS[name]
    convert = None if left == right else _common(left, right)
    return relate if convert is None else lambda mine, theirs: relate(convert(mine), convert(theirs))


def _common(left: Type | None, right: Type | None) -> Callable[[object], object] | None:
    """How to make numbers of two types comparable: as PostgreSQL casts, where its cast cannot raise."""
    scalars = {type_.scalar for type_ in (left, right) if type_ is not None}
    if scalars == {Scalar.INT, Scalar.FLOAT}:
        return to_float
    if scalars == {Scalar.DECIMAL, Scalar.FLOAT}:
        return to_decimal
    return None


_RELATIONS: Mapping[str, _Relate] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "in": operator.eq,
}
