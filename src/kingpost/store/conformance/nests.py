"""Checks of included rows: of any depth, each with its own filter, order, page and cursor."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kingpost.model.expressions import Expression, Slot
from kingpost.ports import Store
from kingpost.query.operations import Cursor, Include, Read
from kingpost.query.stages import Member, Nested, Select
from kingpost.store.conformance.asking import empty, given, opened, order, same, settled, shelves


async def a_ref_is_an_object_or_null(store: Store) -> None:
    """It stands in the place of its key."""
    library = await shelves(store)
    read = Read(
        "Book",
        fields=("id", "editor", "rank"),
        includes=(Include("editor", Read("", fields=("name",))),),
        limit=Slot(0),
    )
    reply = await library.ask(read, 2)
    same(reply.body[0], {"id": 1, "editor": {"name": "bob"}, "rank": 2}, "a book with an editor")
    same(reply.body[1], {"id": 2, "editor": None, "rank": None}, "a book without")
    same(list(reply.body[0]), ["id", "editor", "rank"], "order")


async def a_many_is_a_page(store: Store) -> None:
    """An array, and behind it the cursor of its next page, or null."""
    library = await shelves(store)
    books = Read("", fields=("id",), sort=order("-rank"), limit=Slot(0))
    read = Read("Author", fields=("id",), includes=(Include("books", books),), sort=order("id"), limit=Slot(1))
    reply = await library.ask(read, 2, 10)
    same([[book["id"] for book in row["books"]] for row in reply.body], [[8, 1], [3, 7], [5], []], "books, two each")
    same(list(reply.body[0]), ["id", "books", "books_next"], "the cursor stands behind")
    same([row["books_next"] is None for row in reply.body], [False, True, True, True], "cursors where there is more")
    mark, direction, *keys = opened(reply.body[0]["books_next"])
    same((bool(mark), direction, keys), (True, "n", [2, 1]), "what the cursor holds")


async def every_nested_limit(store: Store) -> None:
    """A nested page ends where its limit says, and knows whether there is more."""
    library = await shelves(store)
    for limit, more in ((1, True), (4, True), (5, False), (6, False)):
        books = Read("", fields=("id",), limit=Slot(1))
        reply = await library.ask(Read("Author", key=(Slot(0),), includes=(Include("books", books),)), 1, limit)
        same(len(reply.body["books"]), min(limit, 5), f"books with limit {limit}")
        same(reply.body["books_next"] is not None, more, f"more beyond limit {limit}")


async def nested_rows_are_filtered(store: Store) -> None:
    """A nested filter narrows what is nested, not the rows around it."""
    library = await shelves(store)
    books = Read("", fields=("id",), where=given("rank", "gte", 0), sort=order("id"), limit=Slot(1))
    read = Read("Author", fields=("id",), includes=(Include("books", books),), sort=order("id"), limit=Slot(1))
    reply = await library.ask(read, 2, 10)
    same([[book["id"] for book in row["books"]] for row in reply.body], [[1, 8], [3], [], []], "books of rank 2")


async def nests_in_nests(store: Store) -> None:
    """Refs in Manys in Refs, three deep; a row's own kind too."""
    library = await shelves(store)
    staff = Read("", fields=("name",), sort=order("-id"), includes=(Include("books", Read("", fields=("title",))),))
    boss = Read("", fields=("id",), includes=(Include("staff", staff),))
    author = Read("", fields=("id",), includes=(Include("boss", boss),))
    reply = await library.ask(Read("Book", key=(Slot(0),), fields=("id",), includes=(Include("author", author),)), 3)
    people = [
        {"name": "Čapek", "books": [{"title": "five"}], "books_next": None},
        {"name": "bob", "books": [{"title": "three"}, {"title": "seven"}], "books_next": None},
    ]
    boss_row = {"id": 1, "staff": people, "staff_next": None}
    same(reply.body, {"id": 3, "author": {"id": 2, "boss": boss_row}}, "three deep")


