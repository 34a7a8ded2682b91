"""Bring what a caller gave to a field's type, or refuse it in clear words: strict, and bounded in size.

A protocol may hand over text (a query string has nothing else) or the native value (decoded JSON has them).
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import TypeAlias
from uuid import UUID

import msgspec

from kingpost.errors import Mistyped
from kingpost.model.manifest import suggest
from kingpost.model.types import INT_MAX, INT_MIN, Scalar, Type
from kingpost.query.times import instant_of, to_date, to_datetime, to_duration, to_time

ITEMS_MAX = 500
DIGITS_MAX = 1_000
JSON_DEPTH_MAX = 100
SHOWN_MAX = 40

Coercer: TypeAlias = Callable[[object], object]

_FLOAT = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?")
_DECIMAL = re.compile(r"-?[0-9]{1,1000}(\.[0-9]{1,1000})?([eE][+-]?[0-9]{1,4})?")
_read_uuid = msgspec.json.Decoder(UUID).decode
_ITEM = re.compile(r'"((?:[^"]|"")*)"|([^",]*)')


class Refused(ValueError):
    """What was expected instead, in words; `coercer` says of what."""


NOT_FITTING = (Mistyped, ValueError, TypeError, ArithmeticError)
"""What a `converter` raises for what does not fit; Refused is a ValueError."""


@lru_cache(maxsize=4_096)
def coercer(type_: Type, timezone: str, *, many: bool = False, json_text: bool = True) -> Coercer:
    """The function that brings a value to `type_`.

    Args:
        type_: what is wanted.
        timezone: where a datetime without an offset is meant.
        many: whether a list of such values is wanted.
        json_text: whether text given for JSON is JSON to be read; if not, it is a string.

    The function raises Mistyped, without `where`, for what does not fit.
    """
    scalar = _scalar(type_, timezone, json_text)
    depth = type_.array + many
    if depth == 0:
        return _refusing(scalar, _expected(type_))
    split = type_.scalar is not Scalar.JSON
    convert = _refusing(scalar, _expected(type_))
    for _ in range(depth):
        convert = _listed(convert, split)
        split = False
    return convert


def converter(type_: Type, timezone: str, *, many: bool = False) -> Coercer:
    """As `coercer`, and quicker, but what does not fit is any of NOT_FITTING: ask `coercer` for the words.

    Args:
        type_, timezone, many: as of `coercer`.
    """
    if type_.array or many:
        return coercer(type_, timezone, many=many)
    return _scalar(type_, timezone, json_text=True)


def shown(value: object) -> str:
    """`value` as an error may repeat it: cut short, and never costly to write."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 256:
        return f"a whole number of {value.bit_length()} bits"
    if isinstance(value, dict | list | tuple):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    text = repr(value[: SHOWN_MAX + 1]) if isinstance(value, str | bytes) else repr(value)
    text = text.encode("ascii", "backslashreplace").decode() if not text.isprintable() else text
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 1] + "…"


def check_text(text: str) -> str:
    """Text that every store can keep.

    Raises:
        Refused: it has a null character or half of a surrogate pair.
    """
    if "\0" in text:
        raise Refused("text without the character U+0000")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Refused("text without lone surrogates (U+D800 to U+DFFF)") from None
    return text


def check_json(value: object, depth: int = 0) -> object:
    """A JSON value that every store keeps as it is.

    Raises:
        Refused: a part of it is not JSON, or too large or deep.
    """
    if depth > JSON_DEPTH_MAX:
        raise Refused(f"JSON at most {JSON_DEPTH_MAX} levels deep")
    match value:
        case None | bool():
            pass
        case str():
            check_text(value)
        case int() if not INT_MIN <= value <= INT_MAX:
            raise Refused("JSON whose whole numbers fit 64 bits: write larger ones as strings")
        case float() if not math.isfinite(value):
            raise Refused("JSON, which has no NaN and no infinity")
        case int() | float():
            pass
        case dict():
            for key, one in value.items():
                if not isinstance(key, str):
                    raise Refused("JSON, whose keys are strings")
                check_text(key)
                check_json(one, depth + 1)
        case list() | tuple():
            for one in value:
                check_json(one, depth + 1)
        case _:
            raise Refused("JSON: objects, arrays, strings, numbers, true, false, null")
    return value


def _refusing(convert: Coercer, expected: str) -> Coercer:
    def coerce(value: object) -> object:
        try:
            return convert(value)
        except Refused as refusal:
            wanted = str(refusal) or expected
        except (ValueError, TypeError, ArithmeticError):
            wanted = expected
        if value is None:
            raise Mistyped(f"a value is needed here: {wanted}", hint="use is_null to ask for null")
        raise Mistyped(f"{shown(value)} is not {wanted}")

    return coerce


def _listed(one: Coercer, split: bool) -> Coercer:
    """A list of what `one` takes; text is split at commas where `split`, else read as a JSON array."""

    def coerce(value: object) -> object:
        if isinstance(value, str):
            value = _items(value) if split else _array(value)
        if not isinstance(value, list | tuple):
            raise Mistyped(f"{shown(value)} is not a list", hint='such as a,b or with commas inside "a,b",c')
        if len(value) > ITEMS_MAX:
            raise Mistyped(f"a list of {len(value)} is too long", hint=f"give at most {ITEMS_MAX}")
        return [one(item) for item in value]

    return coerce


