"""Events of PostgreSQL beyond what every store tells: raw SQL, gaps, the bell, trimming, lost connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
import pytest

from kingpost.errors import DeclarationError, EngineUnavailable, HistoryGone
from kingpost.observe import EngineLost, EngineRecovered
from kingpost.ports import OLDEST, ChangeEvent
from kingpost.store.conformance import workshop
from kingpost.store.postgres.capture import BELL, OUTBOX, SLOTS
from kingpost.store.postgres.outbox_trim import trim
from kingpost.store.postgres.store import PostgresStore
from tests.warehouse import DROP_BOX, MANIFEST, NEW_BOX, Warehouse, house, update, warehouse_url

__all__ = ["house", "warehouse_url"]  # fixtures

WAIT_S = 20.0
SOON_S = 0.6
"""Long enough for a tail that looks every few milliseconds to pass on what it may not."""
DAY_S = 86_400.0


@dataclass
class Listener:
    """Follows the events in the background."""

    changes: list[ChangeEvent] = field(default_factory=list)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self, store: PostgresStore, after: str) -> None:
        async with aclosing(store.tail(after)) as tail:
            async for change in tail:
                self.changes.append(change)
                self._more.set()

    async def count(self, wanted: int) -> list[ChangeEvent]:
        """All events so far, once there are as many as wanted."""
        async with asyncio.timeout(WAIT_S):
            while len(self.changes) < wanted:
                self._more.clear()
                await self._more.wait()
        return self.changes


@asynccontextmanager
async def listening(store: PostgresStore, after: str = OLDEST) -> AsyncIterator[Listener]:
    listener = Listener()
    task = asyncio.create_task(listener.follow(store, after))
    try:
        yield listener
        if task.done():
            await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def brief(changes: list[ChangeEvent]) -> list[tuple[str, str, object, int]]:
    return [(one.op, one.entity, one.key[0], one.version) for one in changes]


# --- What is captured ------------------------------------------------------------------------------------------------


async def test_raw_sql_is_told_and_raises_versions(house: Warehouse) -> None:
    await house.raw.execute("UPDATE box SET label = 'raw' WHERE id = 1")
    await house.raw.execute("UPDATE box SET label = 'ours', version = version + 1 WHERE id = 1")
    await house.raw.execute("INSERT INTO shelf (id, code, open) VALUES (7, 'raw', true)")
    await house.raw.execute("DELETE FROM shelf WHERE id = 7")
    await house.raw.execute(
        "INSERT INTO shelf (id, code, open) VALUES (1, 'x', true) ON CONFLICT (id) DO UPDATE SET code = 'x'"
    )
    async with listening(house.store) as listener:
        found = await listener.count(5)
    assert brief(found) == [
        ("updated", "Box", 1, 2), ("updated", "Box", 1, 3), ("created", "Shelf", 7, 1), ("deleted", "Shelf", 7, 1),
        ("updated", "Shelf", 1, 2),
    ]  # fmt: skip
    assert [(one or {}).get("label") for one in (found[0].old, found[0].new)] == ["old", "raw"]


async def test_what_a_foreign_key_does_is_told(house: Warehouse) -> None:
    await house.raw.execute("UPDATE box SET inside = 1 WHERE id = 2")
    await house.raw.execute("DELETE FROM box WHERE id = 1")
    async with listening(house.store) as listener:
        found = await listener.count(3)
    assert sorted(brief(found)) == [("deleted", "Box", 1, 1), ("updated", "Box", 2, 2), ("updated", "Box", 2, 3)]


async def test_a_savepoint_that_is_rolled_back_is_not_told(house: Warehouse) -> None:
    async with house.raw.transaction():
        await house.raw.execute("UPDATE box SET label = 'a' WHERE id = 1")
        await house.raw.execute("SAVEPOINT here; UPDATE box SET label = 'b' WHERE id = 2; ROLLBACK TO here")
        await house.raw.execute("UPDATE box SET label = 'c' WHERE id = 3")
    async with listening(house.store) as listener:
        assert brief(await listener.count(2)) == [("updated", "Box", 1, 2), ("updated", "Box", 3, 2)]


@pytest.mark.parametrize("setting", [
    "TimeZone = 'Asia/Kathmandu'", "IntervalStyle = 'iso_8601'", "bytea_output = 'escape'", "DateStyle = 'German'",
    "extra_float_digits = -15", "search_path = pg_catalog", "standard_conforming_strings = off",
])  # fmt: skip
async def test_the_settings_of_who_writes_change_nothing(warehouse_url: str, setting: str) -> None:
    store = PostgresStore(warehouse_url, connections=2)
    await store.create(workshop.manifest())
    raw = await asyncpg.connect(warehouse_url)
    rows = """INSERT INTO public.sample (id, real, price, at, day, clock, span, blob) VALUES
              ({}, 0.1, 1.10, '2013-07-01 09:00:00.123456+02', '2013-07-01', '09:30', '1 day -02:03:04.5', decode('00ff', 'hex'))"""
    await raw.execute(rows.format(1))
    await raw.execute(f"SET {setting}")
    await raw.execute(rows.format(2).replace("'2013-07-01',", "DATE '2013-07-01',"))
    async with listening(store) as listener:
        one, other = (dict(change.new or {}) for change in await listener.count(2))
    assert one | {"id": 2} == other
    assert one["blob"] == b"\x00\xff"
    await raw.close()
    await store.close()


async def test_a_bulk_load_is_not_even_queued(house: Warehouse) -> None:
    await house.store.load("Box", [{"id": number} for number in range(100, 200)])
    assert await house.raw.fetchval(f"SELECT count(*) FROM {OUTBOX}") == 0
    await house.ask(NEW_BOX, 200, 1, 0)
    assert await house.raw.fetchval(f"SELECT count(*) FROM {OUTBOX}") == 1


async def test_a_database_without_its_outbox_is_refused(house: Warehouse) -> None:
    await house.raw.execute(f"DROP TABLE {OUTBOX}")
    other = PostgresStore(house.url, connections=1)
    with pytest.raises(DeclarationError, match=OUTBOX):
        await other.open(MANIFEST)
    await other.close()


# --- Gaps ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [True, False])
async def test_what_came_later_waits_for_a_number_that_may_still_come(house: Warehouse, kept: bool) -> None:
    async with listening(house.store) as listener:
        await house.ask(update("pieces"), 1, 5)
        await listener.count(1)
        early = house.raw.transaction()
        await early.start()
        await house.raw.execute("UPDATE box SET label = 'early' WHERE id = 2; SET CONSTRAINTS ALL IMMEDIATE")
        await house.ask(update("pieces"), 3, 5)
        await asyncio.sleep(SOON_S)
        assert brief(listener.changes) == [("updated", "Box", 1, 2)], "it passed a number that was still to come"
        await (early.commit() if kept else early.rollback())
        late = [("updated", "Box", 2, 2)] if kept else []
        wanted = [("updated", "Box", 1, 2), *late, ("updated", "Box", 3, 2)]
        assert brief(await listener.count(len(wanted))) == wanted


async def test_an_open_transaction_that_took_no_number_holds_nothing_up(house: Warehouse) -> None:
    undone = "BEGIN; UPDATE box SET label = 'y' WHERE id = 3; SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK"
    async with listening(house.store) as listener, house.raw.transaction():
        await house.raw.execute("UPDATE box SET label = 'x' WHERE id = 2")
        other = await house.other()
        for number in range(1, 4):
            await other.execute(undone)
            await house.ask(update("pieces"), 1, number)
            await listener.count(number)


async def test_from_now_on_leaves_out_what_took_its_number_before(house: Warehouse) -> None:
    tail = house.store.tail()
    early = house.raw.transaction()
    await early.start()
    await house.raw.execute("UPDATE box SET label = 'early' WHERE id = 2; SET CONSTRAINTS ALL IMMEDIATE")
    first = asyncio.ensure_future(anext(tail))
    await asyncio.sleep(SOON_S)
    await early.commit()
    await asyncio.sleep(SOON_S)
    assert not first.done()
    await house.ask(update("pieces"), 1, 5)
    async with asyncio.timeout(WAIT_S):
        assert brief([await first]) == [("updated", "Box", 1, 2)]
    await tail.aclose()


# --- The bell --------------------------------------------------------------------------------------------------------


async def test_who_sleeps_is_rung_for_once(house: Warehouse) -> None:
    rung: list[object] = []
    ear = await house.other()
    await ear.add_listener(OUTBOX, lambda *heard: rung.append(heard))
    for number in range(3):
        await house.ask(update("pieces"), 1, number)
    await asyncio.sleep(SOON_S)
    assert rung == [], "nobody sleeps, yet somebody rings"
    async with listening(house.store) as listener:
        await listener.count(3)
        await house.until(f"SELECT 1 FROM {BELL} WHERE last_value = 1")
        await asyncio.gather(*(house.ask(update("pieces"), box, 9) for box in (1, 2, 3)))
        await listener.count(6)
    assert 1 <= len(rung) <= 3


# --- Trimming --------------------------------------------------------------------------------------------------------


async def test_old_events_go_and_their_tokens_are_too_old(house: Warehouse) -> None:
    await _written(house, 1, 2)
    async with listening(house.store) as listener:
        first, second = await listener.count(2)
    assert await _aged(house, 3) == 0, "the partition that is written to is not emptied"
    await _written(house, 3)
    assert await _aged(house, 0) == 1
    async with listening(house.store) as listener:
        assert brief(await listener.count(1)) == [("updated", "Box", 3, 2)]
    async with listening(house.store, second.token) as listener:
        assert brief(await listener.count(1)) == [("updated", "Box", 3, 2)]
    with pytest.raises(HistoryGone):
        await anext(house.store.tail(first.token))


async def test_the_ring_turns_for_ever_and_keeps_what_is_young(house: Warehouse) -> None:
    for turn in range(SLOTS * 2 + 1):
        await _written(house, 1)
        await _aged(house, 0.4)
        kept = await house.raw.fetch(f"SELECT extract(epoch FROM clock_timestamp() - at) AS age_s FROM {OUTBOX}")
        assert max(float(row["age_s"]) for row in kept) < 1.6 * DAY_S, f"turn {turn}"
        assert len(kept) >= min(turn + 1, 2), f"turn {turn}"


async def test_a_tail_that_stands_where_all_was_trimmed_says_so(house: Warehouse) -> None:
    tail = house.store.tail(OLDEST)
    await _written(house, 1)
    await anext(tail)
    await _written(house, 2)
    assert [await _aged(house, 3), await _aged(house, 0)] == [0, 1]
    await _written(house, 3)
    with pytest.raises(HistoryGone):
        async with asyncio.timeout(WAIT_S):
            await anext(tail)


async def test_who_reads_a_partition_keeps_it(house: Warehouse) -> None:
    await _written(house, 1)
    await _aged(house, 3)
    other = await house.other()
    async with other.transaction():
        await other.fetch(f"SELECT FROM {OUTBOX}")
        assert await _aged(house, 0) == 0
    assert await _aged(house, 0) == 1


async def test_a_table_that_somebody_has_locked_is_trimmed_the_next_time(house: Warehouse) -> None:
    await _written(house, 1)
    await _aged(house, 3)
    other = await house.other()
    async with other.transaction():
        await other.execute(f"LOCK TABLE {OUTBOX} IN ACCESS EXCLUSIVE MODE")
        assert await trim(house.raw, DAY_S) == 0
    assert await trim(house.raw, DAY_S) == 1


async def test_nodes_that_trim_at_once_do_it_once(house: Warehouse) -> None:
    await _written(house, 1)
    await _aged(house, 3)
    others = [await house.other() for _ in range(4)]
    assert sum(await asyncio.gather(*(trim(one, DAY_S) for one in others))) == 1


# --- Lost connections ------------------------------------------------------------------------------------------------


async def test_a_lost_connection_loses_no_event(house: Warehouse) -> None:
    seen: list[object] = []
    store = PostgresStore(house.url, connections=2, observe=seen.append)
    await store.open(MANIFEST)
    kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'kingpost tail'"
    async with listening(store) as listener:
        for number in range(1, 6):
            await house.ask(update("pieces"), 1, number)
            await listener.count(number)
            assert await house.raw.fetchval(kill) == 1
        await house.ask(update("pieces"), 1, 9)
        assert [one.version for one in await listener.count(6)] == [2, 3, 4, 5, 6, 7]
    kinds = [type(one) for one in seen if isinstance(one, EngineLost | EngineRecovered)]
    assert kinds[:2] == [EngineLost, EngineRecovered]
    await store.close()


async def test_a_server_that_is_not_there_at_the_start_is_an_error(house: Warehouse, tmp_path: object) -> None:
    house.store._url = f"postgresql://postgres@/x?host={tmp_path}"
    with pytest.raises(EngineUnavailable):
        await anext(house.store.tail())


async def test_an_event_after_deletion_of_everything_is_told(house: Warehouse) -> None:
    for box in (1, 2, 3):
        await house.ask(DROP_BOX, box)
    async with listening(house.store) as listener:
        assert brief(await listener.count(3)) == [("deleted", "Box", box, 1) for box in (1, 2, 3)]


async def _written(house: Warehouse, *boxes: int) -> None:
    for box in boxes:
        await house.raw.execute("UPDATE box SET label = 'w' WHERE id = $1", box)


async def _aged(house: Warehouse, days: float) -> int:
    """What trimming empties once all events are so much older, where they are kept for a day."""
    await house.raw.execute(f"UPDATE {OUTBOX} SET at = at - $1 * interval '1 day'", days)
    return await trim(house.raw, DAY_S)
