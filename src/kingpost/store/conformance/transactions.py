"""Checks of transactions, of idempotency keys, and of writes that come at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Any

from kingpost.errors import Conflict, KingpostError, NotFound, Stale, StillRunning, TooLate
from kingpost.model.expressions import TRUE, Slot
from kingpost.ports import Isolation, Store
from kingpost.query.operations import Delete, Hold, Read, Update, Upsert
from kingpost.store.conformance.asking import DEADLINE_S, Library, create, delete, given, puts, same, update, works

AT_ONCE = 8
_HOLD = Hold("Job", (Slot(0),), TRUE, Read("Job"))
_READ = Read("Job", (Slot(0),))
_KEEP_S = 60.0


class _Undone(Exception):
    """What a check raises to have a transaction rolled back."""


async def a_transaction_sees_what_it_wrote(store: Store) -> None:
    """And others see it once it has ended."""
    library = await works(store)
    async with store.begin(_deadline()) as within:
        await library.ask(create("Owner", "id", "name"), 9, "Zoe", within=within)
        made = await library.ask(create("Job", "id", "code", "owner"), 9, "z", 9, within=within)
        same(made.body["owner"], 9, "a Ref to a row of the same transaction")
        changed = await library.ask(update("Job", "size", versioned=True), 9, 4, 1, within=within)
        same(changed.answer.version, 2, "its version after a change")
        same((await library.ask(_READ, 9, within=within)).body["size"], 4, "the row, read within")
        same((await library.ask(_READ, 9)).body, None, "the row, read outside")
        await library.ask(delete("Job"), 2, within=within)
        same((await library.ask(_READ, 2)).body["id"], 2, "a deleted row, read outside")
    same((await library.ask(_READ, 9)).body["size"], 4, "the row, once all has ended")
    same(await library.rows("Job", "id"), [(1,), (3,), (4,), (9,)], "all rows")


async def every_isolation_is_taken(store: Store) -> None:
    """A transaction alone in the world does the same under each."""
    library = await works(store)
    isolations: tuple[Isolation, ...] = ("read committed", "repeatable read", "serializable")
    for number, isolation in enumerate(isolations):
        async with store.begin(_deadline(), isolation) as within:
            same(await within.claim("ada", isolation, _deadline()), None, f"a new key, {isolation}")
            size = (await library.ask(_HOLD, 1, within=within)).body["size"]
            changed = await library.ask(update("Job", "size"), 1, size + 1, within=within)
            same(changed.answer.version, number + 2, f"a version, {isolation}")
            await within.remember("ada", isolation, b"done", _KEEP_S)
    same((await library.rows("Job", "size"))[0], (4,), "the sum")


async def a_transaction_that_raises_leaves_nothing(store: Store) -> None:
    """Whatever it is that was raised; and the store goes on."""
    library = await works(store)
    try:
        async with store.begin(_deadline()) as within:
            await _everything(library, within)
            raise _Undone
    except _Undone:
        await _check_untouched(library)
    try:
        async with store.begin(_deadline()) as within:
            await _everything(library, within)
            await library.ask(create("Job", "id", "code"), 1, "z", within=within)
    except Conflict:
        await _check_untouched(library)
    else:
        same("kept", "refused", "a transaction with a key that is taken")
    async with store.begin(_deadline()) as within:
        await _everything(library, within)
    same(await library.version("Job", 1), 2, "a transaction after those")


async def a_refusal_may_be_minded(store: Store) -> None:
    """What a write refuses by its own judgement, without having written, ends no transaction."""
    library = await works(store)
    async with store.begin(_deadline()) as within:
        await library.ask(update("Job", "size"), 1, 5, within=within)
        same(await library.refused(NotFound, update("Job", "size"), 99, 5, within=within), {}, "a missing row")
        same(await library.refused(Stale, update("Job", "size", versioned=True), 1, 6, 1, within=within), {}, "stale")
        await library.ask(update("Job", "size"), 2, 6, within=within)
    same(await library.rows("Job", "size"), [(5,), (6,), (3,), (7,)], "what is kept")


async def a_late_transaction_is_not_kept(store: Store) -> None:
    """One that ends past its deadline is rolled back, and says so."""
    library = await works(store)
    try:
        async with store.begin(time.monotonic() + 0.3) as within:
            await library.ask(update("Job", "size"), 1, 5, within=within)
            await asyncio.sleep(0.4)
    except TooLate:
        same((await library.rows("Job", "size"))[0], (1,), "what was written too late")
    else:
        same("kept", "too late", "a transaction that ended past its deadline")
    try:
        await library.ask(update("Job", "size"), 1, 5, deadline_s=-1.0)
    except TooLate:
        same(await library.version("Job", 1), 1, "the version of what was written too late")
    else:
        same("kept", "too late", "a write past its deadline")


async def rows_are_locked(store: Store) -> None:
    """Those that exist, by keys in any order; the others do no harm."""
    library = await works(store)
    async with store.begin(_deadline()) as within:
        await within.lock("Job", [(3,), (99,), (1,)], _deadline())
        await within.lock("Score", [("go", 1), ("chess", 1)], _deadline())
        await within.lock("Job", [], _deadline())
        held = await library.ask(_HOLD, 1, within=within)
        same((held.body["code"], held.answer.version), ("a", 1), "a row that is held")
        await library.ask(update("Job", "size"), 1, 5, within=within)
    same(await library.version("Job", 1), 2, "a row that was locked, held and changed")


async def of_many_with_one_version_one_wins(store: Store) -> None:
    """The others are told that the row is not what they suppose."""
    library = await works(store)
    write = update("Job", "size", versioned=True)
    outcomes = await _at_once(library.ask(write, 1, number, 1) for number in range(AT_ONCE))
    won = [one.body["size"] for one in outcomes if not isinstance(one, KingpostError)]
    same(len(won), 1, "writers that won")
    same({type(one).__name__ for one in outcomes if isinstance(one, KingpostError)}, {"Stale"}, "what others are told")
    same((await library.rows("Job", "size"))[0], (won[0],), "what is kept")
    same(await library.version("Job", 1), 2, "its version")


async def no_change_is_lost(store: Store) -> None:
    """Of transactions that hold a row, read it and change it, each builds on the one before."""
    library = await works(store)

    async def increase() -> None:
        async with store.begin(_deadline()) as within:
            size = (await library.ask(_HOLD, 1, within=within)).body["size"]
            await asyncio.sleep(0)
            await library.ask(update("Job", "size"), 1, size + 1, within=within)

    for outcome in await _at_once(increase() for _ in range(AT_ONCE)):
        same(outcome, None, "an increase")
    same((await library.rows("Job", "size"))[0], (1 + AT_ONCE,), "the sum")
    same(await library.version("Job", 1), 1 + AT_ONCE, "its version")


async def of_many_that_put_a_new_row_one_creates_it(store: Store) -> None:
    """The others change it; none fails. Of those that would have it new, only one succeeds."""
    library = await works(store)
    put = Upsert("Score", puts("points", at=2), (Slot(0), Slot(1)), Read("Score"))
    replies = await _at_once(library.ask(put, "chess", 1, number) for number in range(AT_ONCE))
    same([one for one in replies if isinstance(one, KingpostError)], [], "those that failed")
    same(sum(one.answer.created for one in replies), 1, "those that created it")
    same(sorted(one.answer.version for one in replies), list(range(1, AT_ONCE + 1)), "versions")
    new = Upsert("Score", puts("points", at=2), (Slot(0), Slot(1)), Read("Score"), new_only=True)
    replies = await _at_once(library.ask(new, "chess", 2, number) for number in range(AT_ONCE))
    won = [one for one in replies if not isinstance(one, KingpostError)]
    same([one.answer.created for one in won], [True], "those that had it new")
    refused = {type(one) for one in replies if isinstance(one, KingpostError)}
    same(refused <= {Stale, Conflict}, True, f"what the others are told, {refused}")


async def of_many_that_create_a_row_one_does(store: Store) -> None:
    """The others find its key taken."""
    library = await works(store)
    write = create("Job", "id", "code")
    outcomes = await _at_once(library.ask(write, 9, f"z{number}") for number in range(AT_ONCE))
    won = [one.body["code"] for one in outcomes if not isinstance(one, KingpostError)]
    same(len(won), 1, "those that created it")
    same({type(one) for one in outcomes if isinstance(one, KingpostError)}, {Conflict}, "what the others are told")
    same((await library.rows("Job", "code"))[-1], (won[0],), "what is kept")


async def a_ref_never_leads_to_nothing(store: Store) -> None:
    """While some delete a row, others come to refer to it: one of them is refused."""
    library = await works(store)
    for number in range(AT_ONCE):
        await store.load("Owner", [{"id": 100 + number, "name": "n"}])
        write, gone = create("Job", "id", "code", "owner"), Delete("Owner", where=given("id"))
        made, deleted = await _at_once(
            (library.ask(write, 100 + number, f"z{number}", 100 + number), library.ask(gone, 100 + number))
        )
        refused = [isinstance(one, KingpostError) for one in (made, deleted)]
        same(sorted(refused), [False, True], f"which were refused, {made} {deleted}")


async def sets_at_once_do_not_stand_in_each_others_way(store: Store) -> None:
    """Each changes all rows, one set after the other."""
    library = await works(store)
    write = Update("Job", puts("high", at=1), where=given("id", "lt"))
    replies = await _at_once(library.ask(write, 9, 10 + number) for number in range(AT_ONCE))
    same([getattr(one, "answer", one) for one in replies if isinstance(one, KingpostError)], [], "those that failed")
    same({one.answer.changed for one in replies}, {4}, "rows each changed")
    same([await library.version("Job", one) for one in (1, 2, 3, 4)], [1 + AT_ONCE] * 4, "versions")
    same(len({high for (high,) in await library.rows("Job", "high")}), 1, "different values kept")


async def a_key_remembers(store: Store) -> None:
    """What a transaction remembered under a key is there for later ones, within its scope."""
    await works(store)
    async with store.begin(_deadline()) as within:
        same(await within.claim("ada", "k", _deadline()), None, "a key that was never used")
        await within.remember("ada", "k", b"\x00first\xff", _KEEP_S)
    async with store.begin(_deadline()) as within:
        same(await within.claim("ada", "k", _deadline()), b"\x00first\xff", "a key that was used")
        same(await within.claim("eve", "k", _deadline()), None, "the same key of another scope")
        same(await within.claim("ada", "K", _deadline()), None, "another key")


async def a_key_forgets(store: Store) -> None:
    """What a transaction that was rolled back remembered, and what is older than it was to be kept."""
    await works(store)
    try:
        async with store.begin(_deadline()) as within:
            await within.claim("ada", "k", _deadline())
            await within.remember("ada", "k", b"undone", _KEEP_S)
            raise _Undone
    except _Undone:
        async with store.begin(_deadline()) as within:
            same(await within.claim("ada", "k", _deadline()), None, "a key of what was undone")
            await within.remember("ada", "k", b"short", 0.05)
    await asyncio.sleep(0.1)
    async with store.begin(_deadline()) as within:
        same(await within.claim("ada", "k", _deadline()), None, "a key whose time is over")
        await within.remember("ada", "k", b"again", _KEEP_S)
    async with store.begin(_deadline()) as within:
        same(await within.claim("ada", "k", _deadline()), b"again", "a key that was used again")


async def of_many_with_one_key_one_is_first(store: Store) -> None:
    """The others get what it remembered, or are told that it is still running."""
    library = await works(store)

    async def do() -> bytes | None:
        async with store.begin(_deadline()) as within:
            record = await within.claim("ada", "k", _deadline())
            if record is None:
                await library.ask(update("Job", "size"), 1, 5, within=within)
                await asyncio.sleep(0.02)
                await within.remember("ada", "k", b"done", _KEEP_S)
            return record

    outcomes = await _at_once(do() for _ in range(AT_ONCE))
    same(outcomes.count(None), 1, "those that were first")
    others = [one for one in outcomes if one is not None]
    same({one for one in others if not isinstance(one, StillRunning)} <= {b"done"}, True, f"the others, {others}")
    same(await library.version("Job", 1), 2, "the version of what was changed once")


async def _everything(library: Library, within: Any) -> None:
    """A creation, a change, a deletion."""
    await library.ask(create("Job", "id", "code"), 9, "z", within=within)
    await library.ask(update("Job", "size"), 1, 5, within=within)
    await library.ask(delete("Job"), 2, within=within)


async def _check_untouched(library: Library) -> None:
    same(await library.rows("Job", "id", "size"), [(1, 1), (2, 2), (3, 3), (4, 7)], "rows after what was undone")
    same(await library.version("Job", 1), 1, "a version after what was undone")


async def _at_once(writes: Any) -> list[Any]:
    """What each of these comes to: an answer, or the error of ours that refused it."""
    return list(await asyncio.gather(*(_outcome(one) for one in writes)))


async def _outcome(write: Awaitable[Any]) -> Any:
    try:
        return await write
    except KingpostError as error:
        return error


def _deadline() -> float:
    return time.monotonic() + DEADLINE_S
