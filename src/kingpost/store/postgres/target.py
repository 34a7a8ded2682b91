"""The stored rows that a write is about: found, locked, and judged as they are when the lock is had.

Under READ COMMITTED PostgreSQL looks at a row anew once another transaction has let go of it. What it then works out
anew are the columns of the row itself and plain subselects, not what it has joined: so a condition that looks through a
relation is kept from becoming a join (`firm`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kingpost.model.expressions import Expression
from kingpost.query.stages import Assigned, Change, Reference, Rows
from kingpost.store.postgres.expressions import Scope, Writing
from kingpost.store.postgres.layout import clauses, columns, where
from kingpost.store.postgres.names import VERSION, identifier
from kingpost.store.postgres.references import flag_of, holds, kept_by_database
from kingpost.store.postgres.returned import checked_apart
from kingpost.store.postgres.rows import walk_rows
from kingpost.store.postgres.statements import Flag

TARGET, DONE, JUDGED = (identifier(name) for name in ("~target", "~done", "~judged"))
STALE = Flag("stale", "the row was changed since you read it", hint="read it again, and decide anew")


@dataclass(frozen=True, slots=True)
class Asked:
    """A condition of a row to be written, and what it means where it is not true."""

    sql: str
    flag: Flag


@dataclass(frozen=True, slots=True)
class Target:
    """The rows of a target under `alias`: `conditions` find them, `asked` is asked of them."""

    alias: str
    conditions: tuple[str, ...]
    asked: tuple[Asked, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that hold the answers."""
        return tuple(identifier(f"~f{at}") for at in range(len(self.asked)))

    @property
    def flags(self) -> tuple[Flag, ...]:
        return tuple(one.flag for one in self.asked)

    def locked(self, table: str, lock: str, tail: str = "") -> str:
        """The SELECT that locks them."""
        flags = [f"({one.sql}) AS {name}" for one, name in zip(self.asked, self.names, strict=True)]
        return clauses(
            f"SELECT {columns((f'{self.alias}.*', *flags))}",
            f"FROM {identifier(table)} {self.alias}",
            where(self.conditions),
            tail,
            f"FOR {lock}",
        )


def target_of(change: Change, rows: Rows, writing: Writing, *, lean: bool = False, alias: str = "") -> Target:
    """Find the rows of a change; a single one is asked for each reason that could refuse it, else only what can differ.

    Args:
        change: with a target.
        rows: its target.
        writing: of the statement.
        lean: references that the database sees to are left out.
        alias: for the rows.
    """
    alias = alias or writing.alias("t")
    walked = walk_rows(rows, alias, writing)
    asked: list[Asked] = []
    conditions = list(firm(walked.conditions))
    before = before_of(change, walked.scope, writing)
    if change.single:
        asked += before
        if change.version is not None:
            asked.append(Asked(f"{alias}.{identifier(VERSION)} = {writing.parameter(change.version)}", STALE))
    else:
        conditions += firm(one.sql for one in before)
    seen = {one.sql for one in before}
    asked += [one for one in after_of(change, walked.scope, writing, lean=lean) if one.sql not in seen]
    return Target(alias, tuple(conditions), tuple(asked))


def before_of(change: Change, scope: Scope, writing: Writing) -> list[Asked]:
    """What a row has to satisfy as it is."""
    part = change.alteration or change.removal
    if part is None:
        return []
    verb = "delete" if change.removal else "change"
    flag = Flag("forbidden", f"you may not {verb} this {change.entity.name}")
    return [Asked(one, flag) for one in writing.all_true((part.before,), scope)]


def after_of(change: Change, scope: Scope, writing: Writing, *, lean: bool = False) -> list[Asked]:
    """What it has to satisfy as it will be, and what it has to refer to."""
    alteration = change.alteration
    if alteration is None:
        return []
    values = {one.field.name: writing.parameter(one.value) for one in alteration.assigned}
    will_be = Scope(scope.alias, scope.entity, {**scope.known, **values})
    flag = Flag("forbidden", f"you may not leave the {change.entity.name} like this")
    after: tuple[Expression, ...] = () if checked_apart(change) else (alteration.after,)
    found = [Asked(one, flag) for one in writing.all_true(after, will_be)]
    return found + [
        Asked(_refers(one, change, values, writing), flag_of(one))
        for one in alteration.references
        if not (lean and kept_by_database(one))
    ]


def firm(conditions: Iterable[str]) -> tuple[str, ...]:
    """The same conditions, none of which becomes a join."""
    return tuple(f"({one}) IS TRUE" if "EXISTS (" in one else one for one in conditions)


def settings(assigned: Sequence[Assigned], alias: str, writing: Writing) -> str:
    """What UPDATE sets; every change raises the version."""
    sets = [f"{identifier(one.field.column)} = {writing.parameter(one.value)}" for one in assigned]
    version = identifier(VERSION)
    return columns([*sets, f"{version} = {alias}.{version} + 1"])


def _refers(reference: Reference, change: Change, values: dict[str, str], writing: Writing) -> str:
    local = reference.relation.local
    return holds(reference, values[local], writing, nullable=change.entity.fields[local].nullable)
