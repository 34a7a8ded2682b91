"""JSON as PostgreSQL writes it: values in the form all protocols share, objects of any size, cursors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from kingpost.model.types import Scalar, Type
from kingpost.store.postgres.layout import columns, nested
from kingpost.store.postgres.names import NAME_BYTES_MAX, identifier, text


@dataclass(frozen=True, slots=True)
class Object:
    """A JSON object: `source` stands in FROM, `value` is the object, of type json."""

    source: str
    value: str


def value(sql: str, type_: Type) -> str:
    """A value in the form that `row_to_json` then writes as it should."""
    match type_.scalar:
        case Scalar.DECIMAL:
            return f"{sql}::text[]" if type_.array else f"{sql}::text"
        case Scalar.DURATION:
            return _each(sql, _duration("v.v"), type_) if type_.array else _duration(sql)
        case Scalar.BYTES:
            return _each(sql, _base64("v.v"), type_) if type_.array else _base64(sql)
        case _:
            return sql


def object_of(members: Sequence[tuple[str, str]], alias: str) -> Object:
    """An object of (name, value in SQL) pairs.

    `row_to_json` over a LATERAL row is the quickest form and has no limit of 50 fields, as json_build_object has; but a
    column's name has at most 63 bytes, so longer ones are put together as text.
    """
    if all(len(name.encode()) <= NAME_BYTES_MAX for name, _ in members):
        shown = columns([f"{sql} AS {identifier(name)}" for name, sql in members])
        return Object(f"LATERAL {nested(f'SELECT {shown}')} {alias}", f"row_to_json({alias})")
    shown = columns([f"{sql} AS c{at}" for at, (_, sql) in enumerate(members)])
    parts = [
        text(f"{',' if at else '{'}{json.dumps(name, ensure_ascii=False)}:") + f" || {_json(f'{alias}.c{at}')}"
        for at, (name, _) in enumerate(members)
    ]
    return Object(f"LATERAL {nested(f'SELECT {shown}')} {alias}", f"({' || '.join(parts)} || '}}')::json")


def array_text(values: Sequence[tuple[str, Type]], before: str = "") -> str:
    """A compact JSON array of values, as text; `before` is JSON that stands in front of them."""
    if not values:
        return text(f"[{before}]")
    parts = [_json(value(sql, type_)) for sql, type_ in values]
    opening = f"[{before}," if before else "["
    return f"{text(opening)} || {' || '.join(_between(parts))} || ']'"


def cursor(fingerprint: str, keys: Sequence[tuple[str, Type]]) -> str:
    """The cursor of the page behind these sort keys: base64url without padding."""
    before = f'{json.dumps(fingerprint)},"n"'
    array = array_text(keys, before)
    return f"translate(encode(convert_to({array}, 'UTF8'), 'base64'), E'+/=\\n', '-_')"


def _between(parts: Sequence[str]) -> list[str]:
    return [part for at, one in enumerate(parts) for part in (["','", one] if at else [one])]


def _json(sql: str) -> str:
    return f"COALESCE(to_json({sql})::text, 'null')"


def _base64(sql: str) -> str:
    return f"translate(encode({sql}, 'base64'), E'\\n', '')"


def _duration(sql: str) -> str:
    """ISO 8601 in seconds, without trailing zeros: `-PT1.5S`."""
    seconds = f"trim_scale(abs(extract(epoch FROM {sql})))::text"
    return f"(CASE WHEN {sql} < interval '0' THEN '-PT' ELSE 'PT' END || {seconds} || 'S')"


def _each(sql: str, form: str, type_: Type) -> str:
    assert type_.array
    return f"(CASE WHEN {sql} IS NOT NULL THEN ARRAY(SELECT {form} FROM unnest({sql}) WITH ORDINALITY v(v, i) ORDER BY v.i) END)"
