"""Constraints for fields in the `annotated-types` vocabulary: `Annotated[int, Ge(1)]`."""

from __future__ import annotations

from dataclasses import dataclass

from annotated_types import Ge, Gt, Interval, Le, Len, Lt, MaxLen, MinLen, MultipleOf

__all__ = ["Digits", "Ge", "Gt", "Interval", "Le", "Len", "Lt", "MaxLen", "MinLen", "MultipleOf", "Pattern"]


@dataclass(frozen=True, slots=True)
class Pattern:
    """The text must match this regular expression (the common subset of Python's and PostgreSQL's)."""

    regex: str


@dataclass(frozen=True, slots=True)
class Digits:
    """A Decimal's size: `total` digits in all, `places` of them behind the point (SQL's numeric(p, s))."""

    total: int
    places: int
