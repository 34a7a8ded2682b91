"""Checks of order and pages: nulls last both ways, and every row once on the way there and on the way back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from kingpost.model.expressions import Slot
from kingpost.ports import Store
from kingpost.query.operations import Read
from kingpost.store.conformance.asking import Library, Reply, given, order, same, samples, shelves, turned
from kingpost.store.conformance.model import BOOKS

_SIGNS = product(("", "-"), repeat=3)
_SORTS = (
    *((f"{first}rank", f"{second}grade", f"{third}id") for first, second, third in _SIGNS),
    ("rank",),
    ("-rank",),
    ("grade", "-title"),
    ("author", "-rank"),
    ("editor.name", "-grade"),
    ("-id",),
    (),
)


async def nulls_stand_last(store: Store) -> None:
    """In both directions; the key ends the order in the last key's direction."""
    library = await shelves(store)
    for keys, wanted in (
        (("rank",), [5, 6, 1, 3, 8, 2, 4, 7]),
        (("-rank",), [8, 3, 1, 6, 5, 7, 4, 2]),
        (("rank", "-grade"), [5, 6, 3, 8, 1, 7, 2, 4]),
        (("-rank", "grade"), [8, 3, 1, 6, 5, 2, 7, 4]),
        (("editor.name",), [3, 6, 7, 1, 4, 2, 5, 8]),
    ):
        reply = await library.ask(Read("Book", fields=("id",), sort=order(*keys), limit=Slot(0)), 100)
        same(reply.column("id"), wanted, f"sorted by {', '.join(keys)}")


async def text_is_sorted_by_code_point(store: Store) -> None:
    """Capitals first, accents last."""
    library = await shelves(store)
    reply = await library.ask(Read("Book", fields=("title",), sort=order("title"), limit=Slot(0)), 100)
    wanted = sorted(str(row["title"]) for row in BOOKS)
    same(reply.column("title"), wanted, "sorted titles")


async def forward_and_back_visit_each_row_once(store: Store) -> None:
    """For every mix of directions and nulls, and every page size."""
    library = await shelves(store)
    for keys in _SORTS:
        read = Read("Book", fields=("id",), sort=order(*keys), limit=Slot(0))
        whole = (await library.ask(read, 100)).column("id")
        for limit in (1, 2, 3, 7, 8):
            about = f"sorted by {', '.join(keys)}, {limit} a page"
            last, found = await _walk(library, read, (limit,), backward=False)
            same(found, whole, f"forward, {about}")
            _, before = await _walk(library, read, (limit,), backward=True, start=last)
            same(before, whole[: len(whole) - len(last.body)], f"back, {about}")


async def pages_of_every_type(store: Store) -> None:
    """A cursor carries each type without loss."""
    library = await samples(store)
    for name in ("text", "number", "real", "price", "flag", "at", "day", "clock", "span", "token", "blob", "state"):
        for sign in ("", "-"):
            read = Read("Sample", fields=("id",), sort=order(f"{sign}{name}"), limit=Slot(0))
            whole = (await library.ask(read, 100)).column("id")
            _, found = await _walk(library, read, (1,), backward=False)
            same(found, whole, f"one by one, sorted by {sign}{name}")


async def pages_of_filtered_rows(store: Store) -> None:
    """A filter holds on every page."""
    library = await shelves(store)
    read = Read("Book", fields=("id",), where=given("author.name"), sort=order("-rank"), limit=Slot(1))
    _, found = await _walk(library, read, ("Ada", 2), backward=False)
    same(found, [8, 1, 6, 4, 2], "filtered pages")


async def the_row_of_a_cursor_may_be_gone(store: Store) -> None:
    """A page begins behind where the row would be."""
    library = await shelves(store)
    read = Read("Book", fields=("id",), sort=order("rank"), limit=Slot(0))
    reply = await library.ask(read, 100)
    for keys, wanted in ((b"[1,99]", [1, 3, 8, 2, 4, 7]), (b"[null,3]", [4, 7]), (b"[9,1]", [2, 4, 7])):
        behind, values = turned(read, reply, keys, (100,), backward=False)
        same((await library.ask(behind, *values)).column("id"), wanted, f"behind {keys.decode()}")
        before, values = turned(read, reply, keys, (100,), backward=True)
        rest = [key for key in reply.column("id") if key not in wanted]
        same((await library.ask(before, *values)).column("id"), rest, f"before {keys.decode()}")


async def ends_of_pages(store: Store) -> None:
    """`more` says whether a row lies beyond; an empty page has no ends and an empty array."""
    library = await shelves(store)
    read = Read("Book", fields=("id",), sort=order("id"), limit=Slot(0))
    for limit, more in ((7, True), (8, False), (9, False)):
        same((await library.ask(read, limit)).answer.more, more, f"more beyond {limit} of 8")
    full = await library.ask(read, 8)
    behind, values = turned(read, full, full.answer.last or b"", (8,), backward=False)
    answer = (await library.ask(behind, *values)).answer
    same((answer.body, answer.first, answer.last, answer.more), (b"[]", None, None, False), "the page behind the last")


async def counts(store: Store) -> None:
    """A count is of all rows, whatever the page; it comes only if asked for."""
    library = await shelves(store)
    read = Read("Book", where=given("author"), limit=Slot(1), count="exact")
    reply = await library.ask(read, 1, 2)
    same((reply.answer.count, len(reply.body)), (5, 2), "count and page")
    none = await library.ask(Read("Book", where=given("author"), limit=Slot(1), count="exact"), 4, 2)
    same((none.answer.count, none.body), (0, []), "count of nothing")
    same((await library.ask(Read("Book", limit=Slot(0)), 2)).answer.count, None, "no count")


async def _walk(
    library: Library, read: Any, values: Sequence[object], *, backward: bool, start: Reply | None = None
) -> tuple[Reply, list[object]]:
    """Page on until there is no more; the last reply, and the keys of all rows in forward order."""
    found: list[object] = []
    reply = start
    for _ in range(100):
        if reply is None:
            reply = await library.ask(read, *values)
        else:
            edge = reply.answer.first if backward else reply.answer.last
            if edge is None:
                return reply, found
            page, filled = turned(read, reply, edge, values, backward=backward)
            reply = await library.ask(page, *filled)
        keys = reply.column("id")
        found = [*keys, *found] if backward else [*found, *keys]
        if not reply.answer.more:
            return reply, found
    raise AssertionError("paging does not end")
