"""How values stand in JSON answers and cursors: the same bytes' worth from every store."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec

from kingpost.model.types import Scalar, Type

Renderer: TypeAlias = Callable[[Any], object]


def renderer(type_: Type) -> Renderer:
    """From a value of `type_` (or None) to what `msgspec.json.encode` writes in the form all protocols' JSON has."""
    one = _RENDERERS.get(type_.scalar)
    if one is None:
        return _as_it_is
    render = one
    if type_.array:
        return lambda value: None if value is None else [render(each) for each in value]
    return lambda value: None if value is None else render(value)


def rendered(value: object) -> object:
    """The same for a value whose type only Python knows."""
    match value:
        case datetime():
            return _datetime(value)
        case date():
            return value.isoformat()
        case dict():
            return {key: rendered(one) for key, one in value.items()}
        case list() | tuple():
            return [rendered(one) for one in value]
        case _:
            render = _BY_CLASS.get(type(value), _as_it_is)
            return render(value)


def keys_json(values: Iterable[object], renderers: Iterable[Renderer]) -> bytes:
    """A row's sort keys as a compact JSON array, for `Answer.first` and `last`."""
    return msgspec.json.encode([render(value) for value, render in zip(values, renderers, strict=True)])


def cursor(fingerprint: str, direction: Literal["n", "p"], keys: bytes) -> str:
    """An opaque cursor: where to go on (`n`) or back (`p`), and which question it belongs to."""
    rest = b"," + keys[1:] if keys != b"[]" else b"]"
    text = msgspec.json.encode([fingerprint, direction])[:-1] + rest
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _as_it_is(value: object) -> object:
    return value


def _decimal(value: Decimal) -> str:
    """Never with an exponent, and zero without a sign."""
    return f"{value if value else value.copy_abs():f}"


def _datetime(value: datetime) -> str:
    text = value.astimezone(UTC).replace(tzinfo=None).isoformat()
    return f"{text.rstrip('0') if value.microsecond else text}+00:00"


def _time(value: time) -> str:
    text = value.isoformat()
    return text.rstrip("0") if value.microsecond else text


def _duration(value: timedelta) -> str:
    total = value // timedelta(microseconds=1)
    seconds, fraction = divmod(abs(total), 1_000_000)
    text = f"{seconds}.{fraction:06}".rstrip("0") if fraction else f"{seconds}"
    return f"{'-' if total < 0 else ''}PT{text}S"


def _bytes(value: bytes) -> str:
    return base64.b64encode(value).decode()


_RENDERERS: Mapping[Scalar, Renderer] = {
    Scalar.DECIMAL: _decimal,
    Scalar.DATETIME: _datetime,
    Scalar.DATE: date.isoformat,
    Scalar.TIME: _time,
    Scalar.DURATION: _duration,
    Scalar.UUID: str,
    Scalar.BYTES: _bytes,
}
_BY_CLASS: Mapping[type, Renderer] = {
    Decimal: _decimal,
    time: _time,
    timedelta: _duration,
    UUID: str,
    bytes: _bytes,
}
