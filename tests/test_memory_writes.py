"""Writes and transactions of the memory store beyond what every store does: its lock, its keys, what it lacks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from kingpost.errors import Conflict, EngineLacks, EngineUnavailable, Forbidden, StillRunning, TooLate
from kingpost.model.expressions import FALSE, Slot
from kingpost.query.operations import Delete, Read
from kingpost.store.conformance import run_check
from kingpost.store.conformance.allowing import May
from kingpost.store.conformance.asking import create, delete, update, works
from kingpost.store.conformance.workshop import manifest
from kingpost.store.memory import MemoryStore
from kingpost.store.memory.tables import Tables
from kingpost.store.memory.transactions import Keys, MemoryTransaction


@dataclass
class Clock:
    """Says what it is told to."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


def soon(within_s: float = 10) -> float:
    return time.monotonic() + within_s


# --- One transaction at a time ---------------------------------------------------------------------------------------


async def test_a_transaction_waits_for_the_one_before_and_no_longer_than_its_deadline() -> None:
    library = await works(MemoryStore())
    async with library.store.begin(soon()):
        with pytest.raises(EngineUnavailable, match="other transactions"):
            async with library.store.begin(soon(0.02)):
                raise AssertionError("it began")
        with pytest.raises(EngineUnavailable, match="other transactions"):
            await library.ask(update("Job", "size"), 1, 5, deadline_s=0.02)
    assert (await library.ask(update("Job", "size"), 1, 5)).answer.version == 2


async def test_reads_do_not_wait_for_a_transaction() -> None:
    library = await works(MemoryStore())
    async with library.store.begin(soon()) as within:
        await library.ask(update("Job", "size"), 1, 5, within=within)
        assert (await library.ask(Read("Job", (Slot(0),)), 1)).body["size"] == 1


async def test_a_cancelled_transaction_leaves_nothing_and_lets_the_next_one_begin() -> None:
    library = await works(MemoryStore())
    begun = asyncio.Event()

    async def wait() -> None:
        async with library.store.begin(soon()) as within:
            await library.ask(update("Job", "size"), 1, 5, within=within)
            begun.set()
            await asyncio.sleep(10)

    task = asyncio.create_task(wait())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await library.ask(update("Job", "low"), 1, 1)).body["size"] == 1


async def test_rows_loaded_during_a_transaction_are_kept_as_well_as_its_own() -> None:
    library = await works(MemoryStore())
    async with library.store.begin(soon()) as within:
        loading = asyncio.create_task(library.store.load("Owner", [{"id": 8, "name": "loaded"}]))
        await asyncio.sleep(0)
        await library.ask(create("Owner", "id", "name"), 9, "written", within=within)
    assert await loading == 1
    assert (await library.rows("Owner", "id", "name"))[3:] == [(8, "loaded"), (9, "written")]


async def test_a_closed_store_begins_nothing() -> None:
    store = MemoryStore()
    await works(store)
    await store.close()
    with pytest.raises(EngineUnavailable, match="not open"):
        async with store.begin(soon()):
            raise AssertionError("it began")


async def test_a_plan_past_its_deadline_is_not_run_within_a_transaction() -> None:
    library = await works(MemoryStore())
    async with library.store.begin(soon()) as within:
        with pytest.raises(TooLate):
            await library.ask(update("Job", "size"), 1, 5, within=within, deadline_s=-1)
    assert await library.version("Job", 1) == 1


async def test_there_is_no_sql() -> None:
    store = MemoryStore()
    await works(store)
    async with store.begin(soon()) as within:
        with pytest.raises(EngineLacks, match="PostgreSQL"):
            await within.sql("SELECT 1", (), soon())


# --- Idempotency keys ------------------------------------------------------------------------------------------------


async def test_a_key_expires_by_the_clock_and_is_then_forgotten() -> None:
    clock = Clock()
    store = MemoryStore(clock)
    await works(store)
    for key in ("a", "b"):
        async with store.begin(soon()) as within:
            assert await within.claim("ada", key, soon()) is None
            await within.remember("ada", key, b"done", 60)
        clock.now += 30
    async with store.begin(soon()) as within:
        assert await within.claim("ada", "a", soon()) is None
        assert await within.claim("ada", "b", soon()) == b"done"
        await within.remember("ada", "a", b"again", 60)
    assert set(store._keys.records) == {("ada", "a"), ("ada", "b")}
    clock.now += 59
    async with store.begin(soon()) as within:
        await within.remember("ada", "c", b"new", 60)
    assert set(store._keys.records) == {("ada", "a"), ("ada", "c")}


