"""Compile an upsert: the row at the key is altered where there is one that may be read, else it is created."""

from __future__ import annotations

from dataclasses import dataclass

from kingpost.query.stages import Change, Rendering
from kingpost.store.postgres.by_keys import check_statement, shown_statement
from kingpost.store.postgres.compile_alter import LOCK, update
from kingpost.store.postgres.compile_create import judged, names_of, single_values
from kingpost.store.postgres.expressions import Scope, Writing
from kingpost.store.postgres.layout import clauses, columns, nested, where
from kingpost.store.postgres.names import identifier
from kingpost.store.postgres.returned import Showing, checked_apart, showing
from kingpost.store.postgres.statements import Flag, Statement, WriteProgram, ended
from kingpost.store.postgres.target import DONE, TARGET, Target, target_of
from kingpost.store.postgres.writings import Writings

ASKED, MADE, ROW = (identifier(name) for name in ("~asked", "~made", "~row"))
GONE = Flag("stale", "there is no such row", hint="leave out If-Match to create it")
THERE = Flag("stale", "there is such a row", hint="leave out If-None-Match to put this in its place")


def upsert_program(change: Change, rendering: Rendering, writings: Writings) -> WriteProgram:
    """The program of a Change with a target and a creation."""
    shows = showing(change, rendering)
    alteration, creation = change.alteration, change.creation
    assert creation is not None
    apart = checked_apart(change)
    return WriteProgram(
        entity=change.entity.name,
        outcome="put",
        careful=_statement(change, shows, writings()),
        keys=shows.keys,
        check=check_statement(change.entity, alteration.after, writings()) if apart and alteration else None,
        check_new=check_statement(change.entity, creation.admits, writings()) if apart else None,
        shown=shown_statement(change, rendering, writings()) if shows.apart else None,
        key=change.entity.key,
    )


def _statement(change: Change, shows: Showing, writing: Writing) -> Statement:
    """Both ways in one: which of them is gone is seen by whether TARGET has a row."""
    assert change.target is not None
    entity = change.entity
    target = target_of(change, change.target, writing)
    there = f"x.{identifier(entity.fields[entity.key[0]].column)} IS NOT NULL"
    judging = _Judging([], [])
    tables = [f"{TARGET} AS {nested(target.locked(entity.table, LOCK))}"]
    rows: list[str] = []
    if change.alteration is None:
        judging.add(f"NOT ({there})", THERE)
    else:
        rows.append(_altered(change, target, writing))
        tables.append(f"{DONE} AS {nested(rows[-1])}")
        for name, flag in zip(target.names, target.flags, strict=True):
            judging.add(f"({there}) IS FALSE OR x.{name}", flag)
    asked = "SELECT"
    if change.version is not None:
        judging.flags.insert(0, GONE)
        judging.columns.insert(0, there)
    else:
        asked, made = _created(change, judging, there, writing)
        rows.append(made)
        tables.append(f"{MADE} AS {nested(made)}")
    written = "\nUNION ALL ".join(f"SELECT * FROM {one}" for one in _names(change))
    row = writing.alias("t")
    returned = shows.returned(row, writing)
    sql = clauses(
        f"WITH {ASKED} AS {nested(asked)},",
        ",\n".join([*tables, f"{ROW} AS {nested(written)}"]),
        f"SELECT {columns((*judging.columns, *returned.columns, f'NOT ({there})'))}",
        f"FROM {ASKED} a",
        f"LEFT JOIN {TARGET} x ON TRUE",
        f"LEFT JOIN {ROW} {row} ON TRUE",
        returned.source,
    )
    return ended(writing, sql, judging.flags)


@dataclass(slots=True)
class _Judging:
    """The columns that tell what stands against it, and what each means."""

    columns: list[str]
    flags: list[Flag]

    def add(self, column: str, flag: Flag) -> None:
        self.columns.append(column)
        self.flags.append(flag)


def _names(change: Change) -> list[str]:
    return [DONE] * (change.alteration is not None) + [MADE] * (change.version is None)


def _altered(change: Change, target: Target, writing: Writing) -> str:
    assert change.alteration is not None
    alias = writing.alias("t")
    conditions = [f"x.{name}" for name in target.names]
    return clauses(
        update(change.entity, change.alteration.assigned, alias, conditions, writing), f"RETURNING {alias}.*"
    )


def _created(change: Change, judging: _Judging, there: str, writing: Writing) -> tuple[str, str]:
    """What is asked of the new row, and the INSERT: it yields to a row that is there unseen, or was made just now."""
    creation, entity = change.creation, change.entity
    assert creation is not None
    values = single_values(creation, writing)
    asked = judged(change, creation, Scope("", entity, values), writing)
    for name, flag in zip(asked.names, asked.flags, strict=True):
        judging.add(f"{there} OR a.{name}", flag)
    key = ", ".join(identifier(entity.fields[name].column) for name in entity.key)
    made = clauses(
        f"INSERT INTO {identifier(entity.table)} ({names_of(creation)})",
        f"SELECT {', '.join(values.values())}",
        f"FROM {ASKED}",
        where((f"NOT EXISTS (SELECT FROM {TARGET})", *asked.names)),
        f"ON CONFLICT ({key}) DO NOTHING",
        "RETURNING *",
    )
    return f"SELECT {columns(asked.columns())}".rstrip(), made
