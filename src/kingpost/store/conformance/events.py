"""Checks of events: what is told of every write, in which order, and where one may go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

from kingpost.errors import Conflict, HistoryGone, KingpostError, Malformed
from kingpost.model.expressions import TRUE, Slot
from kingpost.ports import OLDEST, ChangeEvent, Store, Tail
from kingpost.query.operations import Delete, Hold, Read, Update, Upsert
from kingpost.store.conformance.asking import (
    DEADLINE_S,
    Library,
    create,
    create_many,
    delete,
    given,
    puts,
    same,
    update,
    works,
)
from kingpost.store.conformance.model import SAMPLES

WRITERS, WRITES = 6, 8
_HOLD = Hold("Job", (Slot(0),), TRUE, Read("Job"))


class _Undone(Exception):
    """What a check raises to have a transaction rolled back."""


async def every_write_is_told(store: Store) -> None:
    """A creation, a change and a deletion: what happened, to which row, what it was and is, and its version."""
    library = await works(store)
    await library.ask(create("Score", "game", "player", "points"), "chess", 7, 3)
    await library.ask(Update("Score", puts("points", at=2), (Slot(0), Slot(1)), shown=Read("Score")), "chess", 7, 4)
    await library.ask(Delete("Score", (Slot(0), Slot(1))), "chess", 7)
    row = {"game": "chess", "player": 7, "points": 3, "note": None, "hidden": None}
    raised = {**row, "points": 4}
    found = await _told(library)
    same([one.op for one in found], ["created", "updated", "deleted"], "what happened")
    same({(one.entity, one.key) for one in found}, {("Score", ("chess", 7))}, "to which row")
    same([one.old for one in found], [None, row, raised], "what it was")
    same([one.new for one in found], [row, raised, None], "what it is")
    same([one.version for one in found], [1, 2, 2], "versions")
    same(len({one.transaction for one in found}), 3, "transactions")
    recent = [abs(one.at - datetime.now(UTC)) < timedelta(minutes=5) for one in found]
    same(recent, [True] * 3, "when")


async def values_come_back_as_they_were_kept(store: Store) -> None:
    """Of every type; private fields too, since nothing of an event is for a caller's eyes."""
    library = await works(store)
    for number, (values, _) in enumerate(SAMPLES):
        await library.ask(create("Sample", "id", *values), number, *values.values())
    for number, (one, (values, _)) in enumerate(zip(await _told(library), SAMPLES, strict=True)):
        row = cast("dict[str, object]", one.new)
        same({name: row[name] for name in values}, dict(values), f"sample {number}")
        same({type(row[name]) for name in values}, {type(value) for value in values.values()}, f"types of {number}")
    private = replace(library, private=True)
    await private.ask(create("Job", "id", "code", "hidden"), 9, "z", "h")
    same(
        [one.new and one.new["hidden"] for one in await _told(library) if one.entity == "Job"], ["h"], "what is private"
    )


async def an_upsert_tells_what_it_did(store: Store) -> None:
    """A new row was created, one that was there updated."""
    library = await works(store)
    put = Upsert("Score", puts("points", at=2), (Slot(0), Slot(1)), Read("Score"))
    for points in (1, 2):
        await library.ask(put, "chess", 1, points)
    same([(one.op, one.version) for one in await _told(library)], [("created", 1), ("updated", 2)], "events")


async def a_set_is_told_row_by_row(store: Store) -> None:
    """Of many rows that one write creates, changes or deletes, each has its event, and one transaction all of them."""
    library = await works(store)
    await library.ask(create_many("Owner", "id", "name"), 2, [11, 12], ["n", "m"])
    await library.ask(Update("Job", puts("high", at=1), where=given("id", "lt")), 3, 9)
    await library.ask(Delete("Job", where=given("id", "lt")), 3)
    found = await _told(library)
    wanted = [("created", 11), ("created", 12), ("updated", 1), ("updated", 2), ("deleted", 1), ("deleted", 2)]
    same(_brief(found), sorted(wanted), "events")
    same(len({one.transaction for one in found}), 3, "transactions")


async def what_follows_is_told(store: Store) -> None:
    """Rows that go with another, and those that only let go of it."""
    library = await works(store)
    await store.load("Branch", [{"id": 1}, {"id": 2, "parent": 1}, {"id": 3, "twin": 1}])
    await store.load("Leaf", [{"id": 4, "branch": 2}, {"id": 5, "branch": 3, "other": 2}])
    await library.ask(delete("Branch"), 1)
    found = await _told(library)
    wanted = [("deleted", 1), ("deleted", 2), ("deleted", 4), ("updated", 3), ("updated", 5)]
    same(_brief(found), wanted, "events")
    emptied = {one.key[0]: (one.new, one.version) for one in found if one.op == "updated"}
    same({key: (row and row.get("twin"), row and row.get("other"), version) for key, (row, version) in emptied.items()},
         {3: (None, None, 2), 5: (None, None, 2)}, "those that let go")  # fmt: skip


async def a_mark_is_a_deletion(store: Store) -> None:
    """A row that is marked as deleted was deleted; what it was and is both are told."""
    library = await works(store)
    await store.load("Folder", [{"id": 1, "name": "f"}])
    await store.load("Page", [{"id": 2, "folder": 1}])
    await store.load("Scrap", [{"id": 3, "folder": 1}])
    await library.ask(delete("Folder"), 1)
    found = {one.key[0]: one for one in await _told(library)}
    same({key: one.op for key, one in found.items()}, dict.fromkeys((1, 2, 3), "deleted"), "events")
    stays = {key: one.new is not None and one.new["deleted_at"] is not None for key, one in found.items()}
    same(stays, {1: True, 2: True, 3: False}, "which rows are only marked")


