"""Checks of grouped reads: the aggregates, having, order and pages of buckets."""

from __future__ import annotations

import math
from typing import Any

from kingpost.model.expressions import Aggregated, Aggregation, Compare, Comparison, Name, Slot
from kingpost.model.types import INT
from kingpost.ports import Store
from kingpost.query.operations import Aggregate, Group, Order
from kingpost.store.conformance.asking import Library, empty, given, same, shelves, turned


async def buckets_of_equal_values(store: Store) -> None:
    """Nulls are one bucket; the keys come first, in the order asked for, then the aggregates."""
    library = await shelves(store)
    reply = await library.ask(_group("rank", "count", "count:grade", "sum:grade", "avg:grade", "min:title"), 100)
    wanted: list[dict[str, object]] = [
        {"rank": 1, "count": 2, "count_grade": 2, "sum_grade": "9", "avg_grade": "4.5000000000000000", "min_title": "Six"},
        {"rank": 2, "count": 3, "count_grade": 2, "sum_grade": "9", "avg_grade": "4.5000000000000000", "min_title": "one"},
        {"rank": None, "count": 3, "count_grade": 2, "sum_grade": "10", "avg_grade": "5.0000000000000000",
         "min_title": "Four"},
    ]  # fmt: skip
    same(reply.body, wanted, "books by rank")
    same(list(reply.body[0]), list(wanted[0]), "order of names")


async def buckets_through_a_ref(store: Store) -> None:
    """A group key may stand behind Refs; rows without one fall into the bucket of null."""
    library = await shelves(store)
    reply = await library.ask(_group("editor.name", "count", "count_distinct:author"), 100)
    wanted = [("Ada", 3, 2), ("bob", 1, 1), ("Čapek", 1, 1), (None, 3, 2)]
    same([tuple(row.values()) for row in reply.body], wanted, "books by their editor's name")


async def aggregates_over_nothing(store: Store) -> None:
    """Where all values are null, counts are 0 and the rest null; where there are no rows, there are no buckets."""
    library = await empty(store)
    asked = _group("flag", "count", "count:number", "count_distinct:number", "sum:number", "avg:number", "max:number")
    same((await library.ask(asked, 10)).body, [], "no rows")
    await store.load("Sample", [{"id": 1, "flag": True}])
    reply = await library.ask(asked, 10)
    same(list(reply.body[0].values()), [True, 1, 0, 0, None, None, None], "one row of nulls")


async def numbers_are_exact(store: Store) -> None:
    """Sums and averages of whole numbers and decimals are decimals, never rounded floats, never overflowing."""
    library = await empty(store)
    numbers, prices = [2**63 - 1, 2**63 - 1, 1], ["0.10", "0.2", "1"]
    rows = zip(numbers, prices, strict=True)
    await store.load("Sample", [{"id": n, "flag": True, "number": a, "price": b} for n, (a, b) in enumerate(rows)])
    asked = _group("flag", "sum:number", "avg:number", "sum:price", "avg:price", "min:price", "max:price")
    (row,) = (await library.ask(asked, 10)).body
    same(row["sum_number"], "18446744073709551615", "sum of int64")
    same(row["avg_number"], "6148914691236517205", "average of int64")
    same((row["sum_price"], row["avg_price"]), ("1.30", "0.43333333333333333333"), "decimals")
    same((row["min_price"], row["max_price"]), ("0.10", "1"), "ends of decimals")


async def floats_stay_floats(store: Store) -> None:
    """Sums and averages of floats are floats; those of enormous ones are null instead of an error."""
    library = await empty(store)
    reals = [(True, 1.5), (True, 2.5), (True, None), (False, 1e300), (False, -1e300)]
    await store.load("Sample", [{"id": n, "flag": flag, "real": real} for n, (flag, real) in enumerate(reals)])
    huge, small = (await library.ask(_group("flag", "sum:real", "avg:real", "max:real"), 10)).body
    same((small["sum_real"], small["avg_real"], small["max_real"]), (4, 2, 2.5), "small floats")
    same((huge["sum_real"], huge["avg_real"]), (None, None), "enormous floats")
    same(math.isclose(huge["max_real"], 1e300), True, "the largest")


