"""Checks of conditions: every operator beside null, text and JSON matching, and the ways through relations."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kingpost.model.expressions import And, Comparison, IsNull, Name, Not, Or, either
from kingpost.ports import Store
from kingpost.store.conformance.asking import Library, empty, given, same, samples, shelves
from kingpost.store.conformance.model import SAMPLES

_HOLDS: Mapping[Comparison, Callable[[int], bool]] = {
    "eq": lambda rank: rank == 2,
    "ne": lambda rank: rank != 2,
    "gt": lambda rank: rank > 2,
    "gte": lambda rank: rank >= 2,
    "lt": lambda rank: rank < 2,
    "lte": lambda rank: rank <= 2,
}
_RANKS = {1: 2, 2: None, 3: 2, 4: None, 5: 1, 6: 1, 7: None, 8: 2}


async def operators_beside_null(store: Store) -> None:
    """A comparison with a null is unknown: neither it nor its negation holds."""
    library = await shelves(store)
    for operator, holds in _HOLDS.items():
        wanted = [key for key, rank in _RANKS.items() if rank is not None and holds(rank)]
        same(await library.matching("Book", given("rank", operator), 2), wanted, f"rank {operator} 2")
        rest = [key for key, rank in _RANKS.items() if rank is not None and not holds(rank)]
        same(await library.matching("Book", Not(given("rank", operator)), 2), rest, f"not rank {operator} 2")


async def unknown_parts(store: Store) -> None:
    """An unknown part leaves a condition unknown, unless the other part alone decides it."""
    library = await shelves(store)
    rank, grade = given("rank"), given("grade", "eq", 1)
    for about, condition, wanted in (
        ("and", And((rank, grade)), [3]),
        ("or", Or((rank, grade)), [1, 2, 3, 5, 7, 8]),
        ("not and", Not(And((rank, grade))), [5, 6, 8]),
        ("not or", Not(Or((rank, grade))), [6]),
        ("not not", Not(Not(rank)), [1, 3, 8]),
    ):
        same(await library.matching("Book", condition, 2, 5), wanted, f"{about} of rank = 2, grade = 5")


async def null_is_asked_for_by_name(store: Store) -> None:
    """is_null and its negation divide the rows; both are known for each."""
    library = await shelves(store)
    null = IsNull(Name(("rank",)))
    same(await library.matching("Book", null), [2, 4, 7], "rank is null")
    same(await library.matching("Book", Not(null)), [1, 3, 5, 6, 8], "rank is not null")
    same(await library.matching("Book", either(null, given("rank")), 1), [2, 4, 5, 6, 7], "null or 1")
    same(await library.matching("Book", Not(either(null, given("rank"))), 1), [1, 3, 8], "neither null nor 1")


async def lists(store: Store) -> None:
    """`in` finds any of a list's values; nothing is in an empty list, and there its negation holds, for nulls too."""
    library = await shelves(store)
    inside = given("rank", "in")
    same(await library.matching("Book", inside, [1, 7, 1]), [5, 6], "rank in 1, 7, 1")
    same(await library.matching("Book", Not(inside), [1, 7]), [1, 3, 8], "rank not in 1, 7")
    same(await library.matching("Book", inside, []), [], "rank in nothing")
    same(await library.matching("Book", Not(inside), []), list(_RANKS), "rank not in nothing")
    same(await library.matching("Book", given("title", "in"), ["one", "Éight", "Two,"]), [1, 8], "title in")


