"""The model the checks of writes use: a constraint of every kind, and every rule of what follows a deletion."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from kingpost.constraints import Digits, Ge, Len
from kingpost.model.declare import Column, Key, Many, OnDelete, Policy, Private, Ref, Table, Unique, computed, via
from kingpost.model.manifest import Manifest
from kingpost.model.read import read_manifest
from kingpost.model.terms import anyone, now, this
from kingpost.store.conformance.model import Sample, Wide

_EMPTY: list[str] = []
_NOTHING: dict[str, Any] = {}


class Owner(Table):
    """Jobs refer to it and stand in the way of its deletion."""

    id: Key[int]
    name: str
    open: bool = True
    boss: Ref[Owner] | None = None
    jobs: Many[Job] = via("owner")
    policy = Policy(read=anyone)

    @computed(needs=["name"])
    def badge(self) -> str:
        """Made in Python."""
        return f"{self.name}!"


class Job(Table):
    """What a row can break: a field's constraint, a check, unique fields, two Refs."""

    id: Key[int]
    code: Annotated[str, Len(1, 8)]
    size: Annotated[int, Ge(0)] = 1
    low: int = 0
    high: int | None = 10
    owner: Ref[Owner] | None = None
    helper: Ref[Owner] | None = None
    hidden: Annotated[str | None, Private()] = None
    price: Annotated[Decimal | None, Digits(6, 2)] = None
    words: list[str] = _EMPTY
    double: int | None = computed(this.size + this.size)
    unique = (Unique("code"), Unique("owner", "low", where=this.size > 5))
    check = this.low <= this.high
    policy = Policy(read=anyone)


class Entry(Table, audit=True):
    """Keyed by a UUID that nobody gives, stamped by the service."""

    text: str
    at: datetime = now
    data: dict[str, Any] = _NOTHING
    policy = Policy(read=anyone)


class Score(Table):
    """A key of two fields, and a field that a caller never sees."""

    game: Key[str]
    player: Key[int]
    points: int = 0
    note: str | None = None
    hidden: Annotated[str | None, Private()] = None
    policy = Policy(read=anyone)


class Branch(Table):
    """Refers to its own kind, by two rules; a column of it has another name."""

    id: Key[int]
    parent: Annotated[Ref[Branch] | None, OnDelete("cascade")] = None
    twin: Annotated[Ref[Branch] | None, OnDelete("null")] = None
    rank: Annotated[int, Column("order")] = 0
    children: Many[Branch] = via("parent")
    policy = Policy(read=anyone)


class Leaf(Table):
    """Goes with its branch; of another it only lets go."""

    id: Key[int]
    branch: Annotated[Ref[Branch], OnDelete("cascade")]
    other: Annotated[Ref[Branch] | None, OnDelete("null")] = None
    rank: int = 0
    policy = Policy(read=anyone)


class Nail(Table):
    """Keeps a branch, or a leaf, where it is; goes with those it is of."""

    id: Key[int]
    of: Annotated[Ref[Branch] | None, OnDelete("cascade")] = None
    branch: Ref[Branch] | None = None
    leaf: Ref[Leaf] | None = None
    from_: Annotated[Ref[Branch] | None, OnDelete("cascade")] = None
    policy = Policy(read=anyone)


class Folder(Table, soft_delete=True):
    """Is marked, and stays."""

    id: Key[int]
    name: str
    within: Ref[Folder] | None = None
    policy = Policy(read=anyone)


class Page(Table, soft_delete=True):
    """Is marked with its folder."""

    id: Key[int]
    folder: Annotated[Ref[Folder], OnDelete("cascade")]
    policy = Policy(read=anyone)


class Scrap(Table):
    """Goes for good with its folder or its page, since it cannot be marked."""

    id: Key[int]
    folder: Annotated[Ref[Folder] | None, OnDelete("cascade")] = None
    page: Annotated[Ref[Page] | None, OnDelete("cascade")] = None
    policy = Policy(read=anyone)


class Bookmark(Table):
    """Lets go of a folder that is marked."""

    id: Key[int]
    folder: Annotated[Ref[Folder] | None, OnDelete("null")] = None
    policy = Policy(read=anyone)


class Lease(Table, soft_delete=True):
    """Keeps a folder, until it is marked itself."""

    id: Key[int]
    folder: Ref[Folder]
    policy = Policy(read=anyone)


class Draft(Table, capture=False):
    """Of its changes nobody is told."""

    id: Key[int]
    text: str
    policy = Policy(read=anyone)


ENTITIES: tuple[type[Table], ...] = (
    *(Sample, Wide, Owner, Job, Entry, Score, Branch, Leaf, Nail),
    *(Folder, Page, Scrap, Bookmark, Lease, Draft),
)


def manifest() -> Manifest:
    """The manifest of the checks of writes."""
    return read_manifest("conformance_writes", ENTITIES, timezone="America/New_York")


ROWS: Mapping[str, tuple[dict[str, object], ...]] = {
    "Owner": (
        {"id": 1, "name": "Ada"},
        {"id": 2, "name": "Bob", "open": False},
        {"id": 3, "name": "Cem"},
    ),
    "Job": (
        {"id": 1, "code": "a", "owner": 1, "hidden": "h1"},
        {"id": 2, "code": "b", "owner": 2, "size": 2},
        {"id": 3, "code": "c", "size": 3, "high": None},
        {"id": 4, "code": "d", "owner": 1, "size": 7, "low": 4},
    ),
    "Score": ({"game": "go", "player": 1, "points": 5, "note": "n", "hidden": "h"},),
}
