"""A small warehouse in PostgreSQL, and how tests write to it: through a store, or past it by a connection of their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

import asyncpg
import pytest

from kingpost import Index, Key, OnDelete, Policy, Ref, Table, Unique, anyone, role, this
from kingpost.answer import Engine, answer
from kingpost.call import Actor, Answer, Call
from kingpost.constraints import Ge
from kingpost.errors import KingpostError
from kingpost.model.expressions import Compare, Name, Slot
from kingpost.model.read import read_manifest
from kingpost.observe import nobody
from kingpost.ports import Transaction
from kingpost.query.operations import Create, Delete, Given, Read, Update, Upsert, Write
from kingpost.query.stages import PLAIN
from kingpost.store.postgres.store import PostgresStore
from tests.postgres_fixture import new_database

ANNE = Actor("anne", frozenset({"clerk"}), {})
NOW = datetime(2024, 3, 1, tzinfo=UTC)


class Shelf(Table):
    """What boxes stand on."""

    id: Key[int]
    code: str
    open: bool = True
    unique = [Unique("code")]
    policy = Policy(read=anyone, create=anyone, update=anyone, delete=anyone)


class Box(Table):
    """May be changed while it is not sealed; the shelf has to be open."""

    id: Key[int]
    shelf: Ref[Shelf] | None = None
    inside: Annotated[Ref[Box] | None, OnDelete("null")] = None
    pieces: Annotated[int, Ge(0)] = 0
    most: int = 1_000_000
    sealed: bool = False
    label: str = ""
    hidden: bool = False
    indexes = [Index("label")]
    check = {"within": this.pieces <= this.most}
    policy = Policy(
        read=~this.hidden,
        create=role("clerk"),
        update=~this.sealed & (this.shelf.open | this.shelf.is_null()),
        delete=~this.sealed,
    )


class Tag(Table):
    """Refers to a box and stands in its way."""

    id: Key[int]
    box: Ref[Box]
    policy = Policy(read=anyone, create=anyone)


MANIFEST = read_manifest("writes", [Shelf, Box, Tag], timezone="UTC")
SHOWN = Read("Box")


@dataclass(frozen=True)
class Warehouse:
    """A store with shelves 1 (open) and 2 (closed), and a plain connection beside it."""

    store: PostgresStore
    raw: asyncpg.Connection[Any]
    url: str
    others: list[asyncpg.Connection[Any]] = field(default_factory=list)

    async def other(self) -> asyncpg.Connection[Any]:
        """One more plain connection, until the end of the test."""
        self.others.append(await asyncpg.connect(self.url))
        return self.others[-1]

    async def ask(
        self, operation: Write, *values: object, within: Transaction | None = None, by_s: float = 10
    ) -> Answer:
        engine = Engine(MANIFEST, self.store, self.store.run, nobody, 100_000)
        call = Call(
            ("test", type(operation).__name__.lower(), repr(operation)), values, lambda _: (operation, PLAIN), ANNE, NOW,
            time.monotonic() + by_s,
        )  # fmt: skip
        return await answer(call, engine, None if within is None else within.run)

    async def refused(self, kind: type[KingpostError], operation: Write, *values: object, by_s: float = 10) -> Any:
        with pytest.raises(kind) as caught:
            await self.ask(operation, *values, by_s=by_s)
        return {fault.where: fault.message for fault in caught.value.details}

    async def box(self, number: int) -> Any:
        return await self.raw.fetchrow("SELECT * FROM box WHERE id = $1", number)

    async def held(self, sql: str, meanwhile: Callable[[], Awaitable[Any]]) -> Any:
        """What `meanwhile` comes to, while a transaction that ran `sql` is committed only once it waits."""
        async with self.raw.transaction():
            await self.raw.execute(sql)
            waiting = asyncio.ensure_future(meanwhile())
            await self.until("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return (await asyncio.gather(waiting, return_exceptions=True))[0]

    async def until(self, sql: str) -> Any:
        other = await asyncpg.connect(self.url)
        try:
            for _ in range(200):
                found = await other.fetchval(sql)
                if found is not None:
                    return found
                await asyncio.sleep(0.02)
            raise AssertionError(f"never: {sql}")
        finally:
            await other.close()


def given(*names: str, at: int = 0) -> tuple[Given, ...]:
    return tuple(Given(name, Slot(at + number)) for number, name in enumerate(names))


def update(*names: str, version: bool = False) -> Update:
    """By key, then the values, then the version."""
    at = Slot(1 + len(names)) if version else None
    return Update("Box", given(*names, at=1), (Slot(0),), version=at, shown=SHOWN)


def many(*names: str, entity: str = "Box") -> Create:
    """How many, then a column for each."""
    return Create(entity, given(*names, at=1), Read(entity), Slot(0))


NEW_BOX = Create("Box", given("id", "shelf", "pieces"), SHOWN)
PUT_BOX = Upsert("Box", given("pieces", at=1), (Slot(0),), SHOWN)
DROP_BOX = Delete("Box", (Slot(0),))
LABELLED = Compare("eq", Name(("label",)), Slot(0))
SEALED = "UPDATE box SET sealed = true, version = version + 1 WHERE id = 1"


@pytest.fixture(scope="module", params=["newest", pytest.param("oldest", marks=pytest.mark.postgres15)])
def warehouse_url(request: pytest.FixtureRequest) -> str:
    server = request.getfixturevalue("postgres_url" if request.param == "newest" else "postgres15_url")
    return new_database(server, "warehouse")


@pytest.fixture
async def house(warehouse_url: str) -> AsyncIterator[Warehouse]:
    store = PostgresStore(warehouse_url, connections=4)
    await store.create(MANIFEST)
    await store.load("Shelf", [{"id": 1, "code": "a"}, {"id": 2, "code": "b", "open": False}])
    await store.load("Box", [{"id": number, "shelf": 1, "label": "old"} for number in (1, 2, 3)])
    raw = await asyncpg.connect(warehouse_url)
    warehouse = Warehouse(store, raw, warehouse_url)
    yield warehouse
    for connection in (*warehouse.others, raw):
        await connection.close()
    await store.close()
