"""Checks of deleting rows: for good or by a mark, and what follows for those that refer to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kingpost.errors import Conflict, Forbidden, NotFound, Stale, TooDear
from kingpost.model.expressions import TRUE, Expression, IsNull, Slot
from kingpost.ports import Store
from kingpost.query.operations import Delete, Read
from kingpost.store.conformance.allowing import May
from kingpost.store.conformance.asking import NOW, Library, delete, given, same, settled, works

_GIVEN: Mapping[str, Sequence[dict[str, object]]] = {
    "Folder": [{"id": one, "name": "f"} for one in (1, 2)],
    "Page": [
        {"id": 1, "folder": 1},
        {"id": 2, "folder": 1, "deleted_at": NOW.replace(year=2000)},
        {"id": 3, "folder": 2},
    ],
    "Scrap": [{"id": 1, "folder": 1}, {"id": 2, "page": 1}, {"id": 3, "folder": 2}, {"id": 4, "page": 2}],
    "Bookmark": [{"id": 1, "folder": 1}, {"id": 2, "folder": 2}],
}


async def a_row_is_deleted(store: Store) -> None:
    """It is gone; the answer has its key and no body."""
    library = await works(store)
    answer = (await library.ask(delete("Job"), 2)).answer
    found = (answer.body, answer.version, answer.key, answer.changed, answer.created)
    same(found, (None, None, b"[2]", 1, False), "the answer")
    same(await library.rows("Job", "id"), [(1,), (3,), (4,)], "what is left")
    same(await library.refused(NotFound, delete("Job"), 2), {}, "once more")


async def the_first_reason_counts(store: Store) -> None:
    """No row, may not, another version, rows that refer to it: in this order."""
    library = await works(store)
    may = May(
        target=settled(library.column("Owner", "id"), "ne", 3),
        before=settled(library.column("Owner", "open"), "eq", True),
    )
    write = delete("Owner", versioned=True)
    for about, kind, values in (
        ("a missing row", NotFound, (9, 7)),
        ("a hidden row", NotFound, (3, 7)),
        ("one that may not go", Forbidden, (2, 7)),
        ("another version", Stale, (1, 7)),
    ):
        same(await library.refused(kind, write, *values, narrow=may), {}, about)
    wanted = {"/owner": Conflict.code}
    same(await library.refused(Conflict, write, 1, 1, narrow=may), wanted, "a row that is referred to")
    same(len(await library.rows("Owner", "id")), 3, "after the refusals")
    same((await library.ask(write, 3, 1)).answer.changed, 1, "with no reason against it")


async def a_referring_entity_is_named(store: Store) -> None:
    """The refusal says which rows stand in the way, by entity and field, and no value of theirs."""
    library = await works(store)
    try:
        await library.ask(delete("Owner"), 2)
    except Conflict as error:
        same([named in error.message for named in ("jobs", "owner")], [True, True], f"names in {error.message!r}")
        return
    same("deleted", "refused", "a row that is referred to")


async def rows_that_refer_go_too(store: Store) -> None:
    """To any depth and round in circles; those that only let go are emptied, their version raised by one."""
    library = await works(store)
    await _branches(library)
    same((await library.ask(delete("Branch"), 1)).answer.changed, 1, "rows that were asked for")
    same(await library.rows("Branch", "id", "twin"), [(5, None), (6, None), (7, 6)], "branches")
    same(await library.rows("Leaf", "id", "other"), [(2, None), (3, 6)], "leaves")
    same([await library.version("Branch", one) for one in (5, 6)], [2, 1], "versions of branches")
    same([await library.version("Leaf", one) for one in (2, 3)], [2, 1], "versions of leaves")


async def a_circle_goes_at_once(store: Store) -> None:
    """Rows that refer to each other, and one that refers to itself."""
    library = await works(store)
    await store.load("Branch", [{"id": 1, "parent": 2}, {"id": 2, "parent": 3}, {"id": 3, "parent": 1}])
    await store.load("Branch", [{"id": 4, "parent": 4, "twin": 4}, {"id": 5, "parent": 4, "twin": 4}])
    await library.ask(delete("Branch"), 2)
    same(await library.rows("Branch", "id"), [(4,), (5,)], "after the circle")
    await library.ask(delete("Branch"), 4)
    same(await library.rows("Branch", "id"), [], "after the one that refers to itself")


async def rows_that_refer_need_their_own_leave(store: Store) -> None:
    """One on the way that may not be deleted, however deep, and nothing is."""
    library = await works(store)
    await _branches(library)
    for about, follows in (
        ("leaves", {"Leaf": settled(library.column("Leaf", "rank"), "lt", 5)}),
        ("branches", {"Branch": settled(library.column("Branch", "rank"), "lt", 5)}),
    ):
        same(await library.refused(Forbidden, delete("Branch"), 1, narrow=May(follows=follows)), {}, about)
    same((len(await library.rows("Branch", "id")), len(await library.rows("Leaf", "id"))), (7, 4), "after the refusals")
    same(await library.version("Branch", 5), 1, "version of one that would have let go")
    await library.ask(delete("Branch"), 4, narrow=May(follows={"Leaf": TRUE}))


async def one_row_in_the_way_keeps_all(store: Store) -> None:
    """Also where it refers to a row that would only go with another."""
    library = await works(store)
    await _branches(library)
    await store.load("Nail", [{"id": 1, "leaf": 4}])
    same(await library.refused(Conflict, delete("Branch"), 1), {"/leaf": Conflict.code}, "a nail in a leaf, deep down")
    same((len(await library.rows("Branch", "id")), len(await library.rows("Leaf", "id"))), (7, 4), "after the refusal")
    same(await library.version("Branch", 5), 1, "version of one that would have let go")
    await library.ask(delete("Nail"), 1)
    await library.ask(delete("Branch"), 1)


async def a_row_that_would_go_too_stands_in_the_way(store: Store) -> None:
    """Where another Ref of it would keep what goes, whichever comes first: restrict goes before cascade, as in SQL."""
    library = await works(store)
    await _branches(library)
    for may in (None, May(follows={"Nail": settled(library.column("Nail", "id"), "lt", 100)})):
        for other in ("of", "from_"):
            await store.load("Nail", [{"id": 1, "branch": 1, other: 1}])
            about = f"a nail in a branch that it would go with by {other}"
            same(await library.refused(Conflict, delete("Branch"), 1, narrow=may), {"/branch": Conflict.code}, about)
            await library.ask(delete("Nail"), 1)


async def a_set_is_deleted(store: Store) -> None:
    """All rows that the filter finds, that may be read, and that the policy admits; only their number is answered."""
    library = await works(store)
    may = May(
        target=settled(library.column("Job", "id"), "ne", 1), before=settled(library.column("Job", "size"), "lt", 7)
    )
    write = Delete("Job", where=given("id", "lt"))
    answer = (await library.ask(write, 5, narrow=may)).answer
    same((answer.body, answer.key, answer.version, answer.changed), (None, None, None, 2), "the answer")
    same(await library.rows("Job", "id"), [(1,), (4,)], "what is left")
    same((await library.ask(write, 5, narrow=may)).answer.changed, 0, "once more")


async def a_set_is_deleted_or_not(store: Store) -> None:
    """One row that others refer to keeps all, and so do too many."""
    library = await works(store)
    write = Delete("Owner", where=given("id", "lt"))
    same(await library.refused(Conflict, write, 5), {"/owner": Conflict.code}, "owners, some with jobs")
    same(await library.refused(TooDear, write, 5, narrow=May(rows_max=2)), {}, "too many owners")
    same(len(await library.rows("Owner", "id")), 3, "after the refusals")
    await _branches(library)
    leaves = May(follows={"Leaf": settled(library.column("Leaf", "rank"), "lt", 5)})
    branches = Delete("Branch", where=given("id", "in"))
    same(await library.refused(Forbidden, branches, [6, 2], narrow=leaves), {}, "one with a leaf that may not go")
    same((await library.ask(branches, [2, 3, 6])).answer.changed, 3, "rows of which some go with others")
    same(await library.rows("Branch", "id", "twin"), [(1, 5), (5, None), (7, None)], "what is left")


async def rows_do_not_stand_in_their_own_way(store: Store) -> None:
    """A row that refers to itself may go, and so may rows that refer to each other, at once; for good, or by a mark."""
    library = await works(store)
    for entity, field in (("Owner", "boss"), ("Folder", "within")):
        await store.load(entity, [{"id": one, "name": "n", field: to} for one, to in ((11, 11), (12, 13), (13, 12))])
        same(await library.refused(Conflict, delete(entity), 12), {f"/{field}": Conflict.code}, f"one {entity} of two")
        await library.ask(delete(entity), 11)
        both = Delete(entity, where=given("id", "gt"))
        same((await library.ask(both, 11)).answer.changed, 2, f"both {entity}s")


async def a_deleted_row_is_marked(store: Store) -> None:
    """It stays, with the time of the call and a new version; as an engine sees it, it is a row like others."""
    library = await works(store)
    await _folders(library)
    live = May(target=_live(library))
    answer = (await library.ask(delete("Folder", versioned=True), 2, 1, narrow=live)).answer
    same((answer.body, answer.version, answer.key, answer.changed), (None, None, b"[2]", 1), "the answer")
    same(await library.rows("Folder", "id", "deleted_at"), [(1, None), (2, NOW.isoformat())], "what is kept")
    same(await library.version("Folder", 2), 2, "its version")
    same(await library.refused(NotFound, delete("Folder"), 2, narrow=live), {}, "once more")


async def what_follows_a_mark(store: Store) -> None:
    """What can be marked is marked, what cannot goes for good, what lets go is emptied."""
    library = await works(store)
    await _folders(library)
    await library.ask(delete("Folder"), 1, narrow=May(target=_live(library)))
    now, then = NOW.isoformat(), NOW.replace(year=2000).isoformat()
    same(await library.rows("Page", "id", "deleted_at"), [(1, now), (2, then), (3, None)], "pages")
    same([await library.version("Page", one) for one in (1, 2, 3)], [2, 1, 1], "versions of pages")
    same(await library.rows("Scrap", "id"), [(3,), (4,)], "scraps")
    same(await library.rows("Bookmark", "id", "folder"), [(1, None), (2, 2)], "bookmarks")


async def marked_rows_do_not_stand_in_the_way(store: Store) -> None:
    """A row that keeps another does so until it is marked itself."""
    library = await works(store)
    await _folders(library)
    await store.load("Lease", [{"id": 1, "folder": 1}])
    same(await library.refused(Conflict, delete("Folder"), 1), {"/folder": Conflict.code}, "a leased folder")
    same((await library.rows("Page", "deleted_at"))[0], (None,), "a page of it")
    await library.ask(delete("Lease"), 1)
    await library.ask(delete("Folder"), 1)
    same((await library.rows("Folder", "deleted_at"))[0], (NOW.isoformat(),), "once the lease is marked")


async def marks_need_leave_too(store: Store) -> None:
    """A page that may not be deleted keeps its folder; one that is marked already is not asked about."""
    library = await works(store)
    await _folders(library)
    page = library.column("Page", "id")
    refusing = May(follows={"Page": settled(page, "gt", 1)})
    same(await library.refused(Forbidden, delete("Folder"), 1, narrow=refusing), {}, "a page that may not go")
    same((await library.rows("Scrap", "id"))[0], (1,), "a scrap that would have gone")
    await library.ask(delete("Folder"), 1, narrow=May(follows={"Page": settled(page, "ne", 2)}))


async def a_set_is_marked(store: Store) -> None:
    """With all that follows, each row once."""
    library = await works(store)
    await _folders(library)
    answer = (await library.ask(Delete("Folder", where=given("name")), "f", narrow=May(target=_live(library)))).answer
    same((answer.body, answer.changed), (None, 2), "the answer")
    now, then = NOW.isoformat(), NOW.replace(year=2000).isoformat()
    same(await library.rows("Page", "deleted_at"), [(now,), (then,), (now,)], "pages")
    same([await library.version("Folder", one) for one in (1, 2)], [2, 2], "versions")
    same((await library.ask(Read("Scrap", limit=Slot(0)), 9)).column("id"), [4], "scraps")


async def _branches(library: Library) -> None:
    """Below 1: 2, 3 and 4, each under the one before; 5, 6 and 7 apart, some of them twins of those."""
    rows: list[dict[str, object]] = [
        {"id": 1, "twin": 5},
        {"id": 2, "parent": 1, "twin": 4},
        {"id": 3, "parent": 2, "rank": 7},
        {"id": 4, "parent": 3},
        {"id": 5, "twin": 3},
        {"id": 6},
        {"id": 7, "twin": 6},
    ]
    await library.store.load("Branch", rows)
    await library.store.load("Leaf", [
        {"id": 1, "branch": 2, "other": 5},
        {"id": 2, "branch": 6, "other": 4},
        {"id": 3, "branch": 6, "other": 6},
        {"id": 4, "branch": 4, "other": 3, "rank": 7},
    ])  # fmt: skip


async def _folders(library: Library) -> None:
    for entity, rows in _GIVEN.items():
        await library.store.load(entity, rows)


def _live(library: Library) -> Expression:
    """That the folder is not marked."""
    return IsNull(library.column("Folder", "deleted_at"))
