"""Ask a store, and write to it, as `answer.py` would, but without a policy: checks narrow the question themselves."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeAlias, cast

import msgspec

from kingpost.call import Actor, Answer, Ask
from kingpost.errors import KingpostError
from kingpost.model.defaults import TimeOrderedIds
from kingpost.model.expressions import Column, Compare, Comparison, Constant, Expression, Name, Slot
from kingpost.model.manifest import Entity, Manifest
from kingpost.ports import Store, Transaction
from kingpost.query.bind import bind
from kingpost.query.operations import (
    Create,
    Cursor,
    Delete,
    Given,
    Include,
    Order,
    Read,
    Single,
    Update,
    Write,
)
from kingpost.query.stages import (
    PLAIN,
    Allowed,
    Bound,
    Change,
    Member,
    Nested,
    Output,
    Plan,
    Question,
    Rendering,
    Select,
)
from kingpost.query.storing import write_filler
from kingpost.query.values import COST_ROWS_MAX, Filler, filler
from kingpost.store.conformance import workshop
from kingpost.store.conformance.model import SAMPLES, SHELVES, manifest

NOW = datetime(2013, 7, 1, 12, tzinfo=UTC)
ME = Actor("ada")
DEADLINE_S = 30.0
Narrow: TypeAlias = Callable[[Any], Question]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, its body parsed, and the plan it came of."""

    body: Any
    answer: Answer
    plan: Plan

    def column(self, name: str) -> list[Any]:
        """One value of each row."""
        return [row[name] for row in self.body]


@dataclass(frozen=True, slots=True)
class Library:
    """A store with rows in it, ready to be asked; `private`: as by a team's own code, which knows private fields."""

    store: Store
    manifest: Manifest
    private: bool = False
    new_id: TimeOrderedIds = field(default_factory=lambda: TimeOrderedIds(os.urandom))

    async def ask(
        self,
        operation: Single,
        *values: object,
        narrow: Narrow | None = None,
        rendering: Rendering = PLAIN,
        deadline_s: float = DEADLINE_S,
        within: Transaction | None = None,
    ) -> Reply:
        """Bind, compile, fill and run `operation`; `narrow` may change the question as a policy does."""
        bound = bind(operation, self.manifest, private=self.private)
        question = _expanded(bound.question)
        question = question if narrow is None else narrow(question)
        allowed = Allowed(question, bound.slots, bound.manifest, bound.cost, bound.scan)
        plan = self.store.compile(allowed, rendering)
        arguments = self._filler(plan, bound)(values, ME, NOW)
        run = self.store.run if within is None else within.run
        answer = await run(Ask(plan, arguments, time.monotonic() + deadline_s))
        return Reply(None if answer.body is None else msgspec.json.decode(answer.body), answer, plan)

    async def refused(
        self,
        kind: type[KingpostError],
        operation: Write,
        *values: object,
        narrow: Narrow | None = None,
        within: Transaction | None = None,
    ) -> dict[str, str]:
        """The pointers of the faults for which a write is refused, each with its code; fails where it is not."""
        try:
            await self.ask(operation, *values, narrow=narrow, within=within)
        except KingpostError as error:
            same(type(error).__name__, kind.__name__, f"why {operation} of {values!r} is refused ({error})")
            return {fault.where: fault.code for fault in error.details}
        raise AssertionError(f"{operation} of {values!r} is done, wanted {kind.__name__}")

    async def rows(self, entity: str, *fields: str) -> list[tuple[Any, ...]]:
        """These fields, private ones too, of every row there is, in order of their keys."""
        keys = tuple(Order(Name((name,))) for name in self.manifest.entity(entity).key)
        read = Read(entity, fields=fields, sort=keys, limit=Slot(0))
        found = (await replace(self, private=True).ask(read, 1_000)).body
        return [tuple(row[name] for name in fields) for row in found]

    async def version(self, entity: str, *key: object) -> int | None:
        """The version of the row with this key."""
        reply = await self.ask(Read(entity, tuple(Slot(number) for number in range(len(key)))), *key)
        return reply.answer.version

    async def matching(
        self, entity: str, where: Expression, *values: object, narrow: Narrow | None = None
    ) -> list[Any]:
        """The keys of the rows that satisfy `where`, in order."""
        key = self.manifest.entity(entity).key[0]
        read = Read(entity, fields=(key,), where=where, limit=Slot(len(values)))
        return (await self.ask(read, *values, 1_000, narrow=narrow)).column(key)

    def column(self, entity: str, field: str) -> Column:
        """A field as it stands in a question."""
        return Column(self.manifest.entity(entity).fields[field])

    def entity(self, name: str) -> Entity:
        """The entity of that name."""
        return self.manifest.entity(name)

    def _filler(self, plan: Plan, bound: Bound) -> Filler:
        if not isinstance(bound.question, Change):
            return filler(plan, self.manifest.timezone)
        return write_filler(plan, self.manifest.timezone, COST_ROWS_MAX, self.new_id, bound.faults)


