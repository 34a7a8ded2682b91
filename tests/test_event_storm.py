"""Many write at once in every way, and fail: each change is told once, in its row's order, to all who listen."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from kingpost.errors import KingpostError
from kingpost.model.expressions import Slot
from kingpost.ports import OLDEST, ChangeEvent
from kingpost.query.operations import Read, Update, Upsert
from kingpost.store.conformance import workshop
from kingpost.store.conformance.asking import Library, create, delete, given, puts
from kingpost.store.postgres.outbox_rows import Rows
from kingpost.store.postgres.store import PostgresStore
from tests.postgres_fixture import new_database

MANIFEST = workshop.manifest()
BRANCHES, OWNERS = 40, 20
WAIT_S = 30.0
Key = tuple[str, tuple[object, ...]]


@dataclass
class Listener:
    """Follows the events from the beginning, and where it is torn away goes on."""

    changes: list[ChangeEvent] = field(default_factory=list)
    slowest_s: float = 0.0

    async def follow(self, store: PostgresStore) -> None:
        async with aclosing(store.tail(OLDEST)) as tail:
            async for change in tail:
                self.changes.append(change)
                self.slowest_s = max(self.slowest_s, (datetime.now(UTC) - change.at).total_seconds())
                if change.entity == "Entry":
                    return


@dataclass
class Writer:
    """Writes whatever comes to its mind, by the store and past it; a quarter of it is undone."""

    library: Library
    raw: asyncpg.Connection[Any]
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter)

    async def run(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        ways = (
            self.change,
            self.change,
            self.put,
            self.raw_sql,
            self.raw_sql,
            self.transaction,
            self.cascade,
            self.many,
        )
        while time.monotonic() < until:
            way = self.chance.choice(ways)
            try:
                await way()
                self.done[way.__name__] += 1
            except (KingpostError, asyncpg.PostgresError) as error:
                self.done[type(error).__name__] += 1

    async def change(self) -> None:
        await self.library.ask(Update("Owner", puts("name", at=1), (Slot(0),), shown=Read("Owner")), self.owner(), "n")

    async def put(self) -> None:
        put = Upsert("Score", puts("points", at=2), (Slot(0), Slot(1)), Read("Score"))
        await self.library.ask(put, "go", self.chance.randrange(10), self.chance.randrange(100))

    async def many(self) -> None:
        await self.library.ask(Update("Branch", puts("rank", at=1), where=given("id", "lt")), self.owner(), 5)

    async def cascade(self) -> None:
        """Plant a branch, put others on it and on one that is there, and delete that with all that goes with it."""
        gone = await self.raw.fetchval("SELECT id FROM branch ORDER BY random() LIMIT 1")
        parent = None
        for twin in (None, gone, gone, gone):
            made = self.chance.randrange(10**9, 10**15)
            await self.library.ask(create("Branch", "id", "parent", "twin"), made, parent, twin)
            await self.library.ask(create("Leaf", "id", "branch", "other"), made, made, gone)
            parent = self.chance.choice((made, gone, None))
        await self.library.ask(delete("Branch"), gone)

    async def raw_sql(self) -> None:
        sql = self.chance.choice(
            (
                f"UPDATE owner SET name = 'raw' WHERE id = {self.owner()}",
                f"UPDATE score SET points = points + 1, version = version + 1 WHERE player = {self.owner() % 10}",
                f'INSERT INTO branch (id, parent, "order") SELECT {self.chance.randrange(10**16, 10**17)}, min(id), 0 FROM branch',
                f"DELETE FROM branch WHERE id = (SELECT max(id) FROM branch WHERE id > {10**9})",
                f"INSERT INTO score (game, player, points) VALUES ('raw', {self.owner()}, 1) "
                "ON CONFLICT (game, player) DO UPDATE SET points = score.points + 1",
            )
        )
        async with self.raw.transaction():
            await self.raw.execute(sql)
            if self.chance.random() < 0.3:  # its number is taken before it thinks better of it
                await self.raw.execute("SET CONSTRAINTS ALL IMMEDIATE")
            if self.chance.random() < 0.25:
                raise asyncpg.RaiseError("undone")

    async def transaction(self) -> None:
        async with self.library.store.begin(time.monotonic() + 10) as within:
            for owner in sorted({self.owner(), self.owner()}):
                change = Update("Owner", puts("name", at=1), (Slot(0),), shown=Read("Owner"))
                await self.library.ask(change, owner, "t", within=within)
                await asyncio.sleep(self.chance.random() * 0.005)
            if self.chance.random() < 0.25:
                raise asyncpg.RaiseError("undone")

    def owner(self) -> int:
        return self.chance.randrange(1, OWNERS + 1)


async def storm(server: str, url: str, writers: int, seconds: float) -> str:
    """Write for so long while two listen, one of them torn from its connection again and again; then compare."""
    stores = [PostgresStore(url, connections=max(4, writers)) for _ in range(3)]
    await stores[0].create(MANIFEST)
    for store in stores[1:]:
        await store.open(MANIFEST)
    library = Library(stores[0], MANIFEST)
    async with _elsewhere(server), _connections(url, writers + 1) as (raw, *others):
        await _load(library)
        before = await _kept(raw)
        listeners = [Listener(), Listener()]
        following = [asyncio.create_task(one.follow(store)) for one, store in zip(listeners, stores[1:], strict=True)]
        tearing = asyncio.create_task(_tear(raw))
        at_work = [Writer(library, own, random.Random(number)) for number, own in enumerate(others)]
        await asyncio.gather(*(one.run(seconds) for one in at_work))
        tearing.cancel()
        await asyncio.gather(tearing, return_exceptions=True)
        await library.ask(create("Entry", "text"), "last")
        async with asyncio.timeout(WAIT_S):  # the transaction elsewhere is still open
            await asyncio.gather(*following)
        _judge(before, await _kept(raw), [one.changes for one in listeners])
    for store in stores:
        await store.close()
    done = sum((one.done for one in at_work), Counter[str]())
    assert done["raw_sql"] > 10, done
    assert done["cascade"] > 3, done
    slowest = ", ".join(f"{one.slowest_s:.2f} s" for one in listeners)
    return f"{len(listeners[0].changes)} events; {dict(done)}; slowest from write to listener: {slowest}"


def _judge(before: dict[Key, Any], after: dict[Key, Any], told: list[list[ChangeEvent]]) -> None:
    assert [one.token for one in told[0]] == [one.token for one in told[1]], "what one was told, the other was not"
    rows = dict(before)
    for change in told[0]:
        name = (change.entity, change.key)
        was, version = rows.pop(name, (None, 0))
        assert was == change.old, f"{name} was not as it is told: one was missed, or is out of order"
        if change.op == "deleted":
            assert change.version in (version, version + 1), f"{name}: {change.version} comes after {version}"
        else:
            assert change.version == version + 1, f"{name}: {change.version} comes after {version}"
        if change.new is not None:
            rows[name] = (change.new, change.version)
    assert rows == after, "what is told comes to something else than what is kept"


async def _kept(raw: asyncpg.Connection[Any]) -> dict[Key, Any]:
    """Every row that is there, with its version, as an event has it."""
    reads = Rows(MANIFEST)
    found: dict[Key, Any] = {}
    for entity in MANIFEST.entities.values():
        sql = f"""SELECT '{entity.name}' AS entity, NULL AS old, row_to_json(t)::text AS new, '' AS transaction, now() AS at
                  FROM "{entity.table}" t"""
        for record in await raw.fetch(sql):
            change = reads.change(record, "")
            assert change is not None
            found[entity.name, change.key] = (change.new, change.version)
    return found


async def _load(library: Library) -> None:
    store = library.store
    await store.load("Owner", [{"id": number, "name": "n"} for number in range(1, OWNERS + 1)])
    branches = range(1, BRANCHES + 1)
    await store.load("Branch", [{"id": one, "parent": one // 2 or None, "twin": one - 1 or None} for one in branches])
    await store.load("Leaf", [{"id": one, "branch": one, "other": BRANCHES + 1 - one} for one in branches])


async def _tear(raw: asyncpg.Connection[Any]) -> None:
    """Break the second listener's connection, again and again."""
    while True:
        await asyncio.sleep(0.7)
        await raw.execute(
            """SELECT pg_terminate_backend(max(pid)) FROM pg_stat_activity
               WHERE application_name = 'kingpost tail' AND datname = current_database()"""
        )


@asynccontextmanager
async def _elsewhere(server: str) -> AsyncIterator[None]:
    """While a transaction that has written is open in another database."""
    connection = await asyncpg.connect(server)
    try:
        async with connection.transaction():
            await connection.execute("CREATE TEMPORARY TABLE held (x int); INSERT INTO held VALUES (1)")
            await connection.execute("SELECT pg_current_xact_id()")
            yield
    finally:
        await connection.close()


@asynccontextmanager
async def _connections(url: str, count: int) -> AsyncIterator[list[asyncpg.Connection[Any]]]:
    made = [await asyncpg.connect(url) for _ in range(count)]
    try:
        yield made
    finally:
        for one in made:
            await one.close()


def test_every_change_is_told_once_and_in_order(postgres_url: str) -> None:
    url = new_database(postgres_url, "event_storm")
    print(asyncio.run(storm(postgres_url, url, writers=6, seconds=4)))


@pytest.mark.soak
def test_every_change_of_a_minute_of_twelve_writers_is_told_once_and_in_order(postgres_url: str) -> None:
    url = new_database(postgres_url, "event_storm")
    print(asyncio.run(storm(postgres_url, url, writers=12, seconds=60)))