async def test_a_key_that_another_transaction_holds_is_still_running() -> None:
    keys, tables = Keys(), Tables(manifest())
    first, second = MemoryTransaction(tables, keys), MemoryTransaction(tables, keys)
    assert await first.claim("ada", "k", soon()) is None
    assert await first.claim("ada", "k", soon()) is None
    with pytest.raises(StillRunning):
        await second.claim("ada", "k", soon())
    first.release()
    assert await second.claim("ada", "k", soon()) is None


async def test_a_transaction_knows_what_it_has_remembered_itself() -> None:
    store = MemoryStore()
    await works(store)
    async with store.begin(soon()) as within:
        await within.claim("ada", "k", soon())
        await within.remember("ada", "k", b"done", 60)
        assert await within.claim("ada", "k", soon()) == b"done"


async def test_creating_the_tables_anew_forgets_every_key() -> None:
    store = MemoryStore()
    await works(store)
    async with store.begin(soon()) as within:
        await within.remember("ada", "k", b"done", 60)
    await works(store)
    async with store.begin(soon()) as within:
        assert await within.claim("ada", "k", soon()) is None


# --- Rows ------------------------------------------------------------------------------------------------------------


async def test_a_write_leaves_the_tables_before_it_as_they_were() -> None:
    store = MemoryStore()
    library = await works(store)
    before = store._tables
    assert before is not None
    rows = {entity: [dict(row) for row in before.rows(entity)] for entity in before.manifest.entities}
    await library.ask(create("Job", "id", "code"), 9, "z")
    await library.ask(update("Job", "size"), 1, 5)
    await library.ask(delete("Job"), 2)
    assert {entity: [dict(row) for row in before.rows(entity)] for entity in before.manifest.entities} == rows
    assert store._tables is not before


async def test_what_a_caller_put_in_may_be_changed_by_them_afterwards() -> None:
    library = await works(MemoryStore())
    words = ["x"]
    await library.ask(update("Job", "words"), 1, words)
    data: dict[str, object] = {"a": [1]}
    made = await library.ask(create("Entry", "text", "data"), "t", data)
    words.append("y")
    data["b"] = 2
    assert (await library.rows("Job", "words"))[0] == (["x"],)
    assert made.body["data"] == {"a": [1]}
    assert await library.rows("Entry", "data") == [({"a": [1]},)]


async def test_a_row_found_by_two_ways_is_let_go_once() -> None:
    library = await works(MemoryStore())
    await library.store.load("Branch", [{"id": 1}, {"id": 2, "parent": 1}])
    await library.store.load("Leaf", [{"id": 1, "branch": 2, "other": 1}])
    await library.ask(delete("Branch"), 1)
    assert await library.rows("Leaf", "id") == []


async def test_leave_is_asked_before_rows_that_stand_in_the_way() -> None:
    library = await works(MemoryStore())
    await library.store.load("Branch", [{"id": 1}, {"id": 2, "parent": 1}])
    await library.store.load("Nail", [{"id": 1, "branch": 1}])
    await library.refused(Forbidden, delete("Branch"), 1, narrow=May(follows={"Branch": FALSE}))
    await library.refused(Conflict, delete("Branch"), 1)
    assert (await library.ask(Delete("Nail", (Slot(0),)), 1)).answer.changed == 1


# --- Stores that err -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def unlocked(_lock: asyncio.Lock, _deadline: float) -> AsyncIterator[None]:
    yield


@pytest.mark.parametrize(
    ("place", "instead", "check"),
    [
        ("change._Writing._judge", lambda *_: None, "changes.the_first_reason_counts"),
        ("change._Writing._all_are", lambda *_: True, "creates.the_policy_is_asked_of_the_new_row"),
        ("change._Writing._check_references", lambda *_, **__: None, "creates.refs_lead_to_rows_that_may_be_read"),
        ("change.check_rows", lambda *_: None, "creates.keys_are_taken_once"),
        ("remove._Removal._goes", lambda *_, **__: True, "deletes.rows_that_refer_go_too"),
        ("transactions.MemoryTransaction.commit", lambda _: None, "transactions.a_key_remembers"),
        ("held", unlocked, "transactions.no_change_is_lost"),
        ("in_time", lambda _: None, "transactions.a_late_transaction_is_not_kept"),
    ],
)
async def test_a_store_that_errs_is_found_out(
    place: str, instead: object, check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fresh() -> MemoryStore:
        return MemoryStore()

    await run_check(check, fresh)
    monkeypatch.setattr(f"kingpost.store.memory.{place}", instead)
    with pytest.raises(AssertionError, match="wanted"):
        await run_check(check, fresh)