async def many_to_many(store: Store) -> None:
    """Each row at the other end comes once, however many links lead there."""
    library = await shelves(store)
    labels = Read("", fields=("name",), sort=order("name"), limit=Slot(0))
    read = Read("Book", fields=("id",), sort=order("id"), includes=(Include("labels", labels),), limit=Slot(0))
    reply = await library.ask(read, 4)
    names = [[label["name"] for label in row["labels"]] for row in reply.body]
    same(names, [["blue", "red"], ["red"], ["green"], []], "labels")
    paged = await library.ask(read, 1)
    same([label["name"] for label in paged.body[0]["labels"]], ["blue"], "one label")
    same(opened(paged.body[0]["labels_next"])[1:], ["n", "blue"], "the cursor behind it")


async def links_are_narrowed(store: Store) -> None:
    """Only links that the entity between admits lead on."""
    library = await shelves(store)
    heavy = settled(library.column("Tagging", "weight"), "gte", 6)

    def narrow(select: Select) -> Select:
        return replace(select, members=tuple(_linked_where(one, heavy) for one in select.members))

    labels = Include("labels", Read("", fields=("name",), limit=Slot(0)))
    read = Read("Book", fields=("id",), sort=order("id"), includes=(labels,), limit=Slot(0))
    reply = await library.ask(read, 3, narrow=narrow)
    same(
        [row["labels"] for row in reply.body], [[{"name": "red"}], [{"name": "red"}], []], "labels of weight 6 or more"
    )


async def nested_pages_go_on(store: Store) -> None:
    """A nested cursor goes on behind its keys."""
    library = await shelves(store)
    books = Include("books", Read("", fields=("id",), sort=order("-rank"), limit=Slot(1)))
    read = Read("Author", key=(Slot(0),), fields=("id",), includes=(books,))
    body = (await library.ask(read, 1, 2)).body
    found = [book["id"] for book in body["books"]]
    while body["books_next"] is not None:
        mark, _, *keys = opened(body["books_next"])
        given_keys = [key for key in keys if key is not None]
        body = (await library.ask(_behind(read, keys), 1, 2, *given_keys, mark)).body
        found += [book["id"] for book in body["books"]]
    same(found, [8, 1, 6, 4, 2], "all books of an author, two at a time")


async def what_is_hidden_nests_nothing(store: Store) -> None:
    """Where the outer row hides the relation, a Ref is null and a Many is empty."""
    library = await shelves(store)
    shown = settled(library.column("Author", "id"), "gt", 1)

    def narrow(select: Select) -> Select:
        members = [replace(one, visible=shown) if isinstance(one, Nested) else one for one in select.members]
        return replace(select, members=tuple(members))

    both = (Include("boss", Read("", fields=("id",))), Include("books", Read("", fields=("id",), limit=Slot(0))))
    read = Read("Author", fields=("id",), sort=order("id"), includes=both, limit=Slot(0))
    reply = await library.ask(read, 2, narrow=narrow)
    same(reply.body[0], {"id": 1, "boss": None, "books": [], "books_next": None}, "hidden")
    wanted = {"id": 2, "boss": {"id": 1}, "books": [{"id": 3}, {"id": 7}], "books_next": None}
    same(reply.body[1], wanted, "shown")


async def nests_of_nothing(store: Store) -> None:
    """No rows nest no rows."""
    library = await empty(store)
    read = Read("Author", includes=(Include("books", Read("")),), limit=Slot(0))
    same((await library.ask(read, 5)).body, [], "no authors")


def _linked_where(member: Member, where: Expression) -> Member:
    if not isinstance(member, Nested) or member.middle is None:
        return member
    return replace(member, middle=replace(member.middle, where=where))


def _behind(read: Read, keys: list[Any]) -> Read:
    """The same with its one include's page behind `keys`, whose values follow the first two."""
    number = 2
    slots: list[Slot | None] = []
    for key in keys:
        slots.append(None if key is None else Slot(number))
        number += key is not None
    (include,) = read.includes
    inner = replace(include.read, cursor=Cursor(False, tuple(slots), Slot(number)))
    return replace(read, includes=(replace(include, read=inner),))
