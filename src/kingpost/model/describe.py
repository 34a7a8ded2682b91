"""Write the manifest down: as JSON for whatever reads it outside, and as a hash of what the database has to look like."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, TypeAlias
from uuid import UUID

from kingpost.model.expressions import TRUE, Column
from kingpost.model.fields import Field, Relation
from kingpost.model.manifest import Entity, Index, Manifest

Json: TypeAlias = Any
# `at` is a path on one machine.
_LEFT_OUT = frozenset({"at", "functions"})


def manifest_json(manifest: Manifest) -> dict[str, Json]:
    """The manifest as JSON, alike on every machine; functions by their names.

    Each object names its class as `node`. A Column is given by its field's name, which stands in the
    entity at hand: that of the policy or check, or behind a Through or Quantified its relation's target.
    """
    return {**_node(manifest, by_column=False), "functions": sorted(manifest.functions)}


LAYOUT = 3
"""Of what stands beside the entities' tables and columns in every database; raised where that changes."""


def storage_hash(manifest: Manifest) -> str:
    """The same for two manifests whose rows are kept in the same tables; hexadecimal SHA-256.

    It covers LAYOUT, tables, columns, their types and constraints, keys, indexes, checks and on_delete, by the
    database's names and whatever order they are declared in, and what is captured; not defaults, policies or computed
    fields.
    """
    entities = sorted(manifest.entities.values(), key=lambda one: one.table)
    stored = [_table(entity, manifest.entities) for entity in entities]
    text = json.dumps([LAYOUT, stored], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _table(entity: Entity, entities: Mapping[str, Entity]) -> Json:
    stored = {name: one for name, one in entity.fields.items() if one.computed is None}
    return {
        "table": entity.table,
        "columns": {one.column: _column(one) for one in stored.values()},
        "key": [stored[name].column for name in entity.key],
        "refers": {stored[one.local].column: _reference(one, entities) for one in _refs(entity)},
        "indexes": sorted((_index(one, entity) for one in entity.indexes), key=_text),
        "checks": {one.name: _json(one.condition, by_column=True) for one in entity.checks},
        "captured": entity.name if entity.capture else None,
    }


def _column(field: Field) -> Json:
    constraints = sorted((_json(one, by_column=True) for one in field.constraints), key=_text)
    return {"type": _json(field.type, by_column=True), "nullable": field.nullable, "constraints": constraints}


def _refs(entity: Entity) -> list[Relation]:
    return [one for one in entity.relations.values() if not one.many]


def _reference(relation: Relation, entities: Mapping[str, Entity]) -> Json:
    target = entities[relation.target]
    return [target.table, target.fields[relation.remote].column, relation.on_delete]


def _index(index: Index, entity: Entity) -> Json:
    keys = [[entity.fields[key.field].column, key.descending] for key in index.keys]
    where = None if index.where == TRUE else _json(index.where, by_column=True)
    return {"keys": keys, "unique": index.unique, "where": where}


def _text(value: Json) -> str:
    return json.dumps(value, sort_keys=True)


def _json(value: object, *, by_column: bool) -> Json:
    match value:
        case Enum():
            return value.value
        case None | bool() | int() | float() | str():
            return value
        case Column(field):
            return {"node": "Column", "column": field.column} if by_column else {"node": "Column", "field": field.name}
        case Mapping():
            return {str(name): _json(one, by_column=by_column) for name, one in value.items()}
        case list() | tuple():
            return [_json(one, by_column=by_column) for one in value]
        case _ if is_dataclass(value):
            return _node(value, by_column=by_column)
        case _:
            return _scalar(value)


def _node(value: object, *, by_column: bool) -> dict[str, Json]:
    assert is_dataclass(value)
    parts = {one.name: getattr(value, one.name) for one in fields(value) if one.name not in _LEFT_OUT}
    return {"node": type(value).__name__, **{name: _json(part, by_column=by_column) for name, part in parts.items()}}


def _scalar(value: object) -> str:
    """A native value as it is written in JSON; its type stands beside it."""
    match value:
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return f"PT{Decimal(value // timedelta(microseconds=1)) / 1_000_000:f}S"
        case Decimal() | UUID():
            return str(value)
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            raise AssertionError(f"{value!r} has no place in a manifest")
