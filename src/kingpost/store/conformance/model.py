"""The model and the rows the checks ask about: small, but with every type, null and way from row to row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from kingpost.model.declare import Key, Many, Policy, Ref, Table, Unique, computed, via
from kingpost.model.manifest import Manifest
from kingpost.model.read import read_manifest
from kingpost.model.terms import anyone, this
from kingpost.model.types import INT_MAX, INT_MIN

WIDE_FIELDS = 200


class Sample(Table):
    """A field of every type, each nullable."""

    id: Key[int]
    text: str | None = None
    number: int | None = None
    real: float | None = None
    price: Decimal | None = None
    flag: bool | None = None
    at: datetime | None = None
    day: date | None = None
    clock: time | None = None
    span: timedelta | None = None
    token: UUID | None = None
    blob: bytes | None = None
    data: dict[str, Any] | None = None
    state: Literal["new", "old"] | None = None
    words: list[str] | None = None
    numbers: list[int] | None = None
    sum: int | None = computed(this.number + 1)
    double: float | None = computed(this.real + this.real)
    product: float | None = computed(this.real * this.real)
    ratio: Decimal | None = computed(this.price / this.number)
    policy = Policy(read=anyone)


class Author(Table):
    """Refers to its own kind."""

    id: Key[int]
    name: str
    boss: Ref[Author] | None = None
    staff: Many[Author] = via("boss")
    books: Many[Book] = via("author")
    policy = Policy(read=anyone)

    @computed(needs=["name", "id"])
    def badge(self) -> str:
        """Made in Python."""
        return f"{self.name}#{self.id}"


class Book(Table):
    """In the middle of it all; rank and grade are nullable, and bear equal values."""

    id: Key[int]
    title: str
    rank: int | None = None
    grade: int | None = None
    author: Ref[Author]
    editor: Ref[Author] | None = None
    taggings: Many[Tagging]
    labels: Many[Label] = via("taggings.label")
    policy = Policy(read=anyone)


class Label(Table):
    """At the other end of many-to-many."""

    name: Key[str]
    colour: str | None = None
    taggings: Many[Tagging]
    books: Many[Book] = via("taggings.book")
    policy = Policy(read=anyone)


class Tagging(Table):
    """Between Book and Label; nothing keeps two of them from linking the same ends."""

    id: Key[int]
    book: Ref[Book]
    label: Ref[Label]
    weight: int
    policy = Policy(read=anyone)


class Strict(Table):
    """Has a default key, and what a row can break."""

    code: str
    size: int = 1
    low: int = 0
    high: int = 10
    unique = (Unique("code"),)
    check = this.low <= this.high
    policy = Policy(read=anyone)


def _wide() -> type[Table]:
    names = [f"field_{number}" for number in range(WIDE_FIELDS - 1)]
    members: dict[str, object] = {
        "__annotations__": {"id": "Key[int]", **dict.fromkeys(names, "int | None")},
        "__module__": __name__,
        "__doc__": "More fields than a function call takes arguments.",
        "policy": Policy(read=anyone),
        **dict.fromkeys(names),
    }
    return type("Wide", (Table,), members)


Wide = _wide()
ENTITIES: tuple[type[Table], ...] = (Sample, Author, Book, Label, Tagging, Strict, Wide)


def manifest() -> Manifest:
    """The manifest all checks use."""
    return read_manifest("conformance", ENTITIES, timezone="America/New_York")


# As a row is given, and as its JSON must read.
SAMPLES: tuple[tuple[Mapping[str, object], Mapping[str, object]], ...] = (
    (
        {
            "text": "naïve 𝄞 'quote\" \\ \n\t%_",
            "number": INT_MAX,
            "real": 1.7976931348623157e308,
            "price": Decimal("12345678901234567890.1200"),
            "flag": True,
            "at": datetime(2013, 7, 1, 9, 0, tzinfo=UTC),
            "day": date(2013, 7, 1),
            "clock": time(9, 30),
            "span": timedelta(days=1, hours=2),
            "token": UUID("0190A2B4-5C6D-7E8F-9A0B-1C2D3E4F5A6B"),
            "blob": bytes(range(256)),
            "data": {"b": [1, 2.5, None, True], "a": {"": "é"}},
            "state": "new",
            "words": ["a,b", "", 'c"d', "NULL", "\\"],
            "numbers": [INT_MIN, 0, INT_MAX],
        },
        {
            "text": "naïve 𝄞 'quote\" \\ \n\t%_",
            "number": INT_MAX,
            "real": 1.7976931348623157e308,
            "price": "12345678901234567890.1200",
            "flag": True,
            "at": "2013-07-01T09:00:00+00:00",
            "day": "2013-07-01",
            "clock": "09:30:00",
            "span": "PT93600S",
            "token": "0190a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
            "blob": (
                "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0BBQkNERUZHSElKS0xN"
                "Tk9QUVJTVFVWV1hZWltcXV5fYGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn+AgYKDhIWGh4iJiouMjY6PkJGSk5SVlpeYmZqb"
                "nJ2en6ChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5uru8vb6/wMHCw8TFxsfIycrLzM3Oz9DR0tPU1dbX2Nna29zd3t/g4eLj5OXm5+jp"
                "6uvs7e7v8PHy8/T19vf4+fr7/P3+/w=="
            ),
            "data": {"b": [1, 2.5, None, True], "a": {"": "é"}},
            "state": "new",
            "words": ["a,b", "", 'c"d', "NULL", "\\"],
            "numbers": [INT_MIN, 0, INT_MAX],
        },
    ),
    (
        {
            "text": "",
            "number": INT_MIN,
            "real": 5e-324,
            "price": Decimal("-0.00000000000000000001"),
            "flag": False,
            "at": datetime(1, 1, 1, tzinfo=UTC),
            "day": date(1, 1, 1),
            "clock": time(0),
            "span": timedelta(microseconds=-1),
            "token": UUID(int=0),
            "blob": b"",
            "data": {},
            "state": "old",
            "words": [],
            "numbers": [],
        },
        {
            "text": "",
            "number": INT_MIN,
            "real": 5e-324,
            "price": "-0.00000000000000000001",
            "flag": False,
            "at": "0001-01-01T00:00:00+00:00",
            "day": "0001-01-01",
            "clock": "00:00:00",
            "span": "-PT0.000001S",
            "token": "00000000-0000-0000-0000-000000000000",
            "blob": "",
            "data": {},
            "state": "old",
            "words": [],
            "numbers": [],
        },
    ),
    (
        {
            "price": Decimal("1E+3"),
            "at": datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
            "day": date(9999, 12, 31),
            "clock": time(23, 59, 59, 500000),
            "span": timedelta(0),
            "token": UUID(int=2**128 - 1),
        },
        {
            "price": "1000",
            "at": "9999-12-31T23:59:59.999999+00:00",
            "day": "9999-12-31",
            "clock": "23:59:59.5",
            "span": "PT0S",
            "token": "ffffffff-ffff-ffff-ffff-ffffffffffff",
        },
    ),
    ({}, {}),
)

AUTHORS: tuple[dict[str, object], ...] = (
    {"id": 1, "name": "Ada", "boss": None},
    {"id": 2, "name": "bob", "boss": 1},
    {"id": 3, "name": "Čapek", "boss": 1},
    {"id": 4, "name": "Ada", "boss": 4},
)
BOOKS: tuple[dict[str, object], ...] = (
    {"id": 1, "title": "one", "rank": 2, "grade": None, "author": 1, "editor": 2},
    {"id": 2, "title": "Two", "rank": None, "grade": 5, "author": 1, "editor": None},
    {"id": 3, "title": "three", "rank": 2, "grade": 5, "author": 2, "editor": 4},
    {"id": 4, "title": "Four", "rank": None, "grade": None, "author": 1, "editor": 3},
    {"id": 5, "title": "five", "rank": 1, "grade": 5, "author": 3, "editor": None},
    {"id": 6, "title": "Six", "rank": 1, "grade": 4, "author": 1, "editor": 1},
    {"id": 7, "title": "seven", "rank": None, "grade": 5, "author": 2, "editor": 1},
    {"id": 8, "title": "Éight", "rank": 2, "grade": 4, "author": 1, "editor": None},
)
LABELS: tuple[dict[str, object], ...] = (
    {"name": "blue", "colour": "b"},
    {"name": "green", "colour": None},
    {"name": "red", "colour": "r"},
    {"name": "unused", "colour": None},
)
TAGGINGS: tuple[dict[str, object], ...] = (
    {"id": 1, "book": 1, "label": "red", "weight": 1},
    {"id": 2, "book": 1, "label": "blue", "weight": 5},
    {"id": 3, "book": 2, "label": "red", "weight": 9},
    {"id": 4, "book": 1, "label": "red", "weight": 7},
    {"id": 5, "book": 3, "label": "green", "weight": 3},
)
SHELVES: Mapping[str, tuple[dict[str, object], ...]] = {
    "Author": AUTHORS,
    "Book": BOOKS,
    "Label": LABELS,
    "Tagging": TAGGINGS,
}
