"""Checks of the store itself: loading, single rows, versions, estimates, deadlines, opening and closing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from kingpost.errors import DeclarationError, EngineError, KingpostError, TooLate
from kingpost.model.expressions import Slot
from kingpost.ports import Store
from kingpost.query.operations import Read
from kingpost.store.conformance.asking import empty, order, same, shelves

_ALL = Read("Strict", sort=order("id"), limit=Slot(0))


async def one_row_or_none(store: Store) -> None:
    """By its key a row comes as an object with its version; one that is not there as nothing at all."""
    library = await shelves(store)
    reply = await library.ask(Read("Label", key=(Slot(0),)), "red")
    same(reply.body, {"name": "red", "colour": "r"}, "the row")
    same(reply.answer.version, 1, "its first version")
    missing = await library.ask(Read("Label", key=(Slot(0),)), "Red")
    same((missing.answer.body, missing.answer.version), (None, None), "a missing row")


async def no_rows(store: Store) -> None:
    """An empty table answers with an empty array."""
    library = await empty(store)
    answer = (await library.ask(Read("Book", limit=Slot(0), count="exact"), 5)).answer
    found = (answer.body, answer.first, answer.last, answer.more, answer.count)
    same(found, (b"[]", None, None, False, 0), "the answer")


async def defaults_are_filled_in(store: Store) -> None:
    """A key that was not given is a UUIDv7, later ones greater; other defaults are the model's."""
    library = await empty(store)
    same(await store.load("Strict", [{"code": str(number)} for number in range(50)]), 50, "rows loaded")
    reply = await library.ask(_ALL, 100)
    same([row["code"] for row in reply.body], [str(number) for number in range(50)], "in the order of their keys")
    same({UUID(row["id"]).version for row in reply.body}, {7}, "versions of the keys")
    made = datetime.fromtimestamp((UUID(reply.body[0]["id"]).int >> 80) / 1_000, UTC)
    same(abs(made - datetime.now(UTC)) < timedelta(minutes=5), True, f"the time in the key, {made}")
    same({(row["size"], row["low"], row["high"]) for row in reply.body}, {(1, 0, 10)}, "defaults")


async def loading_is_all_or_nothing(store: Store) -> None:
    """One row that does not fit, and none is kept."""
    library = await empty(store)
    await store.load("Strict", [{"code": "there"}])
    good = {"code": "good"}
    for bad in (
        {"code": None},
        {},
        {"code": "x", "unknown": 1},
        {"code": "x", "size": "many"},
        {"code": "good"},
        {"code": "there"},
        {"code": "x", "low": 11},
    ):
        try:
            await store.load("Strict", [good, bad])
        except KingpostError:
            same((await library.ask(_ALL, 100)).column("code"), ["there"], f"kept after {bad}")
        else:
            same("accepted", "refused", f"loading {bad}")


async def refs_lead_somewhere(store: Store) -> None:
    """A Ref to a row that does not exist is refused; to one of the same load it is not."""
    library = await shelves(store)
    await store.load("Author", [{"id": 11, "name": "x", "boss": 12}, {"id": 12, "name": "y", "boss": None}])
    try:
        await store.load("Author", [{"id": 13, "name": "z", "boss": 99}])
    except KingpostError:
        same((await library.ask(Read("Author", key=(Slot(0),)), 13)).body, None, "the row that was refused")
    else:
        same("accepted", "refused", "a Ref to nobody")


async def rows_are_estimated(store: Store) -> None:
    """The estimate is about right, at once after a load."""
    library = await shelves(store)
    same(5 <= store.estimated_rows("Book") <= 20, True, f"an estimate of 8 books, {store.estimated_rows('Book')}")
    same(library.manifest.entity("Book").name, "Book", "the model")


async def creating_drops_what_was_there(store: Store) -> None:
    """A second create starts anew."""
    library = await shelves(store)
    await store.create(library.manifest)
    same((await library.ask(Read("Book", limit=Slot(0)), 5)).body, [], "books after create")


async def opening_checks_what_is_kept(store: Store) -> None:
    """The manifest that was created opens, another is refused."""
    library = await shelves(store)
    await store.open(library.manifest)
    same(len((await library.ask(Read("Book", limit=Slot(0)), 5)).body), 5, "books after open")
    entities = {name: one for name, one in library.manifest.entities.items() if name != "Wide"}
    try:
        await store.open(replace(library.manifest, entities=entities))
    except DeclarationError:
        return
    same("accepted", "refused", "another manifest")


async def deadlines_hold(store: Store) -> None:
    """A question whose deadline has passed is not answered, and the next one is."""
    library = await shelves(store)
    read = Read("Book", limit=Slot(0))
    try:
        await library.ask(read, 5, deadline_s=-1.0)
    except TooLate:
        same(len((await library.ask(read, 5)).body), 5, "books after a deadline")
    else:
        same("answered", "too late", "a question whose deadline has passed")


async def closing_twice(store: Store) -> None:
    """A closed store is not ready and may be closed again."""
    await empty(store)
    await store.ready()
    await store.close()
    await store.close()
    try:
        await store.ready()
    except EngineError:
        return
    same("ready", "closed", "a closed store")
