"""What rows must satisfy when they are written: checks, unique keys, Refs that lead to rows. Told as a database would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeAlias

from kingpost.errors import Conflict, Detail, Invalid
from kingpost.model.expressions import TRUE, Column, Expression, walk
from kingpost.model.manifest import Check, Entity
from kingpost.query.evaluate import Context, Meaning, meaning
from kingpost.store.memory.tables import Stored, Tables

_Unique: TypeAlias = tuple[tuple[str, ...], Meaning]
_ALONE = Context((), lambda _relation, _row: ())


def check_rows(entity: Entity, rows: Sequence[Stored], tables: Tables) -> None:
    """Hold rows that were written against their entity's constraints, one after the other as a database does.

    Args:
        entity: whose rows they are.
        rows: those that were written.
        tables: all rows, these among them.

    Raises:
        Invalid: a check is broken, or a Ref names no row.
        Conflict: a key is taken.
    """
    # One is told where several are broken: the first by name, as PostgreSQL asks them.
    checks = [(check, meaning(check.condition)) for check in sorted(entity.checks, key=lambda one: one.name)]
    unique = [(names, meaning(where)) for names, where in _unique(entity)]
    to_come = set(map(id, rows))
    for row in rows:
        to_come.remove(id(row))
        _check_conditions(row, checks)
        _check_unique(entity, row, unique, tables, to_come)
    _check_refs(entity, rows, tables)


def _check_conditions(row: Stored, checks: Iterable[tuple[Check, Meaning]]) -> None:
    for check, holds in checks:
        if holds(row, _ALONE) is False:
            first = next(node.field.name for node in walk(check.condition) if isinstance(node, Column))
            raise Invalid([Detail(f"/{first}", f"the check {check.name} does not hold", Invalid.code)])


def _check_unique(
    entity: Entity, row: Stored, unique: Iterable[_Unique], tables: Tables, to_come: AbstractSet[int]
) -> None:
    """Whether other rows have the same; those that are written after it are not there yet."""
    for names, holds in unique:
        if any(row[name] is None for name in names) or holds(row, _ALONE) is not True:
            continue
        for other in tables.lookup(entity.name, names[0], row[names[0]]):
            there = other is not row and id(other) not in to_come
            if there and _same(row, other, names) and holds(other, _ALONE) is True:
                raise taken(names)


def taken(names: Sequence[str]) -> Conflict:
    """That these fields together are those of another row."""
    listed = " and ".join(names)
    faults = tuple(
        Detail(f"/{name}", f"{listed} {'is' if len(names) == 1 else 'are'} taken", Conflict.code) for name in names
    )
    return Conflict(f"there is a row with this {listed}", hint="choose another, or change that row", faults=faults)


def _check_refs(entity: Entity, rows: Iterable[Stored], tables: Tables) -> None:
    faults = [
        Detail(f"/{relation.local}", f"there is no such {relation.target}", Invalid.code)
        for row in rows
        for relation in entity.relations.values()
        if not relation.many and row[relation.local] is not None and not tables.related(relation, row)
    ]
    if faults:
        raise Invalid(tuple(dict.fromkeys(faults)))


def _unique(entity: Entity) -> Iterator[tuple[tuple[str, ...], Expression]]:
    yield entity.key, TRUE
    for index in entity.indexes:
        if index.unique:
            yield tuple(key.field for key in index.keys), index.where


def _same(row: Stored, other: Stored, names: Iterable[str]) -> bool:
    return all(row[name] == other[name] for name in names)