def _items(text: str) -> list[str]:
    """Split at commas; an item in double quotes may hold commas, and a double quote written twice."""
    items: list[str] = []
    at = 0
    while text and len(items) <= ITEMS_MAX:
        found = _ITEM.match(text, at)
        if found is None or text[found.end() : found.end() + 1] not in (",", ""):
            raise Mistyped(f"{shown(text)} is not a list: its quotes do not match", hint='such as a,"b,c"')
        items.append(found[2] if found[1] is None else found[1].replace('""', '"'))
        if found.end() == len(text):
            break
        at = found.end() + 1
    return items


def _array(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Mistyped(f"{shown(text)} is not a JSON array", hint="such as [1, 2]") from None


def _scalar(type_: Type, timezone: str, json_text: bool) -> Coercer:
    match type_.scalar:
        case Scalar.TEXT if type_.choices:
            return _choice(type_.choices)
        case Scalar.DATETIME:
            return lambda value: (instant_of if type(value) is str else to_datetime)(value, timezone)
        case Scalar.JSON:
            return _json if json_text else check_json_value
        case scalar:
            return _SCALARS[scalar]


def check_json_value(value: object) -> object:
    """As `check_json`, for a whole field: a null there is no JSON null."""
    if value is None:
        raise Refused("JSON other than null")
    return check_json(value)


def _text(value: object) -> object:
    if type(value) is str and value.isascii() and "\0" not in value:
        return value
    if not isinstance(value, str):
        raise Refused
    return check_text(value)


def _choice(choices: tuple[str, ...]) -> Coercer:
    known = frozenset(choices)

    def coerce(value: object) -> object:
        if isinstance(value, str) and value in known:
            return value
        listed = ", ".join(choices[:12])
        near = suggest(value, choices) if isinstance(value, str) else ""
        raise Refused(f"one of {listed}" + (f" ({near})" if near.startswith("did") else ""))

    return coerce


def _int(value: object) -> object:
    if type(value) is str and len(value) < 19 and value.isascii() and value.isdigit():
        return int(value)
    if isinstance(value, str) and len(value) <= DIGITS_MAX and value.isascii() and value.removeprefix("-").isdigit():
        value = int(value)
    if type(value) is not int:
        raise Refused
    if not INT_MIN <= value <= INT_MAX:
        raise Refused(f"a whole number from {INT_MIN} to {INT_MAX}")
    return value


def _float(value: object) -> object:
    number = float(_numeric(value, _FLOAT))
    if not math.isfinite(number):
        raise Refused("a finite number of at most 1.8e308")
    return number


def _decimal(value: object) -> object:
    number = _numeric(value, _DECIMAL)
    if isinstance(number, int) and number.bit_length() > DIGITS_MAX * 4:
        raise Refused(f"a number of at most {DIGITS_MAX} digits")
    return _plain(Decimal(repr(number) if isinstance(number, float) else number))


def _numeric(value: object, text: re.Pattern[str]) -> int | float | Decimal | str:
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and text.fullmatch(value):
        return value
    raise Refused


def _plain(number: Decimal) -> Decimal:
    """Without an exponent, and without the sign of a zero: as PostgreSQL keeps it."""
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):
        raise Refused("a finite number")
    places = max(0, -exponent)
    if max(number.adjusted() + 1, 1) + places > DIGITS_MAX:
        raise Refused(f"a number of at most {DIGITS_MAX} digits")
    if exponent > 0:
        return Decimal(int(number))
    return number if number else number.copy_abs()


def _bool(value: object) -> object:
    if isinstance(value, bool):
        return value
    if value in ("true", "false") and isinstance(value, str):
        return value == "true"
    raise Refused


def _uuid(value: object) -> object:
    if isinstance(value, UUID):
        return value
    if isinstance(value, str) and len(value) == 36:  # without hyphens it would be read too
        return _read_uuid(f'"{value}"')
    raise Refused


def _bytes(value: object) -> object:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise Refused
    try:
        return base64.b64decode(value.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error:
        raise Refused from None


def _json(value: object) -> object:
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise Refused('JSON (a string of it stands in quotes: "…")') from None
    return check_json_value(value)


def _expected(type_: Type) -> str:
    return _EXPECTED[type_.scalar]


_SCALARS: Mapping[Scalar, Coercer] = {
    Scalar.TEXT: _text,
    Scalar.INT: _int,
    Scalar.FLOAT: _float,
    Scalar.DECIMAL: _decimal,
    Scalar.BOOL: _bool,
    Scalar.DATE: to_date,
    Scalar.TIME: to_time,
    Scalar.DURATION: to_duration,
    Scalar.UUID: _uuid,
    Scalar.BYTES: _bytes,
}
_EXPECTED: Mapping[Scalar, str] = {
    Scalar.TEXT: "text",
    Scalar.INT: "a whole number such as 42",
    Scalar.FLOAT: "a number such as 1.5",
    Scalar.DECIMAL: "a decimal number such as 12.50",
    Scalar.BOOL: "true or false",
    Scalar.DATETIME: "a date and time such as 2013-07-01T09:00:00Z",
    Scalar.DATE: "a date such as 2013-07-01",
    Scalar.TIME: "a time of day such as 09:30:00",
    Scalar.DURATION: "an ISO 8601 duration such as P1DT2H or PT1.5S (or seconds)",
    Scalar.UUID: "a UUID such as 0190a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
    Scalar.BYTES: "base64 with its padding, such as aGk=",
    Scalar.JSON: "JSON",
}
assert frozenset(_EXPECTED) == frozenset(Scalar)