async def what_was_not_kept_is_not_told(store: Store) -> None:
    """A transaction that raises, and a write that is refused, leave no event."""
    library = await works(store)
    await library.refused(Conflict, create("Job", "id", "code"), 1, "z")
    try:
        async with store.begin(_deadline()) as within:
            await library.ask(update("Job", "size"), 1, 5, within=within)
            raise _Undone
    except _Undone:
        same(_brief(await _told(library)), [], "events of what was undone")


async def a_transaction_is_told_whole(store: Store) -> None:
    """All it did, also what it wrote twice, in its order, at its end and under one name."""
    library = await works(store)
    async with store.begin(_deadline()) as within:
        await library.ask(create("Owner", "id", "name"), 9, "Zoe", within=within)
        await library.ask(update("Owner", "name"), 9, "Zora", within=within)
        await library.ask(delete("Owner"), 9, within=within)
    await library.ask(create("Owner", "id", "name"), 8, "Yan")
    found = await _told(library)
    wanted = [("created", 9), ("updated", 9), ("deleted", 9), ("created", 8)]
    same([(one.op, one.key[0]) for one in found], wanted, "events")
    same(len({one.transaction for one in found[:3]}), 1, "the transaction's names")


async def some_changes_are_not_wanted(store: Store) -> None:
    """Those of an entity that declares `capture=False`, and rows that are loaded in bulk."""
    library = await works(store)
    await library.ask(create("Draft", "id", "text"), 1, "x")
    await store.load("Owner", [{"id": 77, "name": "bulk"}])
    same(_brief(await _told(library)), [], "events")


async def one_may_go_on(store: Store) -> None:
    """After any event, by its token, as often as one likes."""
    library = await works(store)
    for number in range(4):
        await library.ask(create("Owner", "id", "name"), 10 + number, "n")
    found = await _told(library)
    for number, one in enumerate(found):
        after = await _told(library, one.token)
        same([change.token for change in after], [change.token for change in found[number + 1 :]], f"after {number}")


async def a_wrong_token_is_refused(store: Store) -> None:
    """What is no token, one of another database, and one of before all was made anew."""
    library = await works(store)
    await library.ask(create("Owner", "id", "name"), 10, "n")
    token = (await _told(library))[0].token
    for wrong in ("", "x", "x.", ".5", f"{token}x", f"{token} ", "-1", f"{token}.1", f"x.{'9' * 40}", "x.\u0661"):
        await _refused(store, wrong, Malformed, HistoryGone)
    await _refused(store, f"other.{token.partition('.')[2]}", HistoryGone)
    await _refused(store, token.partition(".")[0] + ".123456789", HistoryGone)
    await works(store)
    await _refused(store, token, HistoryGone)


async def who_waits_is_told(store: Store) -> None:
    """From now on means from now on; and of what is written while one waits."""
    library = await works(store)
    await library.ask(create("Owner", "id", "name"), 10, "before")
    async with aclosing(_tail(store).tail()) as tail:
        waiting = asyncio.ensure_future(anext(tail))
        number = 10
        while not waiting.done():  # from when on is known to nobody, until the first one is told
            number += 1
            await library.ask(create("Owner", "id", "name"), number, "after")
            await asyncio.wait([waiting], timeout=0.5)
            same(number < 60, True, "somebody was told")
        key = (await waiting).key[0]
        same(key in range(11, number + 1), True, f"what was told first, {key}")


async def of_one_row_events_are_in_order(store: Store) -> None:
    """While many write to it, one after the other; each of their writes is told, and once."""
    library = await works(store)

    async def write() -> None:
        for _ in range(WRITES):
            async with store.begin(_deadline()) as within:
                size = (await library.ask(_HOLD, 1, within=within)).body["size"]
                await library.ask(update("Job", "size"), 1, size + 1, within=within)

    await asyncio.gather(*(write() for _ in range(WRITERS)))
    found = await _told(library)
    total = WRITERS * WRITES
    same([one.version for one in found], list(range(2, total + 2)), "versions, as they are told")
    same([one.new and one.new["size"] for one in found], list(range(2, total + 2)), "sizes, as they are told")


async def _told(library: Library, after: str = OLDEST) -> list[ChangeEvent]:
    """The events after a token, up to one that is made for this; without those that were made for it."""
    mark = uuid4().hex
    await library.ask(create("Entry", "text"), mark)
    found: list[ChangeEvent] = []
    async with asyncio.timeout(DEADLINE_S), aclosing(_tail(library.store).tail(after)) as tail:
        async for change in tail:
            if change.entity != "Entry":
                found.append(change)
            elif change.new is not None and change.new["text"] == mark:
                break
    return found


async def _refused(store: Store, token: str, *kinds: type[KingpostError]) -> None:
    try:
        async with asyncio.timeout(DEADLINE_S), aclosing(_tail(store).tail(token)) as tail:
            await anext(tail)
    except kinds:
        return
    raise AssertionError(f"the token {token!r} is taken")


def _tail(store: Store) -> Tail:
    if not isinstance(store, Tail):
        raise AssertionError("the store tells of no changes")
    return store


def _brief(changes: Sequence[ChangeEvent]) -> list[Any]:
    """What happened to which keys, in an order of its own."""
    return sorted((one.op, one.key[0]) for one in changes)


def _deadline() -> float:
    return time.monotonic() + DEADLINE_S
