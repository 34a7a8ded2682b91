"""Check rows before they are kept, as a database would: types, constraints, keys, uniqueness, Refs, checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from kingpost.errors import Mistyped
from kingpost.model.expressions import TRUE, Expression
from kingpost.model.fields import Field
from kingpost.model.manifest import Entity
from kingpost.query.coerce import shown
from kingpost.query.evaluate import Context, meaning
from kingpost.query.storing import Unfit, storable
from kingpost.store.memory.tables import Stored, Tables


def loaded(tables: Tables, entity: Entity, rows: Iterable[Mapping[str, object]]) -> Tables:
    """`tables` with `rows` (complete, by field name) added.

    Raises:
        Mistyped: a row does not fit; nothing is added.
    """
    admit = _admitting(entity, tables.manifest.timezone)
    new = tables.extended(entity.name, [admit(row) for row in rows])
    _check_unique(entity, new.rows(entity.name))
    _check_refs(entity, new)
    return new


def _admitting(entity: Entity, timezone: str) -> Callable[[Mapping[str, object]], Stored]:
    fields = [(field.name, _field(entity, field, timezone)) for field in entity.fields.values() if not field.computed]
    checks = [(check.name, meaning(check.condition)) for check in entity.checks]
    alone = Context((), lambda relation, row: ())

    def admit(row: Mapping[str, object]) -> Stored:
        stored = Stored({name: coerce(row[name]) for name, coerce in fields})
        for name, holds in checks:
            if holds(stored, alone) is False:
                raise Mistyped(f"a {entity.name} breaks the check {name}", where=name)
        return stored

    return admit


def _field(entity: Entity, field: Field, timezone: str) -> Callable[[object], object]:
    what = f"{entity.name}.{field.name}"
    store = storable(field, timezone)

    def fit(value: object) -> object:
        try:
            return store(value)
        except Unfit as fault:
            raise Mistyped(f"{what}: {fault}", where=field.name) from None

    return fit


def _check_unique(entity: Entity, rows: Sequence[Stored]) -> None:
    _check_one(entity, entity.key, TRUE, rows)
    for index in entity.indexes:
        if index.unique:
            _check_one(entity, tuple(key.field for key in index.keys), index.where, rows)


def _check_one(entity: Entity, names: tuple[str, ...], where: Expression, rows: Sequence[Stored]) -> None:
    """Nulls differ from each other, as in SQL."""
    holds, alone = meaning(where), Context((), lambda relation, row: ())
    seen: set[tuple[object, ...]] = set()
    for row in rows:
        values = tuple(_hashable(row[name]) for name in names)
        if None in values or holds(row, alone) is not True:
            continue
        if values in seen:
            shown_values = ", ".join(f"{name} = {shown(row[name])}" for name in names)
            raise Mistyped(f"there are two {entity.name} rows with {shown_values}", where=names[0])
        seen.add(values)


def _check_refs(entity: Entity, tables: Tables) -> None:
    for relation in entity.relations.values():
        if relation.many:
            continue
        for row in tables.rows(entity.name):
            if row[relation.local] is not None and not tables.related(relation, row):
                missing = f"{relation.target} {shown(row[relation.local])}"
                raise Mistyped(
                    f"{entity.name}.{relation.name} names {missing}, which is not there", where=relation.name
                )


def _hashable(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