async def samples(store: Store) -> Library:
    """The store with a row for each of SAMPLES, numbered from 0."""
    made = manifest()
    await store.create(made)
    await store.load("Sample", [{"id": number, **given} for number, (given, _) in enumerate(SAMPLES)])
    return Library(store, made)


async def shelves(store: Store) -> Library:
    """The store with authors, books, labels and the taggings between them."""
    made = manifest()
    await store.create(made)
    for entity, rows in SHELVES.items():
        await store.load(entity, rows)
    return Library(store, made)


async def works(store: Store) -> Library:
    """The store with what writes are tried on."""
    made = workshop.manifest()
    await store.create(made)
    for entity, rows in workshop.ROWS.items():
        await store.load(entity, rows)
    return Library(store, made)


async def empty(store: Store) -> Library:
    """The store with no rows."""
    made = manifest()
    await store.create(made)
    return Library(store, made)


def given(path: str, operator: Comparison = "eq", slot: int = 0) -> Compare:
    """The condition that compares a dotted name with the call's value number `slot`."""
    return Compare(operator, Name(tuple(path.split("."))), Slot(slot))


def settled(left: Expression, operator: Comparison, value: object) -> Compare:
    """A condition over a bound column and a constant, as a policy brings it."""
    field = cast("Column", left).field
    return Compare(operator, left, Constant(value, field.type))


def order(*keys: str) -> tuple[Order, ...]:
    """Sort keys, `-` for descending."""
    return tuple(Order(Name(tuple(key.removeprefix("-").split("."))), key.startswith("-")) for key in keys)


def puts(*names: str, at: int = 0) -> tuple[Given, ...]:
    """Fields that are given the call's values, from number `at` on."""
    return tuple(Given(name, Slot(at + number)) for number, name in enumerate(names))


def create(entity: str, *names: str, includes: tuple[Include, ...] = ()) -> Create:
    """The creation of one row, of one value for each name."""
    return Create(entity, puts(*names), Read(entity, includes=includes))


def create_many(entity: str, *names: str) -> Create:
    """The creation of several rows: how many, then a column for each name."""
    return Create(entity, puts(*names, at=1), Read(entity), Slot(0))


def update(entity: str, *names: str, versioned: bool = False) -> Update:
    """The change of one row: its key, a value for each name and, `versioned`, the version it must have."""
    version = Slot(1 + len(names)) if versioned else None
    return Update(entity, puts(*names, at=1), (Slot(0),), version=version, shown=Read(entity))


def delete(entity: str, *, versioned: bool = False) -> Delete:
    """The deletion of one row: its key and, `versioned`, the version it must have."""
    return Delete(entity, (Slot(0),), version=Slot(1) if versioned else None)


def turned(
    operation: Any, reply: Reply, keys: bytes, values: Sequence[object], *, backward: bool
) -> tuple[Any, list[Any]]:
    """The operation's page behind (or before) `keys`, and its values: those of the question, then the cursor's."""
    slots: list[Slot | None] = []
    filled = list(values)
    for key in msgspec.json.decode(keys):
        slots.append(None if key is None else Slot(len(filled)))
        if key is not None:
            filled.append(key)
    mark = Slot(len(filled))
    return replace(operation, cursor=Cursor(backward, tuple(slots), mark)), [*filled, reply.plan.fingerprint]


def opened(cursor: str) -> list[Any]:
    """What a nested cursor holds."""
    found: list[Any] = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return found


def _expanded(question: Question) -> Question:
    """Computed fields in the answer become their expressions, as the policy makes them."""
    if isinstance(question, Change):
        return question if question.shown is None else replace(question, shown=_with_computed(question.shown))
    return _with_computed(question) if isinstance(question, Select) else question


def _with_computed(select: Select) -> Select:
    members: list[Member] = []
    for member in select.members:
        match member:
            case Output(name, Column(field)) if field.computed == "sql":
                expression = select.source.entity.computed[name].expression
                assert expression is not None
                members.append(replace(member, value=expression))
            case Nested():
                members.append(replace(member, select=_with_computed(member.select)))
            case _:
                members.append(member)
    return replace(select, members=tuple(members))


def same(found: object, wanted: object, about: str) -> None:
    """Fail, and say how, unless both are equal."""
    if found != wanted:
        raise AssertionError(f"{about}: found {found!r}, wanted {wanted!r}")
