"""JSON values as PostgreSQL's jsonb compares and contains them (PostgreSQL 18, 8.14.3 jsonb Containment)."""

from __future__ import annotations

from decimal import Decimal
from typing import cast


def identity(value: object) -> object:
    """A hashable form, equal for equal JSON: 1 is 1.0 but not true, key order does not matter."""
    match value:
        case bool():
            return ("bool", value)
        case float():
            return Decimal(repr(value))  # as it stands in JSON text: jsonb reads it as a numeric
        case dict():
            return ("object", frozenset((key, identity(one)) for key, one in value.items()))
        case list() | tuple():
            return ("array", tuple(identity(one) for one in value))
        case _:
            return value


def equal(left: object, right: object) -> bool:
    """Whether both are the same jsonb."""
    return identity(left) == identity(right)


def contains(whole: object, part: object) -> bool:
    """`whole @> part`. An array contains a bare scalar, but only at the top."""
    if isinstance(whole, list) and not isinstance(part, dict | list):
        return any(_scalar(one) and equal(one, part) for one in whole)
    return _contains(whole, part)


def _contains(whole: object, part: object) -> bool:
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(key in whole and _contains(whole[key], one) for key, one in part.items())
    if isinstance(whole, list) and isinstance(part, list):
        elements = cast("list[object]", whole)
        return all(any(_contains(mine, one) for mine in elements) for one in part)
    return _scalar(whole) and _scalar(part) and equal(whole, part)


def _scalar(value: object) -> bool:
    return not isinstance(value, dict | list)
