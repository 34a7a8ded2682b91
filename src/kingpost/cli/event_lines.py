"""An event as a line: JSON for programs, words for people; without private fields. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from kingpost.model.manifest import Entity, Manifest
from kingpost.ports import ChangeEvent

SHOWN_MAX = 40
"""A longer value is cut in words."""


def as_line(manifest: Manifest) -> Callable[[ChangeEvent], str]:
    """As a JSON object: token, at, op, entity, key, version, transaction, and the row before and after, or null."""

    def line(change: ChangeEvent) -> str:
        entity = manifest.entity(change.entity)
        told = {
            "token": change.token,
            "at": change.at,
            "op": change.op,
            "entity": change.entity,
            "key": change.key,
            "version": change.version,
            "transaction": change.transaction,
            "old": None if change.old is None else _public(entity, change.old),
            "new": None if change.new is None else _public(entity, change.new),
        }
        return msgspec.json.encode(told).decode()

    return line


def as_words(manifest: Manifest) -> Callable[[ChangeEvent], str]:
    """When, what happened, to which row, its version, and the values it has now or, of a change, those that changed."""

    def line(change: ChangeEvent) -> str:
        entity = manifest.entity(change.entity)
        before, after = (None if row is None else _public(entity, row) for row in (change.old, change.new))
        key = ",".join(_short(value).strip('"') for value in change.key)
        head = f"{change.at:%H:%M:%S} {change.op} {change.entity} {key} v{change.version}"
        return f"{head}  {_said(entity, before, after)}".rstrip()

    return line


def _said(entity: Entity, before: Mapping[str, object] | None, after: Mapping[str, object] | None) -> str:
    if after is None:
        return ""
    if before is None:
        return "  ".join(f"{name}={_short(value)}" for name, value in after.items() if name not in entity.key)
    changed = (name for name, value in after.items() if before[name] != value)
    return "  ".join(f"{name}={_short(before[name])} -> {_short(after[name])}" for name in changed)


def _public(entity: Entity, row: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if not entity.fields[name].private}


def _short(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    if not text.isprintable():  # it could do anything to a terminal
        text = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 1]}…"
