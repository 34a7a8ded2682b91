"""Statements about rows that a write has touched, by arrays of their keys: whether they may be so, how they are shown."""

from __future__ import annotations

from kingpost.model.expressions import Expression
from kingpost.model.manifest import Entity
from kingpost.query.stages import Change, Rendering
from kingpost.store.postgres.expressions import Scope, Writing
from kingpost.store.postgres.layout import clauses
from kingpost.store.postgres.names import VERSION, identifier
from kingpost.store.postgres.returned import NUMBER, body_of, key_of, key_text, keyed_rows
from kingpost.store.postgres.statements import Flag, Statement, ended


def check_statement(entity: Entity, condition: Expression, writing: Writing) -> Statement:
    """Whether `condition` is true of each of the rows."""
    alias = writing.alias("t")
    holds = writing.true(condition, Scope(alias, entity))
    keys, joined = keyed_rows(entity, alias, writing)
    sql = clauses(
        f"SELECT bool_and(({holds}) IS TRUE)", f"FROM {keys}", f"JOIN {identifier(entity.table)} {alias} ON {joined}"
    )
    return ended(writing, sql, (Flag("forbidden", f"you may not leave the {entity.name} like this"),))


def shown_statement(change: Change, rendering: Rendering, writing: Writing) -> Statement:
    """Body, version and key of each of the rows, in the order of the keys."""
    assert change.shown is not None
    alias = writing.alias("t")
    body, members = body_of(change.shown, alias, rendering, writing)
    keys, joined = keyed_rows(change.entity, alias, writing, numbered=True)
    sql = clauses(
        f"SELECT {body}, {alias}.{identifier(VERSION)}, {key_text(change.entity, alias)}",
        f"FROM {keys}",
        f"JOIN {identifier(change.entity.table)} {alias} ON {joined}",
        members.source,
        f"ORDER BY k.{NUMBER}",
    )
    return ended(writing, sql)


def lock_statement(entity: Entity) -> str:
    """Lock the rows with these keys, in the order of their keys."""
    writing = Writing({})
    keys, joined = keyed_rows(entity, "t", writing)
    return clauses(
        f"SELECT FROM {identifier(entity.table)} t",
        f"JOIN {keys} ON {joined}",
        f"ORDER BY {key_of(entity, 't')}",
        "FOR NO KEY UPDATE OF t",
    )