async def having(store: Store) -> None:
    """A condition on aggregates keeps the buckets for which it is true."""
    library = await shelves(store)
    asked: tuple[tuple[Aggregation, str | None, Comparison, object, list[int | None]], ...] = (
        ("count", None, "gt", 2, [2, None]),
        ("avg", "grade", "lt", "4.6", [1, 2]),
        ("max", "rank", "gte", 2, [2]),
        ("sum", "grade", "in", ["9", "11"], [1, 2]),
    )
    for function, of, operator, value, wanted in asked:
        name = None if of is None else Name((of,))
        condition = Compare(operator, Aggregated(function, name, INT), Slot(0))
        reply = await library.ask(_group("rank", "count", having=condition, limit=1), value, 100)
        same(reply.column("rank"), wanted, f"having {function} of {of} {operator} {value}")


async def buckets_are_filtered_before(store: Store) -> None:
    """`where` decides which rows fall into buckets."""
    library = await shelves(store)
    reply = await library.ask(_group("rank", "count", where=given("author.name"), limit=1), "Ada", 100)
    same([tuple(row.values()) for row in reply.body], [(1, 1), (2, 2), (None, 2)], "Ada's books by rank")


async def pages_of_buckets(store: Store) -> None:
    """Sorted by aggregates and keys, each bucket comes once, there and back."""
    library = await shelves(store)
    for keys in (("rank",), ("-rank",), ("count", "-rank"), ("-avg:grade", "rank"), ("max:rank",), ("-min:grade",)):
        asked = _group("rank", "count", sort=keys)
        whole = (await library.ask(asked, 100)).column("rank")
        found: list[Any] = []
        reply = await library.ask(asked, 1)
        while True:
            found += reply.column("rank")
            if not reply.answer.more:
                break
            page, values = turned(asked, reply, reply.answer.last or b"", (1,), backward=False)
            reply = await library.ask(page, *values)
        same(found, whole, f"one by one, sorted by {', '.join(keys)}")
        page, values = turned(asked, reply, reply.answer.first or b"", (100,), backward=True)
        same((await library.ask(page, *values)).column("rank"), whole[:-1], f"back, sorted by {', '.join(keys)}")


async def buckets_of_every_type(store: Store) -> None:
    """Each ordered type may be a group key, and equal values of any writing are one bucket."""
    library = await _doubled(store)
    for name in ("text", "number", "real", "price", "flag", "at", "day", "clock", "span", "token", "blob", "state"):
        reply = await library.ask(_group(name, "count"), 100)
        same(sum(reply.column("count")), 3, f"rows by {name}")
        same([row["count"] for row in reply.body], [2, 1], f"buckets by {name}")


def _group(by: str, *aggregates: str, sort: tuple[str, ...] = (), limit: int = 0, **conditions: Any) -> Group:
    """`avg:grade` is the average of grade; the limit's slot is number `limit`."""
    return Group(
        "Sample" if by in _SAMPLE_FIELDS else "Book",
        by=(Name(tuple(by.split("."))),),
        aggregates=tuple(_aggregate(one) for one in aggregates),
        sort=tuple(Order(_key(key.removeprefix("-")), key.startswith("-")) for key in sort),
        limit=Slot(limit),
        **conditions,
    )


def _aggregate(text: str) -> Aggregate:
    function, _, field = text.partition(":")
    known: dict[str, Aggregation] = {
        "count": "count", "count_distinct": "count_distinct", "sum": "sum", "avg": "avg", "min": "min", "max": "max",
    }  # fmt: skip
    return Aggregate(known[function], Name(tuple(field.split("."))) if field else None)


def _key(text: str) -> Name | Aggregate:
    return _aggregate(text) if ":" in text or text == "count" else Name((text,))


_SAMPLE_FIELDS = frozenset(
    ("text", "number", "real", "price", "flag", "at", "day", "clock", "span", "token", "blob", "state")
)


async def _doubled(store: Store) -> Library:
    library = await empty(store)
    given_values: dict[str, object] = {
        "text": "a", "number": 1, "real": 0.0, "price": "1.0", "flag": True, "at": "2013-07-01T09:00:00Z",
        "day": "2013-07-01", "clock": "09:00", "span": "PT24H", "token": "00000000-0000-0000-0000-000000000001",
        "blob": "aGk=", "state": "new",
    }  # fmt: skip
    alike = {**given_values, "real": -0.0, "price": "1.00", "at": "2013-07-01T11:00:00+02:00", "span": "P1D"}
    await store.load("Sample", [{"id": 1, **given_values}, {"id": 2, **alike}, {"id": 3}])
    return library
