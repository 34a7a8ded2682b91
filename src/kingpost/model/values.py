"""Say whether a Python value fits a type, and in which form the model keeps it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from uuid import UUID

from kingpost.model.types import INT_MAX, INT_MIN, JSON, Scalar, Type

SCALAR_OF: Mapping[type, Scalar] = MappingProxyType(
    {
        str: Scalar.TEXT,
        bool: Scalar.BOOL,
        int: Scalar.INT,
        float: Scalar.FLOAT,
        Decimal: Scalar.DECIMAL,
        datetime: Scalar.DATETIME,
        date: Scalar.DATE,
        time: Scalar.TIME,
        timedelta: Scalar.DURATION,
        UUID: Scalar.UUID,
        bytes: Scalar.BYTES,
    }
)
assert set(SCALAR_OF.values()) | {Scalar.JSON} == set(Scalar)


def natural(value: object) -> Type | None:
    """The type a Python value has by itself; for a tuple its elements'. None where no field could hold it."""
    if isinstance(value, dict | list):
        return JSON
    if isinstance(value, tuple):
        types = {natural(one) for one in value}
        return types.pop() if len(types) == 1 else None
    scalar = SCALAR_OF.get(type(value))
    return None if scalar is None else Type(scalar)


def fit(value: object, type_: Type) -> object:
    """`value` in the form in which the model keeps values of this type.

    A naive datetime is UTC, an int may stand for a Decimal or a float, an Enum member for its value.

    Raises:
        ValueError: it does not fit; the message says why.
    """
    if isinstance(value, Enum):
        value = value.value
    if type_.array:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{value!r} is not a list")
        element = Type(type_.scalar, choices=type_.choices)
        return [fit(one, element) for one in value]
    fitted = _FITS[type_.scalar](value)
    if fitted is None:
        raise ValueError(f"{value!r} is not {_an(type_)}")
    if type_.choices and fitted not in type_.choices:
        raise ValueError(f"{value!r} is not {type_}")
    return fitted


def _an(type_: Type) -> str:
    return f"{'an' if str(type_)[0] in 'aeiou' else 'a'} {type_}" if not type_.choices else str(type_)


def _text(value: object) -> object:
    if not isinstance(value, str):
        return None
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError("a text holds neither U+0000 nor lone surrogates")
    return value


def _int(value: object) -> object:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    if not INT_MIN <= value <= INT_MAX:
        raise ValueError(f"{value} does not fit 64 bits")
    return value


def _float(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _decimal(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    number = Decimal(value)
    return number if number.is_finite() else None


def _datetime(value: object) -> object:
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _date(value: object) -> object:
    return value if isinstance(value, date) and not isinstance(value, datetime) else None


def _time(value: object) -> object:
    return value if isinstance(value, time) and value.tzinfo is None else None


def _json(value: object) -> object:
    _check_json(value)
    return value


def _check_json(value: object) -> None:
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise ValueError("the names in a JSON object are texts")
        for part in value.values():
            _check_json(part)
    elif isinstance(value, list):
        for part in value:
            _check_json(part)
    elif isinstance(value, str):
        _text(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"JSON has no {value}")
    elif value is not None and not isinstance(value, bool | int | float):
        raise ValueError(f"{value!r} is not JSON")


def _exactly(wanted: type) -> Callable[[object], object]:
    return lambda value: value if isinstance(value, wanted) else None


_FITS: Mapping[Scalar, Callable[[object], object]] = MappingProxyType(
    {
        Scalar.TEXT: _text,
        Scalar.INT: _int,
        Scalar.FLOAT: _float,
        Scalar.DECIMAL: _decimal,
        Scalar.BOOL: _exactly(bool),
        Scalar.DATETIME: _datetime,
        Scalar.DATE: _date,
        Scalar.TIME: _time,
        Scalar.DURATION: _exactly(timedelta),
        Scalar.UUID: _exactly(UUID),
        Scalar.BYTES: _exactly(bytes),
        Scalar.JSON: _json,
    }
)
assert set(_FITS) == set(Scalar)
