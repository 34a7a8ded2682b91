"""What this store's plans of writes carry: statements, what their columns mean, and what is still to be done after one.

A record is `flags…, body, version, key, native…`: a flag that is not true refuses the write; `native` are the key's
values for statements that follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from kingpost.model.manifest import Entity
from kingpost.store.postgres.expressions import Writing
from kingpost.store.postgres.program import KeyReader

Refusal = Literal["forbidden", "stale", "reference", "dear"]
Outcome = Literal["created", "changed", "put", "bulk", "set"]


@dataclass(frozen=True, slots=True)
class Flag:
    """What it means that a column is not true; `where` is the JSON pointer of a reference that leads nowhere."""

    refusal: Refusal
    message: str
    where: str = ""
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a plan.

    Args:
        sql: the text, its parameters cast.
        order: the numbers of the slots that are its parameters, then those of the arrays of keys, if it wants them.
        flags: what its first columns mean.
        places: where its arguments stand among those of the plan; settled by `placed`.
    """

    sql: str
    order: tuple[int, ...]
    flags: tuple[Flag, ...] = ()
    places: tuple[int, ...] = ()

    def arguments(self, given: Sequence[object]) -> list[object]:
        """Its own arguments, of those of the plan."""
        return [given[place] for place in self.places]


@dataclass(frozen=True, slots=True)
class Packed:
    """A slot whose column of values is handed over as texts, each an array or JSON; `place` among the arguments."""

    slot: int
    array: bool
    place: int = -1


@dataclass(frozen=True, slots=True)
class Following:
    """What the deletion of rows means for those of one entity that refer to them by one Ref.

    Each statement takes the keys of the rows that are deleted, but `act` after `find` takes those of what was found.

    Args:
        entity: what they are.
        relation: their Ref.
        find: with restrict, whether there are any; with cascade, their keys and whether they may go; locks them.
        act: what is done to them: they are taken away, marked, or their Ref is emptied. None: nothing, or the
            database does it along with the rows they refer to.
        then: under which name stands what follows from that, where they go too.
    """

    entity: Entity
    relation: str
    rule: Literal["restrict", "cascade", "null"]
    find: Statement | None
    act: Statement | None
    then: str = ""


@dataclass(frozen=True, slots=True)
class WriteProgram:
    """A write: `lean` does it if nothing stands against it; else `careful` does it, or says what does.

    Args:
        entity: whose rows are written.
        outcome: how the records are read.
        careful: the statement with a column for every reason there can be.
        lean: the same without reasons; no record: it did nothing.
        lean_refers: `lean` leaves it to the database to see whether references hold.
        keys: reads the key out of the body; None: it is a column.
        packed: columns of arrays or JSON.
        following: what the deletion of locked rows means for others, by whose rows they are and how they are deleted.
        start: under which name `following` has the rows themselves.
        steps: whether it takes more than one statement, and so a transaction; settled by `placed`.
        finish: takes away or marks the rows that were locked.
        check: asked of the rows as they are after the write: whether they may be so.
        check_new: the same of rows that an upsert creates; for other creates, `check` is.
        shown: what is answered, where that must see what was written; with `check`, takes keys.
        removes: a broken reference means that rows still refer to what is deleted.
        rows_max: how many rows may be written.
        key: the fields of the key.
    """

    entity: str
    outcome: Outcome
    careful: Statement
    lean: Statement | None = None
    lean_refers: bool = False
    keys: KeyReader | None = None
    packed: tuple[Packed, ...] = ()
    following: Mapping[str, tuple[Following, ...]] = field(default_factory=dict)
    finish: Statement | None = None
    check: Statement | None = None
    check_new: Statement | None = None
    shown: Statement | None = None
    removes: bool = False
    rows_max: int = 1
    key: tuple[str, ...] = ()
    start: str = ""
    steps: bool = False

    @property
    def sql(self) -> str:
        """The statement as people read it."""
        return (self.lean or self.careful).sql

    @property
    def key_columns(self) -> int:
        """How many columns the key has."""
        return len(self.key)

    @property
    def statements(self) -> Iterable[Statement]:
        """All of them."""
        told = [self.lean, self.careful, self.finish, self.check, self.check_new, self.shown]
        told += [one for parts in self.following.values() for part in parts for one in (part.find, part.act)]
        return (one for one in told if one is not None)


def ended(writing: Writing, sql: str, flags: Sequence[Flag] = ()) -> Statement:
    """The statement that `writing` was for."""
    return Statement(sql, tuple(writing.order), tuple(flags))


def placed(program: WriteProgram) -> tuple[WriteProgram, tuple[int, ...]]:
    """The program with every statement's arguments found, and the order in which the plan wants all of them."""
    order = tuple(dict.fromkeys(number for one in program.statements for number in one.order))
    places = {number: place for place, number in enumerate(order)}

    def found(one: Statement | None) -> Statement | None:
        return None if one is None else replace(one, places=tuple(places[number] for number in one.order))

    following = {
        name: tuple(replace(part, find=found(part.find), act=found(part.act)) for part in parts)
        for name, parts in program.following.items()
    }
    careful = found(program.careful)
    assert careful is not None
    done = replace(
        program,
        careful=careful,
        lean=found(program.lean),
        finish=found(program.finish),
        check=found(program.check),
        check_new=found(program.check_new),
        shown=found(program.shown),
        following=following,
        steps=any(one is not None for one in (program.finish, program.check, program.check_new, program.shown)),
        packed=tuple(replace(one, place=places[one.slot]) for one in program.packed),
    )
    return done, order
