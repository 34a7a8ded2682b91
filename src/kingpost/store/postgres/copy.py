"""Bring many rows in at once by COPY: coerced one by one as they are sent, never all in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import asyncpg

from kingpost.errors import KingpostError, Mistyped
from kingpost.model.fields import Field
from kingpost.model.manifest import Entity
from kingpost.model.read_constraints import violated
from kingpost.query.coerce import coercer
from kingpost.store.postgres.ddl import stored_fields
from kingpost.store.postgres.names import bounded

_Fit: TypeAlias = Callable[[object], object]


async def copy_rows(
    connection: asyncpg.Connection[Any], entity: Entity, rows: Iterable[Mapping[str, object]], timezone: str
) -> int:
    """Add `rows`, complete and by field name; return how many. For use in a transaction.

    Raises:
        Mistyped: a row does not fit; the transaction cannot go on.
    """
    columns = [bounded(field.column) for field in stored_fields(entity).values()]
    refusals: list[KingpostError] = []
    records = _noting(_records(entity, rows, timezone), refusals)
    try:
        status = await connection.copy_records_to_table(bounded(entity.table), records=records, columns=columns)
    except asyncpg.IntegrityConstraintViolationError as error:
        raise Mistyped(f"rows of {entity.name} cannot be loaded: {error}", hint="none was kept") from error
    except Exception:
        if refusals:
            raise refusals[0] from None
        raise
    return int(status.rpartition(" ")[2])


def _records(entity: Entity, rows: Iterable[Mapping[str, object]], timezone: str) -> Iterator[tuple[object, ...]]:
    fits = [(field.name, _fit(entity, field, timezone)) for field in stored_fields(entity).values()]
    for row in rows:
        yield tuple([fit(row[name]) for name, fit in fits])


def _noting(records: Iterator[tuple[object, ...]], refusals: list[KingpostError]) -> Iterator[tuple[object, ...]]:
    """The driver turns what an iterator raises into an error of its own."""
    try:
        yield from records
    except KingpostError as refusal:
        refusals.append(refusal)
        raise


def _fit(entity: Entity, field: Field, timezone: str) -> _Fit:
    coerce = coercer(field.type, timezone, json_text=False)
    # PostgreSQL would round what has too many places.
    digits = tuple(one for one in field.constraints if one.kind == "digits")
    what = f"{entity.name}.{field.name}"

    def fit(value: object) -> object:
        if value is None:
            return None
        try:
            fitted = coerce(value)
        except Mistyped as fault:
            raise Mistyped(f"{what}: {fault}", where=field.name) from None
        broken = violated(fitted, digits) if digits else None
        if broken is not None:
            raise Mistyped(f"{what}: {broken}", where=field.name)
        return fitted

    return fit
