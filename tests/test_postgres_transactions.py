"""Transactions in PostgreSQL, and writes whose connection is lost or whose deadline passes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from kingpost.errors import (
    Conflict,
    Contended,
    EngineFailed,
    EngineUnavailable,
    Forbidden,
    StillRunning,
    TooLate,
    UnknownOutcome,
)
from tests.warehouse import NEW_BOX, SEALED, Warehouse, update

# --- Lost connections and deadlines ----------------------------------------------------------------------------------

SLOW_COMMIT = """
CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON box DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow();
"""
KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"


@pytest.fixture
async def slow(house: Warehouse) -> AsyncIterator[Warehouse]:
    """A warehouse in which the commit of a change of boxes takes its time."""
    await house.raw.execute(SLOW_COMMIT.format(body="PERFORM pg_sleep(20);"))
    yield house
    await house.raw.execute("DROP FUNCTION slow CASCADE")


async def test_a_write_whose_connection_is_lost_has_an_unknown_outcome_and_is_not_sent_again(slow: Warehouse) -> None:
    waiting = asyncio.ensure_future(slow.ask(update("pieces"), 1, 5))
    await slow.until(KILL)
    with pytest.raises(UnknownOutcome):
        await waiting
    assert (await slow.box(1))["version"] == 1


async def test_a_commit_whose_connection_is_lost_has_an_unknown_outcome(slow: Warehouse) -> None:
    async def write() -> None:
        async with slow.store.begin(time.monotonic() + 20) as within:
            await slow.ask(update("pieces"), 1, 5, within=within)

    waiting = asyncio.ensure_future(write())
    await slow.until(KILL)
    with pytest.raises(UnknownOutcome):
        await waiting
    await slow.store.ready()


async def test_connections_that_died_unused_are_neither_written_to_nor_begun_on(house: Warehouse) -> None:
    dead = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kingpost'"
    await house.raw.execute(dead)
    await asyncio.sleep(0.1)
    await house.ask(update("pieces"), 1, 5)
    await house.raw.execute(dead)
    async with house.store.begin(time.monotonic() + 10) as within:
        await house.ask(update("pieces"), 1, 6, within=within)
    assert (await house.box(1))["version"] == 3


async def test_a_late_write_is_cancelled_and_surely_not_done(slow: Warehouse) -> None:
    started = time.monotonic()
    await slow.refused(TooLate, update("pieces"), 1, 5, by_s=0.2)
    assert time.monotonic() - started < 2
    assert (await slow.box(1))["version"] == 1
    assert await slow.raw.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == 0


async def test_a_late_commit_is_cancelled_and_surely_not_done(slow: Warehouse) -> None:
    with pytest.raises(TooLate):
        async with slow.store.begin(time.monotonic() + 0.3) as within:
            await slow.ask(update("pieces"), 1, 5, within=within)
    assert (await slow.box(1))["version"] == 1


async def test_a_late_write_that_is_done_all_the_same_is_answered(house: Warehouse) -> None:
    body = "BEGIN PERFORM pg_sleep(20); EXCEPTION WHEN query_canceled THEN NULL; END;"
    await house.raw.execute(SLOW_COMMIT.format(body=body))
    found = await house.ask(update("pieces"), 1, 5, by_s=0.2)
    assert (found.version, (await house.box(1))["version"]) == (2, 2)


async def test_a_write_that_waits_for_a_lock_past_its_deadline_is_too_late(house: Warehouse) -> None:
    async with house.raw.transaction():
        await house.raw.execute(SEALED)
        await house.refused(TooLate, update("pieces"), 1, 5, by_s=0.2)
    assert (await house.box(1))["pieces"] == 0


async def test_an_error_put_off_to_the_commit_is_ours(house: Warehouse) -> None:
    await house.raw.execute(SLOW_COMMIT.format(body="RAISE EXCEPTION 'no' USING ERRCODE = '40001';"))
    await house.refused(Contended, update("pieces"), 1, 5)
    with pytest.raises(Contended):
        async with house.store.begin(time.monotonic() + 10) as within:
            await house.ask(update("pieces"), 1, 5, within=within)


# --- Transactions ----------------------------------------------------------------------------------------------------


async def test_a_transaction_keeps_all_or_nothing(house: Warehouse) -> None:
    async def fail() -> None:
        async with house.store.begin(time.monotonic() + 10) as within:
            await house.ask(NEW_BOX, 9, 1, 0, within=within)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await house.box(9) is None
    async with house.store.begin(time.monotonic() + 10) as within:
        await house.ask(NEW_BOX, 9, 1, 0, within=within)
        await house.ask(update("pieces"), 9, 5, within=within)
    assert (await house.box(9))["pieces"] == 5


async def test_a_transaction_whose_statement_failed_is_not_kept_even_if_nobody_minds(house: Warehouse) -> None:
    async def carry_on() -> None:
        async with house.store.begin(time.monotonic() + 10) as within:
            await house.ask(update("pieces"), 1, 5, within=within)
            with suppress(Conflict):
                await house.ask(NEW_BOX, 2, 1, 0, within=within)

    with pytest.raises(Conflict):
        await carry_on()
    assert (await house.box(1))["pieces"] == 0


async def test_a_refusal_by_policy_leaves_a_transaction_as_it_was(house: Warehouse) -> None:
    await house.raw.execute("UPDATE box SET sealed = true WHERE id = 2")
    async with house.store.begin(time.monotonic() + 10) as within:
        with pytest.raises(Forbidden):
            await house.ask(update("pieces"), 2, 5, within=within)
        await house.ask(update("pieces"), 1, 5, within=within)
    assert (await house.box(1))["pieces"] == 5


async def test_at_most_half_of_the_connections_are_held_by_transactions(house: Warehouse) -> None:
    async with house.store.begin(time.monotonic() + 10), house.store.begin(time.monotonic() + 10):
        with pytest.raises(EngineUnavailable, match="other transactions"):
            async with house.store.begin(time.monotonic() + 0.1):
                raise AssertionError("a third one")
        await house.ask(update("pieces"), 1, 5)
    async with house.store.begin(time.monotonic() + 1) as within:
        await house.ask(update("pieces"), 1, 6, within=within)


async def test_a_cancelled_transaction_is_rolled_back_and_its_connection_served_again(house: Warehouse) -> None:
    async def write() -> None:
        async with house.store.begin(time.monotonic() + 10) as within:
            await house.ask(update("pieces"), 1, 5, within=within)
            await asyncio.sleep(10)

    for _ in range(6):
        task = asyncio.ensure_future(write())
        await asyncio.sleep(0.03)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await house.ask(update("pieces"), 1, 7)
    assert (await house.box(1))["version"] == 2


async def test_a_transaction_may_not_be_ended_from_within(house: Warehouse) -> None:
    with pytest.raises(EngineFailed, match="ended by a statement"):
        async with house.store.begin(time.monotonic() + 10) as within:
            await within.sql("COMMIT", (), time.monotonic() + 10)


async def test_the_rows_that_exist_are_locked_and_no_others(house: Warehouse) -> None:
    async with house.store.begin(time.monotonic() + 10) as within:
        await within.lock("Box", [(3,), (1,), (77,)], time.monotonic() + 10)
        free = await house.raw.fetch("SELECT id FROM box FOR UPDATE SKIP LOCKED")
        assert [row["id"] for row in free] == [2]


async def test_sql_of_ones_own_gives_rows_with_native_values(house: Warehouse) -> None:
    async with house.store.begin(time.monotonic() + 10) as within:
        found = await within.sql("SELECT id, label FROM box WHERE id = $1::bigint", [1], time.monotonic() + 10)
        assert found == [{"id": 1, "label": "old"}]
    with pytest.raises(EngineFailed):
        async with house.store.begin(time.monotonic() + 10) as within:
            await within.sql("SELECT nonsense", (), time.monotonic() + 10)


async def test_what_a_key_remembers_is_there_until_it_expires(house: Warehouse) -> None:
    until = time.monotonic() + 10
    async with house.store.begin(until) as one:
        assert await one.claim("anne", "k", until) is None
        async with house.store.begin(until) as other:
            with pytest.raises(StillRunning):
                await other.claim("anne", "k", until)
            assert await other.claim("bob", "k", until) is None
        await one.remember("anne", "k", b"done", 60)
    async with house.store.begin(until) as later:
        assert await later.claim("anne", "k", until) == b"done"
    await house.raw.execute("UPDATE kingpost_idempotency SET expires_at = now() - interval '1 second'")
    async with house.store.begin(until) as again:
        assert await again.claim("anne", "k", until) is None
        await again.remember("anne", "k", b"anew", 60)
    async with house.store.begin(until) as last:
        assert await last.claim("anne", "k", until) == b"anew"
