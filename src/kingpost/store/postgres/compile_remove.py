"""Compile a deletion: of one row or of a set, for good or by a mark, and of what refers to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from kingpost.model.expressions import TRUE
from kingpost.model.manifest import Entity
from kingpost.query.stages import Assigned, Change, Consequence, Rendering
from kingpost.store.postgres.compile_alter import (
    careful_statement,
    judged_set,
    lean_statement,
    set_columns,
    set_statement,
)
from kingpost.store.postgres.expressions import Scope, Writing
from kingpost.store.postgres.layout import clauses, columns, nested, where
from kingpost.store.postgres.names import VERSION, identifier, type_name
from kingpost.store.postgres.returned import Showing, key_of, key_text, keyed_rows, same_key, showing
from kingpost.store.postgres.statements import Following, Statement, WriteProgram, ended
from kingpost.store.postgres.target import DONE, JUDGED, TARGET, firm, settings, target_of
from kingpost.store.postgres.writings import Writings


def remove_program(change: Change, rendering: Rendering, writings: Writings) -> WriteProgram:
    """The program of a Change that deletes: one statement, unless what refers to the rows asks for more."""
    removal = change.removal
    assert removal is not None
    soft = bool(removal.stamp)
    following = _following(change, removal.consequences, writings)
    steps = soft or any(one.rule != "restrict" for one in removal.consequences)
    steps = steps and bool(removal.consequences)
    shows = showing(change, rendering, native=steps)
    return WriteProgram(
        entity=change.entity.name,
        outcome="changed" if change.single else "set",
        careful=_locking(change, writings()) if steps else _whole(change, removal.stamp, shows, writings()),
        lean=_lean(change, removal.stamp, shows, writings()) if change.single and not steps else None,
        following=following if steps else {},
        finish=_taken(change.entity, removal.stamp, writings()) if steps else None,
        start=mark(change.entity.name, soft=soft),
        removes=True,
        rows_max=change.rows_max,
        key=change.entity.key,
    )


def _whole(change: Change, stamp: Sequence[Assigned], shows: Showing, writing: Writing) -> Statement:
    """All of it in one statement."""
    if stamp:
        whole = careful_statement if change.single else set_statement
        return whole(change, stamp, shows, writing)
    return _careful(change, writing) if change.single else _set(change, shows, writing)


def _lean(change: Change, stamp: Sequence[Assigned], shows: Showing, writing: Writing) -> Statement:
    assert change.target is not None
    if stamp:
        return lean_statement(change, stamp, shows, writing)
    target = target_of(change, change.target, writing)
    sql = clauses(
        f"DELETE FROM {identifier(change.entity.table)} {target.alias}",
        where((*target.conditions, *firm(one.sql for one in target.asked))),
        f"RETURNING NULL::json, NULL::bigint, {key_text(change.entity, target.alias)}",
    )
    return ended(writing, sql)


def _careful(change: Change, writing: Writing) -> Statement:
    assert change.target is not None
    entity = change.entity
    target = target_of(change, change.target, writing)
    alias = writing.alias("t")
    flags = [f"x.{name}" for name in target.names]
    made = clauses(
        f"DELETE FROM {identifier(entity.table)} {alias}",
        f"USING {TARGET} x",
        where((same_key(entity, alias, "x"), *flags)),
        f"RETURNING {key_of(entity, alias)}",
    )
    sql = clauses(
        f"WITH {TARGET} AS {nested(target.locked(entity.table, 'UPDATE'))},",
        f"{DONE} AS {nested(made)}",
        f"SELECT {columns((*flags, 'NULL::json', 'NULL::bigint', key_text(entity, 'x')))}",
        f"FROM {TARGET} x",
    )
    return ended(writing, sql, target.flags)


def _set(change: Change, shows: Showing, writing: Writing) -> Statement:
    entity = change.entity
    alias = writing.alias("t")
    target, judged, flags, admitted = judged_set(change, writing, "UPDATE")
    made = clauses(
        f"DELETE FROM {identifier(entity.table)} {alias}",
        f"USING {TARGET} x",
        where((same_key(entity, alias, "x"), admitted)),
        f"RETURNING {key_of(entity, alias)}",
    )
    sql = clauses(
        f"WITH {TARGET} AS {nested(target)},",
        f"{JUDGED} AS {nested(judged)},",
        f"{DONE} AS {nested(made)}",
        f"SELECT {columns(set_columns(entity, shows, flags))}",
        f"FROM {JUDGED} j",
    )
    return ended(writing, sql, flags)


# --- In steps --------------------------------------------------------------------------------------------------------


def _locking(change: Change, writing: Writing) -> Statement:
    """Lock the rows, so that nothing can come to refer to them, and judge them. Nothing is deleted yet."""
    assert change.target is not None
    entity = change.entity
    native = tuple(Scope("x", entity).column(name) for name in entity.key)
    if change.single:
        target = target_of(change, change.target, writing)
        flags = tuple(f"x.{name}" for name in target.names)
        sql = clauses(
            f"WITH {TARGET} AS {nested(target.locked(entity.table, 'UPDATE'))}",
            f"SELECT {columns((*flags, 'NULL::json', 'NULL::bigint', key_text(entity, 'x'), *native))}",
            f"FROM {TARGET} x",
        )
        return ended(writing, sql, target.flags)
    locked, judged, told, _ = judged_set(change, writing, "UPDATE")
    names = (identifier("~few"), *(identifier(f"~f{at}") for at in range(len(told) - 1)))
    count = f"(SELECT count(*) FROM {TARGET})"
    sql = clauses(
        f"WITH {TARGET} AS {nested(locked)},",
        f"{JUDGED} AS {nested(judged)}",
        f"SELECT {columns((*(f'j.{name}' for name in names), 'NULL::json', count, 'NULL::text', *native))}",
        f"FROM {JUDGED} j",
        f"LEFT JOIN {TARGET} x ON TRUE",
    )
    return ended(writing, sql, told)


def _taken(entity: Entity, stamp: Sequence[Assigned], writing: Writing) -> Statement:
    """Take the rows with these keys away, or mark them."""
    alias = writing.alias("t")
    sets = settings(stamp, alias, writing) if stamp else ""
    keys, joined = keyed_rows(entity, alias, writing)
    table = identifier(entity.table)
    if stamp:
        sql = clauses(f"UPDATE {table} {alias}", f"SET {sets}", f"FROM {keys}", where((joined,)))
    else:
        sql = clauses(f"DELETE FROM {table} {alias}", f"USING {keys}", where((joined,)))
    return ended(writing, clauses(sql, f"RETURNING {key_of(entity, alias)}"))


def _following(
    change: Change, consequences: tuple[Consequence, ...], writings: Writings
) -> dict[str, tuple[Following, ...]]:
    """What follows from deleting rows of each entity on the way; `:soft` beside those that are only marked."""
    removal = change.removal
    assert removal is not None
    found: dict[str, tuple[Following, ...]] = {}
    for entity, parts in _by_entity(change.entity.name, consequences):
        for soft in (True, False) if removal.stamp else (False,):
            name = mark(entity, soft=soft)
            if name not in found:
                found[name] = tuple(_part(one, soft, removal.stamp, writings) for one in parts)
    return found


def mark(entity: str, *, soft: bool) -> str:
    """Under which name the consequences for an entity stand."""
    return f"{entity}:soft" if soft else entity


def _by_entity(entity: str, consequences: tuple[Consequence, ...]) -> Iterator[tuple[str, tuple[Consequence, ...]]]:
    yield entity, consequences
    for one in consequences:
        if one.rule == "cascade" and one.then is not None:
            yield from _by_entity(one.entity.name, one.then)


def _part(one: Consequence, soft: bool, stamp: Sequence[Assigned], writings: Writings) -> Following:
    """What becomes of the rows that refer by one Ref to rows that are marked (`soft`), or go."""
    entity = one.entity
    goes_softly = soft and entity.soft_delete is not None
    if one.rule == "null":
        return Following(entity, one.relation.name, "null", None, _emptied(one, writings()))
    if one.rule == "restrict":
        # Where rows go, the database itself sees to it.
        return Following(entity, one.relation.name, "restrict", _referring(one, writings()) if soft else None, None)
    act = _marked(entity, stamp, writings()) if goes_softly else _taken(entity, (), writings()) if soft else None
    return Following(
        entity=entity,
        relation=one.relation.name,
        rule="cascade",
        find=_found(one, writings(), live=goes_softly),
        act=act,
        then=mark(entity.name, soft=goes_softly),
    )


def _referrers(one: Consequence, alias: str, writing: Writing, *, live: bool) -> str:
    """The rows that refer to the parents, whose keys come last of all; `live`: not those that are marked already."""
    scope = Scope(alias, one.entity)
    type_ = type_name(one.entity.fields[one.relation.local].type)
    conditions = [f"{scope.column(one.relation.local)} = ANY (${len(writing.order) + 1}::{type_}[])"]
    if live and one.entity.soft_delete is not None:
        conditions.append(f"{scope.column(one.entity.soft_delete)} IS NULL")
    return where(conditions)


def _referring(one: Consequence, writing: Writing) -> Statement:
    alias = writing.alias("t")
    found = _referrers(one, alias, writing, live=True)
    if one.relation.source == one.relation.target:
        # Rows that are marked at once do not stand in each other's way.
        key = one.relation.remote
        type_ = type_name(one.entity.fields[key].type)
        found += f"\n  AND {Scope(alias, one.entity).column(key)} <> ALL (${len(writing.order) + 1}::{type_}[])"
    rows = clauses(f"SELECT FROM {identifier(one.entity.table)} {alias}", found)
    return ended(writing, f"SELECT EXISTS {nested(rows)}")


def _found(one: Consequence, writing: Writing, *, live: bool) -> Statement:
    """Whether each of them may go, and its key; all are locked."""
    alias = writing.alias("t")
    admits = "TRUE" if one.admits == TRUE else writing.true(one.admits, Scope(alias, one.entity))
    key = key_of(one.entity, alias)
    sql = clauses(
        f"SELECT ({admits}) IS TRUE, {key}",
        f"FROM {identifier(one.entity.table)} {alias}",
        _referrers(one, alias, writing, live=live),
        f"ORDER BY {key}",
        f"FOR UPDATE OF {alias}",
    )
    return ended(writing, sql)


def _emptied(one: Consequence, writing: Writing) -> Statement:
    alias = writing.alias("t")
    version = identifier(VERSION)
    local = identifier(one.entity.fields[one.relation.local].column)
    sql = clauses(
        f"UPDATE {identifier(one.entity.table)} {alias}",
        f"SET {local} = NULL, {version} = {alias}.{version} + 1",
        _referrers(one, alias, writing, live=False),
    )
    return ended(writing, sql)


def _marked(entity: Entity, stamp: Sequence[Assigned], writing: Writing) -> Statement:
    """Mark rows as those that they refer to are, at the same time."""
    assert entity.soft_delete is not None
    return _taken(entity, (replace(stamp[0], field=entity.fields[entity.soft_delete]),), writing)
