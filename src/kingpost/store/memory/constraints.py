"""What rows must satisfy when they are written: checks, unique keys, Refs that lead to rows. Told as a database would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kingpost.errors import Conflict, Detail, Invalid
from kingpost.model.expressions import TRUE, Column, Expression, walk
from kingpost.model.manifest import Entity
from kingpost.query.evaluate import Context, meaning
from kingpost.store.memory.tables import Stored, Tables

_ALONE = Context((), lambda _relation, _row: ())


def check_rows(entity: Entity, rows: Sequence[Stored], tables: Tables) -> None:
    """Hold rows that were written against their entity's constraints.

    Args:
        entity: whose rows they are.
        rows: those that were written.
        tables: all rows, these among them.

    Raises:
        Invalid: a check is broken, or a Ref names no row.
        Conflict: a key is taken.
    """
    _check_conditions(entity, rows)
    _check_unique(entity, rows, tables)
    _check_refs(entity, rows, tables)


def _check_conditions(entity: Entity, rows: Iterable[Stored]) -> None:
    for check in entity.checks:
        holds = meaning(check.condition)
        if any(holds(row, _ALONE) is False for row in rows):
            first = next(node.field.name for node in walk(check.condition) if isinstance(node, Column))
            raise Invalid([Detail(f"/{first}", f"the check {check.name} does not hold", Invalid.code)])


def _check_unique(entity: Entity, rows: Sequence[Stored], tables: Tables) -> None:
    for names, where in _unique(entity):
        holds = meaning(where)
        for row in rows:
            if any(row[name] is None for name in names) or holds(row, _ALONE) is not True:
                continue
            alike = tables.lookup(entity.name, names[0], row[names[0]])
            if any(_same(row, other, names) and holds(other, _ALONE) is True for other in alike if other is not row):
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
