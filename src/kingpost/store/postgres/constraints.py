"""What a broken constraint means to a caller: by its name, as `ddl` gives it, never by what the server says of values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import asyncpg

from kingpost.errors import Conflict, Detail, Invalid, KingpostError
from kingpost.model.expressions import Column, walk
from kingpost.model.manifest import Entity, Manifest
from kingpost.store.postgres.ddl import index_names, stored_fields
from kingpost.store.postgres.failures import sqlstate
from kingpost.store.postgres.names import bounded

UNIQUE, FOREIGN, RESTRICTED, CHECKED, NOT_NULL, TOO_LONG = "23505", "23503", "23001", "23514", "23502", "54000"


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint of one table: what it holds, over which fields; `refers` is the entity that a Ref names."""

    kind: Literal["unique", "reference", "field", "check"]
    entity: Entity
    name: str
    fields: tuple[str, ...]
    refers: str = ""


class Constraints:
    """The constraints of a manifest's tables, by table and name.

    Args:
        manifest: of the app.
    """

    __slots__ = ("_by_name", "_entities")

    def __init__(self, manifest: Manifest) -> None:
        self._by_name: Mapping[tuple[str, str], Constraint] = {
            (bounded(one.entity.table), name): one for name, one in _constraints(manifest)
        }
        self._entities = {bounded(entity.table): entity for entity in manifest.entities.values()}

    def meaning(self, error: BaseException, *, removes: bool = False) -> KingpostError | None:
        """The error of ours that a broken constraint stands for; None where it is something else.

        Args:
            error: as the driver raised it.
            removes: rows were to be deleted: then a reference is broken by what still refers to them.
        """
        state = sqlstate(error)
        if not isinstance(error, asyncpg.PostgresError) or not state.startswith(("23", TOO_LONG)):
            return None
        table, name = getattr(error, "table_name", None) or "", getattr(error, "constraint_name", None) or ""
        known = self._by_name.get((table, name))
        if state == NOT_NULL:
            return self._missing(table, getattr(error, "column_name", None) or "")
        if state == TOO_LONG:
            return Invalid([Detail("", "a value is too long for an index that holds it", Invalid.code)])
        if known is None:
            return None
        match known.kind:
            case "unique":
                return taken(known.fields)
            case "reference" if removes or state == RESTRICTED:
                return referred(known.entity, known.fields[0])
            case "reference":
                return Invalid([Detail(f"/{known.fields[0]}", f"there is no such {known.refers}", Invalid.code)])
            case "field":
                return Invalid([Detail(f"/{known.fields[0]}", f"{known.name} does not hold", Invalid.code)])
            case "check":
                where = f"/{known.fields[0]}" if known.fields else ""
                return Invalid([Detail(where, f"the check {known.name} does not hold", Invalid.code)])

    def _missing(self, table: str, column: str) -> KingpostError | None:
        entity = self._entities.get(table)
        fields = stored_fields(entity).values() if entity else ()
        name = next((one.name for one in fields if bounded(one.column) == column), None)
        return None if name is None else Invalid([Detail(f"/{name}", "a value is needed here, not null", Invalid.code)])


def taken(names: Sequence[str]) -> Conflict:
    """That these fields together are those of another row."""
    listed = " and ".join(names)
    faults = tuple(
        Detail(f"/{name}", f"{listed} {'is' if len(names) == 1 else 'are'} taken", Conflict.code) for name in names
    )
    return Conflict(f"there is a row with this {listed}", hint="choose another, or change that row", faults=faults)


def referred(entity: Entity, name: str) -> Conflict:
    """That rows of `entity` still refer, by `name`, to what was to be deleted."""
    fault = Detail(f"/{name}", f"{entity.path} refer to it", Conflict.code)
    return Conflict(f"there are {entity.path} that refer to it by {name}", hint="delete those first", faults=(fault,))


def _constraints(manifest: Manifest) -> Iterator[tuple[str, Constraint]]:
    """Each under the name that the database knows it by."""
    for entity in manifest.entities.values():
        yield bounded(f"{entity.table}_pkey"), Constraint("unique", entity, "key", entity.key)
        yield from _of_fields(entity)
        for check in entity.checks:
            fields = dict.fromkeys(node.field.name for node in walk(check.condition) if isinstance(node, Column))
            name = bounded(f"{entity.table}_{check.name}_check")
            yield name, Constraint("check", entity, check.name, tuple(fields))
        for relation in entity.relations.values():
            if not relation.many:
                name = bounded(f"{entity.table}_{entity.fields[relation.local].column}_fkey")
                yield name, Constraint("reference", entity, relation.name, (relation.local,), relation.target)
    for entity, index, name in index_names(manifest):
        if index.unique:
            yield name, Constraint("unique", entity, name, tuple(key.field for key in index.keys))


def _of_fields(entity: Entity) -> Iterator[tuple[str, Constraint]]:
    for field in stored_fields(entity).values():
        for kind in ("elements", "choices", "finite", *(one.kind for one in field.constraints)):
            yield bounded(f"{entity.table}_{field.column}_{kind}"), Constraint("field", entity, kind, (field.name,))
