"""Hand over a column of arrays or JSON values as texts: in an array of arrays PostgreSQL sees only the values within."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import cast

import msgspec

from kingpost.store.postgres.statements import Packed


def packed(arguments: Sequence[object], columns: Sequence[Packed]) -> list[object]:
    """The arguments with these columns as texts that PostgreSQL reads as their types."""
    found = list(arguments)
    for one in columns:
        write = _array if one.array else _json
        found[one.place] = [None if value is None else write(value) for value in cast("list[object]", found[one.place])]
    return found


_encode = msgspec.json.Encoder(decimal_format="number").encode


def _json(value: object) -> str:
    return _encode(value).decode()


def _array(values: object) -> str:
    """An array as PostgreSQL writes it: `{"a","b"}` (Arrays, 8.15.6)."""
    escaped = (_element(one).replace("\\", "\\\\").replace('"', '\\"') for one in cast("list[object]", values))
    return "{" + ",".join(f'"{one}"' for one in escaped) + "}"


def _element(value: object) -> str:
    match value:
        case str():
            return value
        case bool():
            return "t" if value else "f"
        case bytes():
            return "\\x" + value.hex()
        case timedelta():
            rest = (value - timedelta(days=value.days)) // timedelta(microseconds=1)
            return f"{value.days} days {rest} microseconds"
        case datetime() | date() | time():
            return value.isoformat()
        case dict() | list() | None:
            return _json(value)
        case _:
            return str(value)
