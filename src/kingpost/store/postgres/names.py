"""How names, types and values are written in SQL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import cast
from uuid import UUID

from kingpost.model.types import Scalar, Type
from kingpost.query.coerce import coercer

NAME_BYTES_MAX = 63
"""PostgreSQL cuts longer names silently (NAMEDATALEN - 1)."""
META = "kingpost_meta"
VERSION = "version"


def identifier(name: str) -> str:
    """A name in quotes, cut by `bounded`."""
    return '"' + bounded(name).replace('"', '""') + '"'


def bounded(name: str) -> str:
    """The name itself, or one of at most 63 bytes that ends with a digest of it."""
    if len(name.encode()) <= NAME_BYTES_MAX:
        return name
    digest = blake2b(name.encode(), digest_size=4).hexdigest()
    head = name.encode()[: NAME_BYTES_MAX - 1 - len(digest)].decode(errors="ignore")
    return f"{head}_{digest}"


def type_name(type_: Type, many: bool = False) -> str:
    """The type of an expression; `many` for a list of its values."""
    name = _TYPES[type_.scalar]
    return f"{name}[]" if type_.array or many else name


def literal(value: object, type_: Type | None) -> str:
    """A declared value with its type; a tuple or list is an array."""
    if value is None:
        return "NULL" if type_ is None else f"NULL::{type_name(type_)}"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    assert type_ is not None, f"{value!r} has no type"
    if type_.scalar is not Scalar.JSON and isinstance(value, list | tuple):
        element = Type(type_.scalar, choices=type_.choices)
        return f"ARRAY[{', '.join(literal(one, element) for one in value)}]::{type_name(element)}[]"
    if type_.array:
        parts = (literal(one, Type(Scalar.JSON)) for one in cast("Iterable[object]", value))
        return f"ARRAY[{', '.join(parts)}]::jsonb[]"
    return _scalar(coercer(type_, "UTC", json_text=False)(value), type_)


def text(value: str) -> str:
    """A string literal on one line, whatever `standard_conforming_strings` says."""
    escaped = value.replace("'", "''")
    if "\\" not in escaped and escaped.isprintable():
        return f"'{escaped}'"
    for plain, code in (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        escaped = escaped.replace(plain, code)
    return f"E'{escaped}'"


def _scalar(value: object, type_: Type) -> str:
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | float() | Decimal() | UUID() if type_.scalar is not Scalar.JSON:
            return f"'{value}'::{type_name(type_)}"
        case bytes():
            return f"decode('{value.hex()}', 'hex')"
        case timedelta():
            rest = Decimal((value - timedelta(days=value.days)) // timedelta(microseconds=1)) / 1_000_000
            return f"'{value.days} days {rest:f} seconds'::interval"
        case datetime() | date() | time():
            return f"'{value.isoformat()}'::{type_name(type_)}"
        case str() if type_.scalar is Scalar.TEXT:
            return f"{text(value)}::text"
        case _:
            return f"{text(json.dumps(value, ensure_ascii=False))}::jsonb"


_TYPES: Mapping[Scalar, str] = {
    Scalar.TEXT: "text",
    Scalar.INT: "bigint",
    Scalar.FLOAT: "double precision",
    Scalar.DECIMAL: "numeric",
    Scalar.BOOL: "boolean",
    Scalar.DATETIME: "timestamptz",
    Scalar.DATE: "date",
    Scalar.TIME: "time",
    Scalar.DURATION: "interval",
    Scalar.UUID: "uuid",
    Scalar.BYTES: "bytea",
    Scalar.JSON: "jsonb",
}
assert frozenset(_TYPES) == frozenset(Scalar)
