"""Rows as the outbox keeps them, read back into the values that the rest of Kingpost knows: pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeAlias, cast

import msgspec

from kingpost.model.manifest import Entity, Manifest
from kingpost.model.types import Scalar, Type
from kingpost.ports import ChangeEvent, Op
from kingpost.query.coerce import coercer
from kingpost.store.postgres.ddl import stored_fields
from kingpost.store.postgres.names import VERSION, bounded

Record: TypeAlias = Mapping[str, object]
_Read: TypeAlias = Callable[[object], object]

# A float would lose digits of what is numeric.
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_UNITS = r"(?:(-?\d+) years? ?)?(?:([-+]?\d+) mons? ?)?(?:([-+]?\d+) days? ?)?"
_INTERVAL = re.compile(rf"{_UNITS}(?:([-+])?(\d+):(\d\d):(\d\d)(?:\.(\d{{1,6}}))?)?")


class Rows:
    """Reads the outbox's records.

    Args:
        manifest: whose entities they are of.
    """

    __slots__ = ("_entities",)

    def __init__(self, manifest: Manifest) -> None:
        self._entities = {name: _Entity(entity) for name, entity in manifest.entities.items()}

    def change(self, record: Record, token: str) -> ChangeEvent | None:
        """What happened; None of an entity that the manifest does not know (any more)."""
        entity = self._entities.get(str(record["entity"]))
        if entity is None:
            return None
        before, after = (None if row is None else _decode(cast("str", row)) for row in (record["old"], record["new"]))
        old, new = (None if columns is None else entity.row(columns) for columns in (before, after))
        last = after or before or {}
        return ChangeEvent(
            token=token,
            entity=entity.name,
            op=entity.op(old, new),
            key=entity.key(new or old or {}),
            old=old,
            new=new,
            version=last[VERSION],
            transaction=str(record["transaction"]),
            at=cast("datetime", record["at"]),
        )


class _Entity:
    __slots__ = ("_fields", "_key", "_marked", "name")

    def __init__(self, entity: Entity) -> None:
        self.name = entity.name
        self._fields = [(one.name, bounded(one.column), _reader(one.type)) for one in stored_fields(entity).values()]
        self._key = entity.key
        self._marked = entity.soft_delete

    def row(self, columns: Mapping[str, object]) -> Mapping[str, object]:
        return {name: read(columns[column]) for name, column, read in self._fields}

    def key(self, row: Mapping[str, object]) -> tuple[object, ...]:
        return tuple([row[name] for name in self._key])

    def op(self, old: Mapping[str, object] | None, new: Mapping[str, object] | None) -> Op:
        """A row that is marked as deleted was deleted."""
        if old is None:
            return "created"
        if new is None or (self._marked and old[self._marked] is None and new[self._marked] is not None):
            return "deleted"
        return "updated"


def _reader(type_: Type) -> _Read:
    one = _scalar(type_)

    def read(value: object) -> object:
        return None if value is None else one(value)

    def read_list(value: object) -> object:
        return None if value is None else [one(item) for item in cast("list[object]", value)]

    return read_list if type_.array else read


def _scalar(type_: Type) -> _Read:
    match type_.scalar:
        case Scalar.DURATION:
            return _duration
        case Scalar.BYTES:
            return lambda value: bytes.fromhex(cast("str", value).removeprefix("\\x"))
        case Scalar.JSON:
            return _json
        case Scalar.TEXT | Scalar.BOOL | Scalar.INT:
            return lambda value: value
        case scalar:
            return coercer(Type(scalar), "UTC")


def _json(value: object) -> object:
    match value:
        case Decimal():
            return float(value)
        case dict():
            return {name: _json(one) for name, one in value.items()}
        case list():
            return [_json(one) for one in value]
        case _:
            return value


def _duration(value: object) -> timedelta:
    """What PostgreSQL writes of an interval in its own style; years and months, which we never store, as its epoch has
    them but in whole days.

    Raises:
        ValueError: it is none.
    """
    found = _INTERVAL.fullmatch(cast("str", value))
    if found is None:
        raise ValueError(value)
    years, months, days, hours, minutes, seconds = (int(found[part] or 0) for part in (1, 2, 3, 5, 6, 7))
    clock = timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=int((found[8] or "").ljust(6, "0")))
    return timedelta(days=years * 365 + months * 30 + days) + (-clock if found[4] == "-" else clock)
