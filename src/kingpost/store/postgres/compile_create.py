"""Compile a create: one row by INSERT … RETURNING, many by unnest, each judged as it will be stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kingpost.model.types import Scalar
from kingpost.query.stages import Assigned, Change, Creation, Rendering
from kingpost.store.postgres.by_keys import check_statement, shown_statement
from kingpost.store.postgres.expressions import Scope, Writing
from kingpost.store.postgres.layout import clauses, columns, nested, where
from kingpost.store.postgres.names import identifier, type_name
from kingpost.store.postgres.references import flag_of, holds, kept_by_database
from kingpost.store.postgres.returned import NUMBER, Showing, checked_apart, same_key, showing
from kingpost.store.postgres.statements import Flag, Packed, Statement, WriteProgram, ended
from kingpost.store.postgres.writings import Writings

NEW, JUDGED, DONE, ASKED = (identifier(name) for name in ("~new", "~judged", "~done", "~asked"))


def create_program(change: Change, rendering: Rendering, writings: Writings) -> WriteProgram:
    """The program of a Change that only creates."""
    creation = change.creation
    assert creation is not None
    shows = showing(change, rendering)
    single = change.rows is None
    return WriteProgram(
        entity=change.entity.name,
        outcome="created" if single else "bulk",
        careful=_careful(change, creation, shows, writings()) if single else _bulk(change, creation, shows, writings()),
        lean=_lean(change, creation, shows, writings()) if single else None,
        lean_refers=any(kept_by_database(one) for one in creation.references),
        keys=shows.keys,
        packed=tuple(_packed(creation, writings)),
        check=check_statement(change.entity, creation.admits, writings()) if checked_apart(change) else None,
        shown=shown_statement(change, rendering, writings()) if shows.apart else None,
        key=change.entity.key,
    )


@dataclass(frozen=True, slots=True)
class Judged:
    """Conditions in SQL, and what each means where it is not true."""

    conditions: tuple[str, ...]
    flags: tuple[Flag, ...]

    def columns(self) -> tuple[str, ...]:
        """Each under a name of its own."""
        return tuple(f"({one}) AS {name}" for one, name in zip(self.conditions, self.names, strict=True))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(identifier(f"~f{at}") for at in range(len(self.conditions)))


def judged(change: Change, creation: Creation, scope: Scope, writing: Writing, *, lean: bool = False) -> Judged:
    """What a new row has to satisfy; `lean` leaves out what a foreign key sees to."""
    conditions: list[str] = []
    flags: list[Flag] = []
    if not checked_apart(change):
        for condition in writing.all_true((creation.admits,), scope):
            conditions.append(condition)
            flags.append(Flag("forbidden", f"you may not create this {change.entity.name}"))
    for one in creation.references:
        if not (lean and kept_by_database(one)):
            local = one.relation.local
            nullable = change.entity.fields[local].nullable
            conditions.append(holds(one, scope.value(local), writing, nullable=nullable))
            flags.append(flag_of(one))
    return Judged(tuple(conditions), tuple(flags))


def single_values(creation: Creation, writing: Writing) -> Mapping[str, str]:
    """The parameter of each field of one new row."""
    return {one.field.name: writing.parameter(one.value) for one in creation.assigned}


def names_of(creation: Creation) -> str:
    """The columns, for INSERT."""
    return ", ".join(identifier(one.field.column) for one in creation.assigned)


def _lean(change: Change, creation: Creation, shows: Showing, writing: Writing) -> Statement:
    values = single_values(creation, writing)
    scope = Scope("", change.entity, values)
    asked = judged(change, creation, scope, writing, lean=True).conditions
    alias = writing.alias("t")
    listed = ", ".join(values.values())
    sql = clauses(
        f"INSERT INTO {identifier(change.entity.table)} AS {alias} ({names_of(creation)})",
        f"SELECT {listed}" if asked else f"VALUES ({listed})",
        where(asked),
        f"RETURNING {columns(shows.returned(alias, writing).of_written())}",
    )
    return ended(writing, sql)


def _careful(change: Change, creation: Creation, shows: Showing, writing: Writing) -> Statement:
    """Every reason for itself."""
    values = single_values(creation, writing)
    asked = judged(change, creation, Scope("", change.entity, values), writing)
    alias = writing.alias("t")
    returned = shows.returned(alias, writing)
    made = clauses(
        f"INSERT INTO {identifier(change.entity.table)} ({names_of(creation)})",
        f"SELECT {', '.join(values.values())}",
        f"FROM {ASKED}",
        where(asked.names),
        "RETURNING *",
    )
    sql = clauses(
        f"WITH {ASKED} AS {nested(f'SELECT {columns(asked.columns())}')},",
        f"{DONE} AS {nested(made)}",
        f"SELECT {columns((*(f'a.{name}' for name in asked.names), *returned.columns))}",
        f"FROM {ASKED} a",
        f"LEFT JOIN {DONE} {alias} ON TRUE",
        returned.source,
    )
    return ended(writing, sql, asked.flags)


def _bulk(change: Change, creation: Creation, shows: Showing, writing: Writing) -> Statement:
    """Many rows, answered in the order they are given in; one that may not be stops all."""
    entity = change.entity
    given, known = _new_rows(creation, writing)
    row = writing.alias("n")
    asked = judged(change, creation, Scope(row, entity, known), writing)
    alias = writing.alias("t")
    returned = shows.returned(alias, writing)
    admitted = f"(SELECT bool_and(({' AND '.join(asked.names)}) IS TRUE) FROM {JUDGED})" if asked.names else ""
    made = clauses(
        f"INSERT INTO {identifier(entity.table)} ({names_of(creation)})",
        f"SELECT {names_of(creation)}",
        f"FROM {JUDGED}",
        where([admitted] if admitted else []),
        "RETURNING *",
    )
    looked_at = clauses(f"SELECT {columns((row + '.*', *asked.columns()))}", f"FROM {NEW} {row}")
    sql = clauses(
        f"WITH {NEW} AS {nested(given)},",
        f"{JUDGED} AS {nested(looked_at)},",
        f"{DONE} AS {nested(made)}",
        f"SELECT {columns((*(f'j.{name}' for name in asked.names), *returned.columns))}",
        f"FROM {JUDGED} j",
        f"LEFT JOIN {DONE} {alias} ON {same_key(entity, alias, 'j')}",
        returned.source,
        f"ORDER BY j.{NUMBER}",
    )
    return ended(writing, sql, asked.flags)


def _new_rows(creation: Creation, writing: Writing) -> tuple[str, Mapping[str, str]]:
    """The rows out of their columns, and the fields that are the same in all."""
    arrays: list[str] = []
    shown: list[str] = []
    known: dict[str, str] = {}
    for one in creation.assigned:
        column = identifier(one.field.column)
        value = writing.parameter(one.value)
        if not writing.slots[one.value.number].column:
            known[one.field.name] = value
            shown.append(f"{value} AS {column}")
            continue
        packed = packs(one)
        arrays.append(f"{value.partition('::')[0]}::{'text' if packed else type_name(one.field.type)}[]")
        cell = f"n.c{len(arrays)}"
        typed = f"{cell}::{type_name(one.field.type)}" if packed else cell
        shown.append(f"{typed}{_collation(one)} AS {column}")
    cells = ", ".join(f"c{at + 1}" for at in range(len(arrays)))
    source = f"FROM unnest({', '.join(arrays)}) WITH ORDINALITY n({cells}, {NUMBER})"
    return clauses(f"SELECT {columns((*shown, f'n.{NUMBER}'))}", source), known


def packs(one: Assigned) -> bool:
    """Whether a column of such values is handed over as text: unnest would take arrays of arrays apart."""
    return one.field.type.array or one.field.type.scalar is Scalar.JSON


def _collation(one: Assigned) -> str:
    """As the table's own column has it, so that comparisons are the same."""
    return ' COLLATE "C"' if one.field.type.scalar is Scalar.TEXT else ""


def _packed(creation: Creation, writings: Writings) -> Iterator[Packed]:
    for one in creation.assigned:
        if packs(one) and writings.slots[one.value.number].column:
            yield Packed(one.value.number, array=one.field.type.array)
