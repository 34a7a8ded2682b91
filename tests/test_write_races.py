"""Many writers at once on PostgreSQL: one wins where one may, sums are exact, batches never deadlock, failures leave nothing."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, cast
from uuid import UUID

import pytest

from examples.flights.model import Airline, Airport, Flight, Plane
from kingpost import Actor, App, Context, me, role, this
from kingpost.answer import Engine
from kingpost.call import Answer, Call, Part
from kingpost.constraints import Gt
from kingpost.errors import CallerError, Stale
from kingpost.model.expressions import Slot
from kingpost.observe import nobody
from kingpost.perform import Performer
from kingpost.query.operations import Create, Given, Operation, Perform, Read, Together, Update
from kingpost.query.stages import PLAIN
from kingpost.store.postgres.store import PostgresStore
from tests.flights_database import few_flights

UMA = Actor("uma", frozenset({"dispatcher"}), {"airline": "UA"})
WRITERS = 16
FLIGHTS = 20

app = App("races", entities=[Airline, Airport, Plane, Flight], timezone="America/New_York")
may = role("dispatcher") & (this.airline == me.airline)


@app.action(policy=may)
async def delay(ctx: Context, flight: Flight, minutes: Annotated[int, Gt(0)]) -> Flight:
    """Add to a delay what is read first: right only if nobody comes between."""
    return await ctx.update(flight, dep_delay=(flight.dep_delay or 0) + minutes)


@app.action(policy=role("dispatcher"), isolation="serializable", retry=50)
async def level(ctx: Context, minutes: int) -> int:
    """Add to the smallest delay of all, which takes looking at all: only one at a time can be right."""
    flights = await ctx.find(
        Flight, (this.airline == "UA") & (this.number > 0) & ~this.dep_delay.is_null(), limit=1_000
    )
    least = min(flights, key=lambda one: (one.dep_delay or 0, str(one.id)))
    await ctx.update(least, dep_delay=(least.dep_delay or 0) + minutes)
    return least.dep_delay or 0


@app.action(policy=may)
async def fail_late(ctx: Context, flight: Flight) -> None:
    """Write, and then think better of it."""
    await ctx.update(flight, remarks="half done")
    await ctx.system.create(Plane, tailnum="N-GHOST", manufacturer="x", model="y", seats=1)
    raise RuntimeError("thought better of it")


@dataclass(frozen=True)
class Writing:
    """The flights of one airline on PostgreSQL, and how they are written."""

    performer: Performer
    store: PostgresStore
    ids: list[str]

    async def ask(self, operation: Operation, *values: object, key: str = "", shape: str = "x") -> Answer:
        words = type(operation).__name__.lower()
        word = {"perform": "act", "together": "batch"}.get(words, words)
        call = Call(
            ("test", word, shape, repr(operation)), values, lambda _: (operation, PLAIN), UMA, datetime.now(UTC),
            time.monotonic() + 60, idempotency_key=key,
        )  # fmt: skip
        return await self.performer.ask(call)

    async def set(self, row: str, minutes: int, version: int) -> Answer:
        update = Update("Flight", (Given("dep_delay", Slot(1)),), (Slot(0),), version=Slot(2), shown=Read("Flight"))
        return await self.ask(update, row, minutes, version)

    async def events(self) -> int:
        """How many there are."""
        deadline = time.monotonic() + 10
        async with self.store.begin(deadline) as transaction:
            found = await transaction.sql("SELECT count(*) AS n FROM kingpost_outbox", (), deadline)
        return cast("int", found[0]["n"])

    async def read(self, row: str) -> dict[str, Any]:
        found = await self.ask(Read("Flight", key=(Slot(0),)), row)
        return {"version": found.version, **json.loads(found.body or b"{}")}

    async def delay(self, row: str, minutes: int, key: str = "") -> Answer:
        perform = Perform("delay", Slot(1), (Slot(0),), "Flight")
        return await self.ask(perform, row, {"minutes": minutes}, key=key)


@pytest.fixture(scope="module")
def url(postgres_url: str) -> str:
    return few_flights(postgres_url, "races", 200)


@pytest.fixture
async def writing(url: str) -> AsyncIterator[Writing]:
    store = PostgresStore(url, connections=24)
    await store.open(app.manifest)
    performer = Performer(Engine(app.manifest, store, store.run, nobody, 100_000), app.classes)
    made = Writing(performer, store, [])
    for number in range(FLIGHTS):
        given = ("airline", "origin", "dest", "number", "departs_at")
        create = Create("Flight", tuple(Given(name, Slot(at)) for at, name in enumerate(given)), Read("Flight"))
        row = await made.ask(create, "UA", "JFK", "LAX", number + 1, "2013-12-31T12:00:00Z")
        made.ids.append(json.loads(row.key or b"[]")[0])
    yield made
    await store.close()


# --- One row ---------------------------------------------------------------------------------------------------------


async def one_of_many_wins(writing: Writing, rounds: int) -> None:
    row = writing.ids[0]
    for _ in range(rounds):
        before = (await writing.read(row))["version"]
        outcomes = await asyncio.gather(
            *(writing.set(row, minutes, before) for minutes in range(WRITERS)), return_exceptions=True
        )
        won = [one for one in outcomes if isinstance(one, Answer)]
        assert len(won) == 1
        assert all(isinstance(one, Answer | Stale) for one in outcomes)
        after = await writing.read(row)
        assert (after["version"], after["dep_delay"]) == (before + 1, json.loads(won[0].body or b"")["dep_delay"])


async def test_of_many_writers_with_one_etag_exactly_one_wins(writing: Writing) -> None:
    await one_of_many_wins(writing, 20)


@pytest.mark.soak
async def test_of_many_writers_with_one_etag_exactly_one_wins_a_thousand_times(writing: Writing) -> None:
    await one_of_many_wins(writing, 1_000)


async def delays_add_up(writing: Writing, each: int) -> None:
    row = writing.ids[0]

    async def caller() -> None:
        for _ in range(each):
            await writing.delay(row, 10)

    await asyncio.gather(*(caller() for _ in range(WRITERS)))
    assert (await writing.read(row))["dep_delay"] == WRITERS * each * 10


async def test_what_an_action_reads_stays_true_until_it_ends(writing: Writing) -> None:
    await delays_add_up(writing, 5)


@pytest.mark.soak
async def test_what_an_action_reads_stays_true_a_hundred_times_each(writing: Writing) -> None:
    await delays_add_up(writing, 100)


async def test_a_serializable_action_is_run_again_until_nobody_comes_between(writing: Writing) -> None:
    for row in writing.ids[:4]:
        await writing.set(row, -10_000, (await writing.read(row))["version"])
    perform = Perform("level", Slot(0))
    await asyncio.gather(*(writing.ask(perform, {"minutes": 100}) for _ in range(8)))
    assert [(await writing.read(row))["dep_delay"] for row in writing.ids[:4]] == [-9_800] * 4


async def test_a_request_that_is_sent_many_times_at_once_has_one_effect(writing: Writing) -> None:
    row = writing.ids[1]
    outcomes = await asyncio.gather(
        *(writing.delay(row, 7, key="once") for _ in range(WRITERS)), return_exceptions=True
    )
    answers = {one.body for one in outcomes if isinstance(one, Answer)}
    assert len(answers) == 1
    assert {one.code for one in outcomes if isinstance(one, CallerError)} <= {"KP307"}
    assert (await writing.delay(row, 7, key="once")).body in answers
    assert (await writing.read(row))["dep_delay"] == 7


async def test_an_action_that_raises_leaves_nothing(writing: Writing) -> None:
    row = writing.ids[2]
    before = await writing.read(row)
    events = await writing.events()
    with pytest.raises(RuntimeError, match="thought better"):
        await writing.ask(Perform("fail_late", Slot(1), (Slot(0),), "Flight"), row, {}, key="late")
    assert await writing.read(row) == before
    assert await writing.events() == events
    assert (await writing.ask(Read("Plane", key=(Slot(0),)), "N-GHOST")).body is None
    with pytest.raises(RuntimeError, match="thought better"):  # the key was not kept either
        await writing.ask(Perform("fail_late", Slot(1), (Slot(0),), "Flight"), row, {}, key="late")


# --- Batches ---------------------------------------------------------------------------------------------------------


def random_batch(ids: list[str], chance: random.Random) -> list[Part]:
    """Changes of some flights in any order, and perhaps a new one."""
    change = Update("Flight", (Given("dep_delay", Slot(1)),), (Slot(0),), shown=Read("Flight"))
    parts = [
        Part(("test", "update", "flight"), (row, chance.randrange(100)), lambda _: (change, PLAIN))
        for row in chance.sample(ids, chance.randint(2, 6))
    ]
    if chance.random() < 0.3:
        names = ("airline", "origin", "dest", "number", "departs_at")
        create = Create("Flight", tuple(Given(name, Slot(at)) for at, name in enumerate(names)), Read("Flight"))
        values = ("UA", "LGA", "ORD", 1, "2013-12-31T13:00:00Z")
        made = Part(("test", "create", "flight"), values, lambda _: (create, PLAIN))
        parts.insert(chance.randrange(len(parts)), made)
    return parts


async def batches_never_deadlock(writing: Writing, count: int) -> None:
    chance = random.Random(20_131_231)
    batches = [random_batch(writing.ids, chance) for _ in range(count)]
    before = [(await writing.read(row))["version"] for row in writing.ids]

    async def caller() -> None:
        while batches:
            await writing.ask(Together(), *batches.pop())

    expected = dict.fromkeys(writing.ids, 0)
    for batch in batches:
        for part in batch:
            if part.skeleton[1] == "update":
                expected[str(part.values[0])] += 1
    await asyncio.gather(*(caller() for _ in range(WRITERS)))
    after = [(await writing.read(row))["version"] for row in writing.ids]
    assert [new - old for old, new in zip(before, after, strict=True)] == list(expected.values())


async def test_random_batches_never_deadlock(writing: Writing) -> None:
    await batches_never_deadlock(writing, 200)


@pytest.mark.soak
async def test_ten_thousand_random_batches_never_deadlock(writing: Writing) -> None:
    await batches_never_deadlock(writing, 10_000)


async def test_a_batch_with_a_wrong_part_leaves_nothing(writing: Writing) -> None:
    change = Update("Flight", (Given("dep_delay", Slot(1)),), (Slot(0),), shown=Read("Flight"))
    before = await writing.read(writing.ids[3])
    parts = [
        Part(("test", "update", "flight"), (writing.ids[3], 1), lambda _: (change, PLAIN)),
        Part(("test", "update", "flight"), (str(UUID(int=1)), 1), lambda _: (change, PLAIN)),
    ]
    with pytest.raises(CallerError) as refusal:
        await writing.ask(Together(), *parts)
    assert refusal.value.part == 1
    assert await writing.read(writing.ids[3]) == before