async def patterns(store: Store) -> None:
    """`like` knows %, _ and the backslash; a lone one at the end stands for itself; `ilike` goes by simple case."""
    library = await _texts(store, "", "abc", "a%c", "a_c", "a\nc", "ABC", "é", "É", "a\\", "Σας", "İ", "𝄞")
    for pattern, wanted in (
        ("%", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        ("", [0]),
        ("_", [6, 7, 10, 11]),
        ("a_c", [1, 2, 3, 4]),
        ("a\\%c", [2]),
        ("a\\_c", [3]),
        ("a%", [1, 2, 3, 4, 8]),
        ("a\\", [8]),
        ("a\\\\", [8]),
        ("%%%%%%%%%%%%%%%%%%%%c", [1, 2, 3, 4]),
    ):
        same(await library.matching("Sample", given("text", "like"), pattern), wanted, f"like {pattern!r}")
    for pattern, wanted in (("aB_", [1, 5]), ("É", [6, 7]), ("\u03c3%", [9]), ("i", [10]), ("A\\", [8])):
        same(await library.matching("Sample", given("text", "ilike"), pattern), wanted, f"ilike {pattern!r}")


async def containment(store: Store) -> None:
    """`contains`: part of a text, element of an array, JSON within JSON."""
    library = await _texts(store, "a%b", "ab", "", None)
    same(await library.matching("Sample", given("text", "contains"), "%"), [0], "text contains %")
    same(await library.matching("Sample", given("text", "contains"), ""), [0, 1, 2], "text contains nothing")
    await store.load("Sample", [{"id": 20, "words": ["a", "b,c"], "data": {"a": 1, "b": [1, {"c": 2}]}}])
    await store.load("Sample", [{"id": 21, "words": [], "data": {"a": 1.0}}])
    same(await library.matching("Sample", given("words", "contains"), "b,c"), [20], "words contain")
    same(await library.matching("Sample", Not(given("words", "contains")), "b,c"), [21], "words do not contain")
    for part, wanted in (
        ({"a": 1}, [20, 21]),
        ({}, [20, 21]),
        ({"b": [{"c": 2}]}, [20]),
        ({"b": {"c": 2}}, []),
        ({"b": [1, 1]}, [20]),
        ({"a": True}, []),
        ([1], []),
    ):
        same(await library.matching("Sample", given("data", "contains"), part), wanted, f"data contains {part}")
    same(await library.matching("Sample", given("data"), {"a": 1}), [21], "data equals, and 1 is 1.0")


async def order_of_text(store: Store) -> None:
    """Text is ordered by code point: capitals first, accents and other planes last."""
    library = await _texts(store, "B", "a", "b", "é", "z", "\uffff", "𝄞")
    same(await library.matching("Sample", given("text", "gt"), "b"), [3, 4, 5, 6], "text > b")
    same(await library.matching("Sample", given("text", "lt"), "a"), [0], "text < a")
    same(await library.matching("Sample", given("text", "gt"), "\uffff"), [6], "text > U+FFFF")


async def order_of_other_types(store: Store) -> None:
    """Every ordered type has its order, at the extremes too."""
    library = await samples(store)
    for name, wanted in {
        "number": [0], "real": [0], "price": [0, 2], "flag": [0], "at": [0, 2], "day": [0, 2], "clock": [0, 2],
        "span": [0, 2], "token": [0, 2], "blob": [0], "state": [],
    }.items():  # fmt: skip
        least = SAMPLES[1][0][name]
        same(await library.matching("Sample", given(name, "gt"), least), wanted, f"{name} > {least!r}")


async def zero_has_no_sign(store: Store) -> None:
    """Negative zero equals zero, as does a decimal of another scale."""
    library = await empty(store)
    await store.load("Sample", [{"id": 0, "real": -0.0, "price": "1.10"}, {"id": 1, "real": 0.0, "price": "1.1"}])
    same(await library.matching("Sample", given("real"), 0.0), [0, 1], "real = 0")
    same(await library.matching("Sample", given("price"), "1.100"), [0, 1], "price = 1.100")


async def through_a_ref(store: Store) -> None:
    """A condition on a Ref's row is unknown where there is none, so that its negation does not hold either."""
    library = await shelves(store)
    same(await library.matching("Book", given("author.name"), "Ada"), [1, 2, 4, 6, 8], "author.name")
    same(await library.matching("Book", given("editor.name"), "Ada"), [3, 6, 7], "editor.name")
    same(await library.matching("Book", Not(given("editor.name")), "Ada"), [1, 4], "not editor.name")
    same(await library.matching("Book", given("editor.boss.name"), "Ada"), [1, 3, 4], "editor.boss.name")
    same(await library.matching("Book", IsNull(Name(("editor", "name")))), [2, 5, 8], "editor.name is null")
    same(await library.matching("Author", given("boss.boss"), 1), [], "boss.boss")


async def through_a_many(store: Store) -> None:
    """some, every and none are never unknown: a row that has no related ones satisfies the last two."""
    library = await shelves(store)
    for path, wanted, rest in (
        ("books.rank", [1, 2], [3, 4]),
        ("books.some.rank", [1, 2], [3, 4]),
        ("books.every.rank", [4], [1, 2, 3]),
        ("books.none.rank", [3, 4], [1, 2]),
    ):
        same(await library.matching("Author", given(path), 2), wanted, f"{path} = 2")
        same(await library.matching("Author", Not(given(path)), 2), rest, f"not {path} = 2")
    same(await library.matching("Author", given("staff.books.title"), "five"), [1], "through two Manys")
    same(await library.matching("Author", given("staff.none.id"), 2), [2, 3, 4], "none of its own kind")


async def through_many_to_many(store: Store) -> None:
    """The entity between is passed over, in both directions."""
    library = await shelves(store)
    same(await library.matching("Book", given("labels.name"), "red"), [1, 2], "some label")
    same(await library.matching("Book", given("labels.none.name"), "red"), [3, 4, 5, 6, 7, 8], "no label")
    same(await library.matching("Book", given("labels.every.name"), "red"), [2, 4, 5, 6, 7, 8], "every label")
    same(await library.matching("Label", given("books.title"), "one"), ["blue", "red"], "back")
    same(await library.matching("Book", given("labels.every.colour"), "r"), [2, 4, 5, 6, 7, 8], "every is not unknown")


async def _texts(store: Store, *texts: str | None) -> Library:
    library = await empty(store)
    await store.load("Sample", [{"id": number, "text": text} for number, text in enumerate(texts)])
    return library
