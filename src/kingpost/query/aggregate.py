"""The six aggregates over a bucket's values, as PostgreSQL computes them, and made total where it raises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from kingpost.model.expressions import Aggregation
from kingpost.model.types import Scalar, Type
from kingpost.query import jsonb
from kingpost.query.arithmetic import EXACT, divided

SUMMED_FLOAT_MAX = 1e290  # beyond it sums are null: 1e18 smaller ones cannot overflow

_Values: TypeAlias = list[Any]


def aggregate(function: Aggregation, of: Type, values: Iterable[object]) -> object:
    """`function` over `values` of type `of`, of which nulls are left out; over nothing, counts are 0 and the rest null."""
    known = [value for value in values if value is not None]
    if function == "count":
        return len(known)
    if function == "count_distinct":
        same = identity(of)
        return len({same(value) for value in known})
    return _FUNCTIONS[function](known) if known else None


def identity(type_: Type) -> Callable[[Any], object]:
    """What equal values have in common and is hashable: buckets and distinct values go by it."""
    if type_.scalar is Scalar.JSON:
        return jsonb.identity
    return _tupled if type_.array else _itself


def _sum(values: _Values) -> object:
    if isinstance(values[0], float):
        return None if any(abs(value) > SUMMED_FLOAT_MAX for value in values) else float(sum(values))
    total = Decimal(0)
    for value in values:
        total = EXACT.add(total, Decimal(value))
    return total


def _avg(values: _Values) -> object:
    total = _sum(values)
    if isinstance(total, Decimal):
        return divided(total, Decimal(len(values)))
    return total / len(values) if isinstance(total, float) else None


def _itself(value: object) -> object:
    return value


def _tupled(value: list[object]) -> object:
    return tuple(value)


_FUNCTIONS: Mapping[Aggregation, Callable[[_Values], object]] = {"sum": _sum, "avg": _avg, "min": min, "max": max}
