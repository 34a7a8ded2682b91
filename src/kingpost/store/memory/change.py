"""Run a write on the rows in memory: judge it as the meaning of a Change says, and make the tables as they are then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import msgspec

from kingpost.call import Answer, Ask
from kingpost.errors import Detail, Forbidden, Invalid, NotFound, Stale, TooDear
from kingpost.query.evaluate import Context, Meaning
from kingpost.store.memory.compile_change import Altering, Changing, Making, Put, Referring, Removing
from kingpost.store.memory.constraints import check_rows
from kingpost.store.memory.remove import removed
from kingpost.store.memory.run import Running
from kingpost.store.memory.tables import Stored, Tables


def change(ask: Ask, tables: Tables) -> tuple[Answer, Tables]:
    """The answer to a write, and the tables after it; `tables` stay as they are.

    Raises:
        NotFound, Forbidden, Stale, Invalid, Conflict, TooDear: nothing was written.
        TooLate: the deadline passed.
    """
    writing = _Writing(ask, tables)
    changing = cast("Changing", ask.plan.program)
    if changing.removing is not None:
        return writing.remove(changing, changing.removing)
    if changing.making is None:
        return writing.alter(changing, cast("Altering", changing.altering))
    return (
        writing.make(changing, changing.making)
        if changing.target is None
        else writing.upsert(changing, changing.making)
    )


class _Writing:
    """One write: what it is asked with, and the rows as they were."""

    __slots__ = ("_arguments", "_ask", "_context", "_tables")

    def __init__(self, ask: Ask, tables: Tables) -> None:
        self._ask = ask
        self._arguments = ask.arguments
        self._tables = tables
        self._context = Context(ask.arguments, tables.related)

    # --- New rows ----------------------------------------------------------------------------------------------------

    def make(self, changing: Changing, making: Making) -> tuple[Answer, Tables]:
        count = 1 if changing.rows is None else cast("int", self._arguments[changing.rows])
        rows = [Stored({one.field: self._value(one, number) for one in making.puts}) for number in range(count)]
        after = self._tables.extended(changing.entity.name, rows)
        if not self._all_are(making.admits, rows, after):
            raise Forbidden(f"you may not create this {changing.entity.name}")
        self._check_references(making.references, rows, bulk=changing.rows is not None)
        check_rows(changing.entity, rows, after)
        return self._answer(changing, rows, after, created=True), after

    # --- Stored rows -------------------------------------------------------------------------------------------------

    def alter(self, changing: Changing, altering: Altering) -> tuple[Answer, Tables]:
        rows = self._found(changing, altering.before)
        if not altering.puts:
            return self._answer(changing, rows, self._tables), self._tables
        return self._altered(changing, altering, rows)

    def upsert(self, changing: Changing, making: Making) -> tuple[Answer, Tables]:
        there = self._targeted(changing)
        if not there:
            if changing.version is not None:
                raise Stale("there is no such row", hint="leave out If-Match to create it")
            return self.make(changing, making)
        if changing.altering is None:
            raise Stale("there is such a row", hint="leave out If-None-Match to put this in its place")
        self._judge(changing, changing.altering.before, there[0])
        return self._altered(changing, changing.altering, there)

    def remove(self, changing: Changing, removing: Removing) -> tuple[Answer, Tables]:
        rows = self._found(changing, removing.before)
        after = removed(changing.entity, removing, rows, self._tables, self._context)
        key = self._key(changing, rows[0]) if changing.single else None
        return Answer(None, key=key, changed=len(rows)), after

    def _altered(self, changing: Changing, altering: Altering, rows: Sequence[Stored]) -> tuple[Answer, Tables]:
        new = [self._with(row, altering.puts) for row in rows]
        after = self._tables.replaced(changing.entity.name, dict(zip(map(id, rows), new, strict=True)))
        if not self._all_are(altering.after, new, after):
            raise Forbidden(f"you may not leave the {changing.entity.name} like this")
        self._check_references(altering.references, new, bulk=False)
        check_rows(changing.entity, new, after)
        return self._answer(changing, new, after), after

    def _with(self, row: Stored, puts: Iterable[Put]) -> Stored:
        return Stored({**row, **{one.field: self._value(one) for one in puts}}, row.version + 1)

    # --- Judging -----------------------------------------------------------------------------------------------------

    def _targeted(self, changing: Changing) -> list[Stored]:
        target = changing.target
        assert target is not None, "only new rows have no target"
        return [row for row in self._tables.rows(changing.entity.name) if target(row, self._context) is True]

    def _found(self, changing: Changing, before: Meaning) -> list[Stored]:
        """The rows it is about: the one with the key, judged, or those of the set that the policy admits."""
        there = self._targeted(changing)
        if changing.single:
            if not there:
                raise NotFound(f"there is no such {changing.entity.name}")
            self._judge(changing, before, there[0])
            return there
        admitted = [row for row in there if before(row, self._context) is True]
        if len(admitted) > changing.rows_max:
            message = f"this would change more than the {changing.rows_max:,} rows that are allowed at once"
            raise TooDear(message, hint="narrow the filter")
        return admitted

    def _judge(self, changing: Changing, before: Meaning, row: Stored) -> None:
        if before(row, self._context) is not True:
            raise Forbidden(f"you may not {'delete' if changing.removing else 'change'} this {changing.entity.name}")
        if changing.version is not None and self._arguments[changing.version] != row.version:
            raise Stale("the row was changed since you read it", hint="read it again, and decide anew")

    def _all_are(self, admits: Meaning, rows: Iterable[Stored], after: Tables) -> bool:
        """Whether it is true of all these rows, where all rows are as they will be."""
        context = Context(self._arguments, after.related)
        return all(admits(row, context) is True for row in rows)

    def _check_references(self, references: Sequence[Referring], rows: Sequence[Stored], *, bulk: bool) -> None:
        faults = [
            Detail(
                f"/{number}/{one.relation.local}" if bulk else f"/{one.relation.local}",
                f"there is no such {one.relation.target}",
                Invalid.code,
            )
            for number, row in enumerate(rows)
            for one in references
            if row[one.relation.local] is not None and not self._leads(one, row)
        ]
        if faults:
            raise Invalid(tuple(dict.fromkeys(faults)))

    def _leads(self, referring: Referring, row: Stored) -> bool:
        return any(
            referring.admits(other, self._context) is True for other in self._tables.related(referring.relation, row)
        )

    # --- Values and answers ------------------------------------------------------------------------------------------

    def _value(self, put: Put, row: int = 0) -> object:
        value = self._arguments[put.slot]
        return cast("Sequence[object]", value)[row] if put.column else value

    def _answer(self, changing: Changing, rows: Sequence[Stored], after: Tables, *, created: bool = False) -> Answer:
        """What is shown of the rows, as all is now."""
        running = Running(after, self._ask)
        shown = [None if changing.shown is None else running.shown(changing.shown, row) for row in rows]
        if not changing.single:
            body = b"[" + b",".join(one or b"null" for one in shown) + b"]" if created else None
            return Answer(body, changed=len(rows), created=created)
        key = self._key(changing, rows[0])
        return Answer(shown[0], version=rows[0].version, key=key, created=created, changed=1)

    def _key(self, changing: Changing, row: Stored) -> bytes:
        values = zip(changing.entity.key, changing.key, strict=True)
        return msgspec.json.encode([render(row[name]) for name, render in values])
