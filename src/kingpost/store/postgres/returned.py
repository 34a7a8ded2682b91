"""What is shown of a row that was written: its JSON, its version and its key, out of the row that the write returns."""

from __future__ import annotations

from dataclasses import dataclass, field

from kingpost.model.expressions import TRUE, Column, Expression, Quantified, Through, walk
from kingpost.model.manifest import Entity
from kingpost.query.stages import Change, Nested, Output, Rendering, Select
from kingpost.store.postgres.compile_members import Members, Outer, members_of
from kingpost.store.postgres.compile_select import read_from_body
from kingpost.store.postgres.expressions import Scope, Writing, held_key
from kingpost.store.postgres.json_sql import array_text
from kingpost.store.postgres.layout import clauses, nested
from kingpost.store.postgres.names import VERSION, identifier, type_name
from kingpost.store.postgres.program import KeyReader

NUMBER = identifier("~n")


@dataclass(frozen=True, slots=True)
class Returned:
    """What stands in a SELECT over written rows: `columns` are body, version, key, native keys; `source` ends FROM."""

    columns: tuple[str, ...]
    source: str = ""

    def of_written(self) -> tuple[str, ...]:
        """The same for RETURNING, where nothing can be joined."""
        if not self.source:
            return self.columns
        body = nested(clauses(f"SELECT {self.columns[0]}", f"FROM (SELECT) n {self.source}"))
        return (body, *self.columns[1:])


@dataclass(frozen=True, slots=True)
class Showing:
    """How the written rows of one change are shown.

    Args:
        change: what is written.
        rendering: the protocol's words.
        apart: the answer, or whether the row may be so, depends on other rows of the same table, which one statement
            would see as they were before it.
        keys: reads the key out of the body.
    """

    change: Change
    rendering: Rendering
    apart: bool
    native: bool
    keys: KeyReader | None = field(default=None)

    def returned(self, alias: str, writing: Writing) -> Returned:
        """The columns of the row that stands under `alias`."""
        version = f"{alias}.{identifier(VERSION)}"
        entity = self.change.entity
        key = "NULL::text" if self.keys or self.change.rows is not None else key_text(entity, alias)
        native = tuple(Scope(alias, entity).column(name) for name in entity.key) if self.native else ()
        shown = self.change.shown
        if shown is None or self.apart:
            return Returned(("NULL::json", version, key, *native))
        body, members = body_of(shown, alias, self.rendering, writing)
        return Returned((body, version, key, *native), members.source)


def showing(change: Change, rendering: Rendering, *, native: bool = False) -> Showing:
    """How `change` shows its rows; `native`: the key's values are wanted for statements that follow."""
    apart = change.shown is not None and shows(change.shown, change.entity)
    native = native or apart or checked_apart(change)
    return Showing(change, rendering, apart, native, None if apart else _reader(change, rendering))


def body_of(shown: Select, alias: str, rendering: Rendering, writing: Writing) -> tuple[str, Members]:
    """The JSON of one row, null where it may not be read as it is now, and what is joined for it."""
    scope = Scope(alias, shown.source.entity)
    members = members_of(shown, Outer(scope), rendering, writing)
    body = members.object.value
    if shown.source.where != TRUE:
        body = f"CASE WHEN {writing.true(shown.source.where, scope)} THEN {body} END"
    return body, members


def key_text(entity: Entity, alias: str) -> str:
    """The key of a row as a JSON array, in text."""
    scope = Scope(alias, entity)
    return array_text([(scope.column(name), entity.fields[name].type) for name in entity.key])


def key_of(entity: Entity, alias: str) -> str:
    """The key's columns."""
    return ", ".join(Scope(alias, entity).column(name) for name in entity.key)


def checked_apart(change: Change) -> bool:
    """Whether a row may be as it will be depends on other rows of its table."""
    conditions = [one.admits for one in (change.creation,) if one] + [one.after for one in (change.alteration,) if one]
    return any(reaches(one, change.entity) for one in conditions)


def reaches(expression: Expression, entity: Entity) -> bool:
    """Whether it looks at rows of `entity` through a relation."""
    return any(
        isinstance(node, Through | Quantified) and node.relation.target == entity.name for node in walk(expression)
    )


def shows(select: Select, entity: Entity, *, inside: bool = False) -> bool:
    """Whether what is shown looks at rows of `entity`, other than the one at hand."""
    if (inside and select.source.entity.name == entity.name) or reaches(select.source.where, entity):
        return True
    for member in select.members:
        if isinstance(member, Nested):
            middle = member.middle is not None and member.middle.entity.name == entity.name
            if middle or reaches(member.visible, entity) or shows(member.select, entity, inside=True):
                return True
        else:
            outputs = (member,) if isinstance(member, Output) else member.needs
            if any(reaches(one.value, entity) for one in outputs):
                return True
    return False


def keyed_rows(entity: Entity, alias: str, writing: Writing, *, numbered: bool = False) -> tuple[str, str]:
    """Rows by arrays of their keys: what stands in FROM, and the condition. Its arguments come last of all."""
    names = [f"k{at}" for at in range(len(entity.key))]
    first = len(writing.order) + 1
    types = [type_name(entity.fields[name].type) for name in entity.key]
    arrays = ", ".join(f"${first + at}::{type_}[]" for at, type_ in enumerate(types))
    number = f" WITH ORDINALITY k({', '.join(names)}, {NUMBER})" if numbered else f" k({', '.join(names)})"
    scope = Scope(alias, entity)
    joined = " AND ".join(f"{scope.column(key)} = k.{name}" for key, name in zip(entity.key, names, strict=True))
    return f"unnest({arrays}){number}", joined


def same_key(entity: Entity, one: str, other: str) -> str:
    """That two rows have the same key."""
    scopes = Scope(one, entity), Scope(other, entity)
    return " AND ".join(f"{scopes[0].column(name)} = {scopes[1].column(name)}" for name in entity.key)


def _reader(change: Change, rendering: Rendering) -> KeyReader | None:
    """Only a row that is shown whatever it says can tell its key."""
    shown = change.shown
    if shown is None or shown.source.where != TRUE:
        return None
    outputs = {held_key(one.value): rendering.name(one.name) for one in shown.members if isinstance(one, Output)}
    return read_from_body(outputs, [Column(change.entity.fields[name]) for name in change.entity.key])
