"""Checks of what a policy adds to a question: it must hold wherever rows and fields are looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kingpost.model.expressions import (
    FALSE,
    TRUE,
    Choose,
    Column,
    Expression,
    Name,
    Quantified,
    Slot,
    Through,
    both,
    rewrite,
)
from kingpost.ports import Store
from kingpost.query.operations import Aggregate, Group, Include, Read
from kingpost.query.stages import Buckets, Nested, Output, Rows, Select, SortKey
from kingpost.store.conformance.asking import given, order, same, settled, shelves


async def rows_are_narrowed(store: Store) -> None:
    """What `where` does not admit, or does not know to admit, is neither found nor counted."""
    library = await shelves(store)
    seen = settled(library.column("Book", "rank"), "lt", 2)

    def narrow(select: Select) -> Select:
        counted = None if select.counted is None else _narrowed(select.counted, seen)
        return replace(select, source=_narrowed(select.source, seen), counted=counted)

    reply = await library.ask(
        Read("Book", fields=("id",), sort=order("id"), limit=Slot(0), count="exact"), 100, narrow=narrow
    )
    same((reply.column("id"), reply.answer.count), ([5, 6], 2), "books of rank 1")
    hidden = await library.ask(Read("Book", key=(Slot(0),)), 1, narrow=narrow)
    same((hidden.body, hidden.answer.version), (None, None), "a hidden row by its key")


async def filters_look_at_admitted_rows(store: Store) -> None:
    """Through a Ref or a Many, a row that is not admitted is as if it were not there."""
    library = await shelves(store)
    early = settled(library.column("Author", "id"), "lt", 2)
    ranked = settled(library.column("Book", "rank"), "gt", 0)

    def through(select: Any) -> Any:
        return replace(select, source=replace(select.source, where=_guarded(select.source.where, early, ranked)))

    same(await library.matching("Book", given("editor.name"), "Ada", narrow=through), [6, 7], "an admitted editor")
    same(await library.matching("Author", given("books.title"), "Two", narrow=through), [], "some admitted book")
    same(await library.matching("Author", given("books.none.title"), "Two", narrow=through), [1, 2, 3, 4], "none")
    same(await library.matching("Author", given("books.every.rank"), 2, narrow=through), [2, 4], "every")


async def sorts_look_at_admitted_rows(store: Store) -> None:
    """A sort key behind a row that is not admitted is null."""
    library = await shelves(store)
    early = settled(library.column("Author", "id"), "lt", 3)

    def narrow(select: Select) -> Select:
        return replace(select, sort=tuple(replace(key, value=_guarded(key.value, early, TRUE)) for key in select.sort))

    read = Read("Book", fields=("id",), sort=order("-editor.name"), limit=Slot(0))
    same((await library.ask(read, 100, narrow=narrow)).column("id"), [1, 7, 6, 8, 5, 4, 3, 2], "by editor's name")


async def nested_rows_are_narrowed(store: Store) -> None:
    """A Ref that is not admitted is null, a Many leaves the row out, and its page is full all the same."""
    library = await shelves(store)
    ranked = settled(library.column("Book", "rank"), "gt", 0)

    def narrow(select: Select) -> Select:
        return replace(select, members=tuple(_nested_where(one, ranked) for one in select.members))

    books = Include("books", Read("", fields=("id",), sort=order("id"), limit=Slot(1)))
    reply = await library.ask(Read("Author", key=(Slot(0),), fields=("id",), includes=(books,)), 1, 2, narrow=narrow)
    same([book["id"] for book in reply.body["books"]], [1, 6], "two admitted books")
    same(reply.body["books_next"] is not None, True, "there is a third")

    def nobody(select: Select) -> Select:
        return replace(select, members=tuple(_nested_where(one, FALSE) for one in select.members))

    author = Include("author", Read("", fields=("id",)))
    reply = await library.ask(Read("Book", key=(Slot(0),), fields=("id",), includes=(author,)), 1, narrow=nobody)
    same(reply.body, {"id": 1, "author": None}, "an author that is not admitted")


async def masks_hide_values(store: Store) -> None:
    """A masked field is null in the answer, in filters and in the order, where its rule is not true."""
    library = await shelves(store)
    rank = library.column("Book", "rank")
    masked = Choose(settled(library.column("Book", "grade"), "eq", 5), rank)

    def narrow(select: Select) -> Select:
        return replace(
            select,
            source=Rows(select.source.entity, _masked(select.source.where, rank, masked)),
            members=tuple(_masked_output(one, rank, masked) for one in select.members),
            sort=tuple(_masked_key(key, rank, masked) for key in select.sort),
        )

    read = Read("Book", fields=("id", "rank"), sort=order("-rank"), limit=Slot(0))
    reply = await library.ask(read, 100, narrow=narrow)
    same(reply.column("id"), [3, 5, 8, 7, 6, 4, 2, 1], "sorted by a masked field")
    same(reply.column("rank"), [2, 1, None, None, None, None, None, None], "its values")
    same(await library.matching("Book", given("rank"), 2, narrow=narrow), [3], "filtered by it")


async def masks_hide_buckets(store: Store) -> None:
    """A masked field groups as null, and its hidden values are not aggregated."""
    library = await shelves(store)
    rank = library.column("Book", "rank")
    masked = Choose(settled(library.column("Book", "grade"), "eq", 5), rank)

    def narrow(buckets: Buckets) -> Buckets:
        return replace(
            buckets,
            keys=tuple(_masked_output(one, rank, masked) for one in buckets.keys),
            aggregates=tuple(_masked_output(one, rank, masked) for one in buckets.aggregates),
            sort=tuple(_masked_key(key, rank, masked) for key in buckets.sort),
        )

    name = Name(("rank",))
    group = Group("Book", by=(name,), aggregates=(Aggregate("count"), Aggregate("max", name)), limit=Slot(0))
    reply = await library.ask(group, 100, narrow=narrow)
    same([tuple(row.values()) for row in reply.body], [(1, 1, 1), (2, 1, 2), (None, 6, None)], "masked buckets")


async def nothing_may_be_seen(store: Store) -> None:
    """A question narrowed to nothing is answered with nothing."""
    library = await shelves(store)

    def narrow(select: Select) -> Select:
        return replace(select, source=_narrowed(select.source, FALSE), counted=Rows(select.source.entity, FALSE))

    reply = await library.ask(Read("Book", limit=Slot(0), count="exact"), 100, narrow=narrow)
    same((reply.body, reply.answer.count, reply.answer.more), ([], 0, False), "nothing")


def _narrowed(rows: Rows, where: Expression) -> Rows:
    return Rows(rows.entity, both(rows.where, where))


def _guarded(expression: Expression, authors: Expression, books: Expression) -> Expression:
    """The read policies of authors and books put into every hop."""

    def guard(node: Expression) -> Expression:
        if isinstance(node, Through | Quantified):
            where = {"Author": authors, "Book": books}.get(node.relation.target, TRUE)
            return replace(node, where=where)
        return node

    return rewrite(expression, guard)


def _nested_where(member: Any, where: Expression) -> Any:
    if not isinstance(member, Nested):
        return member
    return replace(member, select=replace(member.select, source=_narrowed(member.select.source, where)))


def _masked(expression: Expression, column: Column, masked: Expression) -> Expression:
    return rewrite(expression, lambda node: masked if node == column else node)


def _masked_output(output: Any, column: Column, masked: Expression) -> Any:
    return replace(output, value=_masked(output.value, column, masked)) if isinstance(output, Output) else output


def _masked_key(key: SortKey, column: Column, masked: Expression) -> SortKey:
    value = _masked(key.value, column, masked)
    return replace(key, value=value, nullable=key.nullable or value != key.value)
