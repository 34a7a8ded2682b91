"""Compile an update, of one row or of all that a filter finds, and the locking of a row."""

from __future__ import annotations

from collections.abc import Sequence

from kingpost.model.manifest import Entity
from kingpost.query.stages import Assigned, Change, Rendering
from kingpost.store.postgres.by_keys import check_statement, shown_statement
from kingpost.store.postgres.expressions import Scope, Writing
from kingpost.store.postgres.layout import clauses, columns, nested, where
from kingpost.store.postgres.names import identifier
from kingpost.store.postgres.references import kept_by_database
from kingpost.store.postgres.returned import Showing, checked_apart, key_of, same_key, showing
from kingpost.store.postgres.statements import Flag, Statement, WriteProgram, ended
from kingpost.store.postgres.target import DONE, JUDGED, TARGET, firm, settings, target_of
from kingpost.store.postgres.writings import Writings

LOCK = "NO KEY UPDATE"


def alter_program(change: Change, rendering: Rendering, writings: Writings) -> WriteProgram:
    """The program of a Change that alters rows, or only locks one."""
    alteration = change.alteration
    assert alteration is not None
    shows = showing(change, rendering)
    apart = checked_apart(change)
    if not change.single:
        made = set_statement(change, alteration.assigned, shows, writings())
    else:
        made = careful_statement(change, alteration.assigned, shows, writings())
    lean = change.single and bool(alteration.assigned)
    return WriteProgram(
        entity=change.entity.name,
        outcome="changed" if change.single else "set",
        careful=made,
        lean=lean_statement(change, alteration.assigned, shows, writings()) if lean else None,
        lean_refers=any(kept_by_database(one) for one in alteration.references),
        keys=shows.keys,
        check=check_statement(change.entity, alteration.after, writings()) if apart else None,
        shown=shown_statement(change, rendering, writings()) if shows.apart else None,
        rows_max=change.rows_max,
        key=change.entity.key,
    )


def careful_statement(change: Change, assigned: Sequence[Assigned], shows: Showing, writing: Writing) -> Statement:
    """One row: locked, judged, changed, with a column for each reason that could stand against it."""
    assert change.target is not None
    entity = change.entity
    target = target_of(change, change.target, writing)
    locked = nested(target.locked(entity.table, LOCK))
    if not assigned:
        returned = shows.returned("x", writing)
        flags = tuple(f"x.{name}" for name in target.names)
        sql = clauses(
            f"WITH {TARGET} AS {locked}",
            f"SELECT {columns((*flags, *returned.columns))}",
            f"FROM {TARGET} x",
            returned.source,
        )
        return ended(writing, sql, target.flags)
    alias, row = writing.alias("t"), writing.alias("t")
    made = update(entity, assigned, alias, [f"x.{name}" for name in target.names], writing)
    returned = shows.returned(row, writing)
    sql = clauses(
        f"WITH {TARGET} AS {locked},",
        f"{DONE} AS {nested(clauses(made, f'RETURNING {alias}.*'))}",
        f"SELECT {columns((*(f'x.{name}' for name in target.names), *returned.columns))}",
        f"FROM {TARGET} x",
        f"LEFT JOIN {DONE} {row} ON TRUE",
        returned.source,
    )
    return ended(writing, sql, target.flags)


def update(
    entity: Entity, assigned: Sequence[Assigned], alias: str, conditions: Sequence[str], writing: Writing
) -> str:
    """UPDATE of the rows of TARGET that satisfy `conditions`."""
    return clauses(
        f"UPDATE {identifier(entity.table)} {alias}",
        f"SET {settings(assigned, alias, writing)}",
        f"FROM {TARGET} x",
        where((same_key(entity, alias, "x"), *conditions)),
    )


def set_statement(change: Change, assigned: Sequence[Assigned], shows: Showing, writing: Writing) -> Statement:
    """All rows that a filter finds and the policy lets be changed, unless they are too many or one may not be so."""
    entity = change.entity
    alias = writing.alias("t")
    target, judged, flags, admitted = judged_set(change, writing, LOCK)
    if assigned:
        made = clauses(update(entity, assigned, alias, [admitted], writing), f"RETURNING {key_of(entity, alias)}")
    else:
        made = clauses(f"SELECT {key_of(entity, 'x')}", f"FROM {TARGET} x", where([admitted]))
    sql = clauses(
        f"WITH {TARGET} AS {nested(target)},",
        f"{JUDGED} AS {nested(judged)},",
        f"{DONE} AS {nested(made)}",
        f"SELECT {columns(set_columns(entity, shows, flags))}",
        f"FROM {JUDGED} j",
        f"LEFT JOIN {DONE} d ON TRUE" if shows.native else "",
    )
    return ended(writing, sql, flags)


def judged_set(change: Change, writing: Writing, lock: str) -> tuple[str, str, tuple[Flag, ...], str]:
    """The SELECT that locks the rows of a set, the one that judges them together, its flags, and that all are true."""
    assert change.target is not None
    target = target_of(change, change.target, writing)
    tail = clauses(order_by_key(change.entity, target.alias), f"LIMIT {change.rows_max + 1}")
    flags = [f"coalesce(bool_and(x.{name} IS TRUE), TRUE) AS {name}" for name in target.names]
    too_many = identifier("~few")
    judged = clauses(f"SELECT {columns((f'count(*) <= {change.rows_max} AS {too_many}', *flags))}", f"FROM {TARGET} x")
    dear = Flag(
        "dear",
        f"this would change more than the {change.rows_max:,} rows that are allowed at once",
        hint="narrow the filter",
    )
    admitted = " AND ".join((too_many, *target.names))
    return (
        target.locked(change.entity.table, lock, tail),
        judged,
        (dear, *target.flags),
        f"(SELECT {admitted} FROM {JUDGED})",
    )


def set_columns(entity: Entity, shows: Showing, flags: Sequence[Flag]) -> tuple[str, ...]:
    """The columns of a set: its flags, how many rows, and with `native` a row for each with its key."""
    names = [identifier("~few"), *(identifier(f"~f{at}") for at in range(len(flags) - 1))]
    count = f"(SELECT count(*) FROM {DONE})"
    native = tuple(Scope("d", entity).column(name) for name in entity.key) if shows.native else ()
    return (*(f"j.{name}" for name in names), "NULL::json", count, "NULL::text", *native)


def order_by_key(entity: Entity, alias: str) -> str:
    """In the order of the keys, so that two such writes do not wait for each other in a circle."""
    return f"ORDER BY {key_of(entity, alias)}"


def lean_statement(change: Change, assigned: Sequence[Assigned], shows: Showing, writing: Writing) -> Statement:
    """The same where nothing stands against it: half the work. Where something does, it changes nothing."""
    assert change.target is not None
    target = target_of(change, change.target, writing, lean=True)
    returned = shows.returned(target.alias, writing)
    sql = clauses(
        f"UPDATE {identifier(change.entity.table)} {target.alias}",
        f"SET {settings(assigned, target.alias, writing)}",
        where((*target.conditions, *firm(one.sql for one in target.asked))),
        f"RETURNING {columns(returned.of_written())}",
    )
    return ended(writing, sql)
