"""Read a field's constraints, and hold values against them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Context, Decimal
from types import MappingProxyType
from typing import cast

from kingpost.constraints import Digits, Ge, Gt, Interval, Le, Len, Lt, MaxLen, MinLen, MultipleOf, Pattern
from kingpost.errors import DeclarationError
from kingpost.model.fields import Constraint, ConstraintKind
from kingpost.model.types import Scalar, Type
from kingpost.model.values import fit

_KINDS: Mapping[type, ConstraintKind] = MappingProxyType(
    {
        Ge: "ge",
        Gt: "gt",
        Le: "le",
        Lt: "lt",
        MultipleOf: "multiple_of",
        MinLen: "min_length",
        MaxLen: "max_length",
        Pattern: "pattern",
        Digits: "digits",
    }
)
_BOUNDS = frozenset({"ge", "gt", "le", "lt"})
_BOUNDED = frozenset(Scalar) - {Scalar.JSON, Scalar.BOOL, Scalar.BYTES, Scalar.UUID}
_ROOMS: tuple[tuple[ConstraintKind, ConstraintKind], ...] = (
    ("ge", "le"),
    ("gt", "lt"),
    ("ge", "lt"),
    ("gt", "le"),
    ("min_length", "max_length"),
)
# The bounds are held against the field's own type instead.
_ARGUMENTS: Mapping[ConstraintKind, tuple[type, tuple[str, ...]]] = MappingProxyType(
    {
        "min_length": (int, ("min_length",)),
        "max_length": (int, ("max_length",)),
        "pattern": (str, ("regex",)),
        "digits": (int, ("total", "places")),
    }
)
_EXACT = Context(prec=5_000)
# What Python and PostgreSQL read differently, or one of them not at all.
_OWN_WAYS = re.compile(r"\(\?(?!:)|\\[AbBGmMyYzZ1-9]|[*+?}]\+|\[\[:")


def is_constraint(marker: object) -> bool:
    """Whether it is one of `kingpost.constraints`."""
    return isinstance(marker, Interval | Len) or type(marker) in _KINDS


def read_constraints(markers: Iterable[object], type_: Type) -> tuple[Constraint, ...]:
    """The constraints among `markers`, Interval and Len taken apart.

    Raises:
        DeclarationError: one does not go with the type, stands twice, or leaves no value.
    """
    found: dict[ConstraintKind, Constraint] = {}
    for one in _single(markers):
        constraint = _read(one, type_)
        if constraint.kind in found:
            raise DeclarationError(f"{type(one).__name__} stands twice", hint="keep the stricter one")
        found[constraint.kind] = constraint
    _check_room(found)
    return tuple(found.values())


SHOWN_MAX = 80


def violated(value: object, constraints: Iterable[Constraint]) -> str | None:
    """Why the value is not allowed, or None."""
    for constraint in constraints:
        if not _HOLDS[constraint.kind](cast("Decimal", value), cast("Decimal", constraint.value)):
            return f"{_short(value)} breaks {describe(constraint)}"
    return None


def _short(value: object) -> str:
    """It may be as long as a body."""
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 1]}…"


def describe(constraint: Constraint) -> str:
    """A constraint as it is written: `Ge(1)`."""
    name = next(marker.__name__ for marker, kind in _KINDS.items() if kind == constraint.kind)
    value = constraint.value
    return f"{name}{value!r}" if isinstance(value, tuple) else f"{name}({value!r})"


def _single(markers: Iterable[object]) -> Iterator[object]:
    for marker in markers:
        if isinstance(marker, Interval | Len):
            yield from (one for one in marker if one != MinLen(0))
        elif is_constraint(marker):
            yield marker


def _read(marker: object, type_: Type) -> Constraint:
    kind = _KINDS[type(marker)]
    if not _goes_with(kind, type_):
        raise DeclarationError(f"{type(marker).__name__} does not go with {type_}")
    _check_argument(kind, marker)
    match marker:
        case Digits(total, places):
            if not (1 <= total <= 1000 and 0 <= places <= total):
                raise DeclarationError("Digits takes a total of 1 to 1000, and no more places than that")
            return Constraint(kind, (total, places))
        case Pattern(regex):
            return Constraint(kind, _regex(regex))
        case MinLen(length) | MaxLen(length):
            if length < 0:
                raise DeclarationError("a length is not negative")
            return Constraint(kind, length)
    value = getattr(marker, kind)
    try:
        bound = fit(value, type_)
    except ValueError as fault:
        raise DeclarationError(f"{type(marker).__name__}: {fault}") from None
    if kind == "multiple_of" and not cast("int", bound) > 0:
        raise DeclarationError("MultipleOf takes a number above 0")
    return Constraint(kind, bound)


def _check_argument(kind: ConstraintKind, marker: object) -> None:
    wanted, names = _ARGUMENTS.get(kind, (object, ()))
    for given in (getattr(marker, name) for name in names):
        if type(given) is not wanted:
            raise DeclarationError(f"{type(marker).__name__} takes {wanted.__name__}, not {given!r}")


def _goes_with(kind: ConstraintKind, type_: Type) -> bool:
    if kind in ("min_length", "max_length"):
        return type_.array or type_.scalar in (Scalar.TEXT, Scalar.BYTES)
    if type_.array or type_.choices:
        return False
    if kind in _BOUNDS:
        return type_.scalar in _BOUNDED
    # A float's multiples depend on rounding, so stores would differ.
    wanted = {"multiple_of": (Scalar.INT, Scalar.DECIMAL), "pattern": (Scalar.TEXT,), "digits": (Scalar.DECIMAL,)}
    return type_.scalar in wanted[kind]


def _regex(regex: str) -> str:
    try:
        re.compile(regex)
    except re.error as error:
        raise DeclarationError(f"{regex!r} is not a regular expression: {error}") from None
    if found := _OWN_WAYS.search(regex):
        raise DeclarationError(
            f"{regex!r} uses {found[0]!r}, which Python and PostgreSQL do not read alike",
            hint="keep to classes, groups, (?:…), ^, $, |, *, +, ? and {n,m}",
        )
    return regex


def _check_room(found: Mapping[ConstraintKind, Constraint]) -> None:
    for low, high in _ROOMS:
        if low in found and high in found:
            least, most = cast("Decimal", found[low].value), cast("Decimal", found[high].value)
            if least > most or (least == most and "t" in (low[1], high[1]) and low in _BOUNDS):
                both = f"{describe(found[low])} and {describe(found[high])}"
                raise DeclarationError(f"no value satisfies {both}")


def _sized(value: Decimal, digits: object) -> bool:
    total, places = cast("tuple[int, int]", digits)
    scaled = _EXACT.scaleb(value, places)
    return scaled == scaled.to_integral_value() and abs(scaled) < 10**total


def _is_multiple(value: Decimal | int, bound: Decimal | int) -> bool:
    return _EXACT.remainder(Decimal(value), Decimal(bound)) == 0


_HOLDS: Mapping[ConstraintKind, Callable[[Decimal, Decimal], bool]] = MappingProxyType(
    {
        "ge": lambda value, bound: value >= bound,
        "gt": lambda value, bound: value > bound,
        "le": lambda value, bound: value <= bound,
        "lt": lambda value, bound: value < bound,
        "multiple_of": _is_multiple,
        "min_length": lambda value, bound: len(cast("str", value)) >= bound,
        "max_length": lambda value, bound: len(cast("str", value)) <= bound,
        "pattern": lambda value, bound: re.search(str(bound), str(value), re.ASCII) is not None,
        "digits": _sized,
    }
)
assert set(_HOLDS) == set(_KINDS.values())
