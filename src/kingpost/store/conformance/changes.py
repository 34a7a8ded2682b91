"""Checks of changing stored rows: one by its key or a set, judged before and after, in a fixed order of reasons."""

from __future__ import annotations

from dataclasses import replace

from kingpost.errors import Conflict, Forbidden, Invalid, NotFound, Stale, TooDear
from kingpost.model.expressions import TRUE, Column, Compare, Constant, Expression, IsNull, Not, Slot, Through
from kingpost.model.types import BOOL, INT
from kingpost.ports import Store
from kingpost.query.operations import Hold, Include, Read, Update
from kingpost.store.conformance.allowing import May
from kingpost.store.conformance.asking import (
    NOW,
    Library,
    given,
    order,
    puts,
    same,
    settled,
    update,
    works,
)
from kingpost.store.conformance.model import SAMPLES

_FIT, _TAKEN = Invalid.code, Conflict.code
_CODES = [("a",), ("b",), ("c",), ("d",)]
_HOLD = Hold("Job", (Slot(0),), TRUE, Read("Job"), version=Slot(1))


async def a_changed_row_is_answered(store: Store) -> None:
    """As it is now, its version raised by one; what was not named stays, private fields too."""
    library = await works(store)
    reply = await library.ask(update("Job", "size", "words"), 1, 4, ["x"])
    found = {name: reply.body[name] for name in ("id", "code", "size", "words", "owner", "double")}
    same(found, {"id": 1, "code": "a", "size": 4, "words": ["x"], "owner": 1, "double": 8}, "the changed row")
    answer = reply.answer
    same((answer.key, answer.version, answer.created, answer.changed), (b"[1]", 2, False, 1), "what is said of it")
    same((await library.rows("Job", "size", "hidden"))[0], (4, "h1"), "what is kept")
    same((await library.ask(update("Job", "size"), 1, 4)).answer.version, 3, "version after the same change again")
    same(await library.version("Job", 2), 1, "version of another row")


async def every_type_is_put_in(store: Store) -> None:
    """Each type at its extremes, in place of null, and null in its place."""
    library = await works(store)
    names = [name for name, field in library.entity("Sample").fields.items() if not field.computed and name != "id"]
    await store.load("Sample", [{"id": number} for number in range(len(SAMPLES))])
    write = update("Sample", *names)
    for number, (native, texts) in enumerate(SAMPLES):
        reply = await library.ask(write, number, *(native.get(name) for name in names))
        for name in names:
            same(reply.body[name], texts.get(name), f"{name} of row {number}")
        reply = await library.ask(write, number, *(None for _ in names))
        same({reply.body[name] for name in names}, {None}, f"row {number}, emptied")


async def private_fields_are_put_in(store: Store) -> None:
    """By the team's own code alone."""
    library = await works(store)
    same(await library.refused(Invalid, update("Job", "hidden"), 1, "s"), {"/hidden": "KP200"}, "a private field")
    own = replace(library, private=True)
    same((await own.ask(update("Job", "hidden"), 1, "s")).body["hidden"], "s", "by the team's own code")


async def keys_never_change(store: Store) -> None:
    """Nor does what is computed."""
    library = await works(store)
    wanted = {"/id": _FIT, "/double": _FIT}
    same(await library.refused(Invalid, update("Job", "id", "double"), 1, 9, 2), wanted, "a key, a computed field")


async def the_service_stamps_rows(store: Store) -> None:
    """When a row was changed, and by whom: never by hand."""
    library = await works(store)
    await store.load("Entry", [{"id": f"00000000-0000-0000-0000-00000000000{one}", "text": "t"} for one in (1, 2)])
    key = "00000000-0000-0000-0000-000000000001"
    body = (await library.ask(update("Entry", "text"), key, "u")).body
    same((body["updated_at"], body["updated_by"], body["created_by"]), (NOW.isoformat(), "ada", None), "the stamps")
    write = update("Entry", "updated_by")
    same(await library.refused(Invalid, write, key, "eve"), {"/updated_by": _FIT}, "a stamp by hand")


async def the_first_reason_counts(store: Store) -> None:
    """No row, may not, another version, may not be so, Refs and checks, keys that are taken: in this order."""
    library = await works(store)
    size, low = library.column("Job", "size"), library.column("Job", "low")
    strict = May(
        target=settled(library.column("Job", "id"), "lt", 4),
        before=settled(size, "lt", 3),
        after=settled(low, "lt", 5),
    )
    write = update("Job", "low", "code", "owner", versioned=True)
    for about, kind, values, wanted in (
        ("a missing row", NotFound, (9, 7, "a", 99, 7), {}),
        ("a hidden row", NotFound, (4, 7, "a", 99, 7), {}),
        ("a row that may not be changed", Forbidden, (3, 7, "a", 99, 7), {}),
        ("another version", Stale, (2, 7, "a", 99, 7), {}),
        ("as it may not be", Forbidden, (2, 7, "a", 99, 1), {}),
        ("a missing Ref", Invalid, (2, 4, "a", 99, 1), {"/owner": _FIT}),
        ("a key that is taken", Conflict, (2, 4, "a", 1, 1), {"/code": _TAKEN}),
    ):
        same(await library.refused(kind, write, *values, narrow=strict), wanted, about)
    same(await library.rows("Job", "code"), _CODES, "after the refusals")
    same((await library.ask(write, 2, 4, "z", 1, 1, narrow=strict)).answer.version, 2, "with no reason against it")
    check = await library.refused(Invalid, update("Job", "low"), 1, 11)
    same(check, {"/low": _FIT}, "a broken check")


async def unknown_is_not_leave(store: Store) -> None:
    """A policy that compares with null admits neither before nor after."""
    library = await works(store)
    high = settled(library.column("Job", "high"), "lt", 50)
    write = update("Job", "high")
    same(await library.refused(Forbidden, write, 3, 1, narrow=May(before=high)), {}, "unknown before")
    same(await library.refused(Forbidden, write, 1, None, narrow=May(after=high)), {}, "unknown after")
    same(await library.refused(NotFound, write, 3, 1, narrow=May(target=high)), {}, "unknown to be read")
    await library.ask(write, 3, 1, narrow=May(after=high))
    await library.ask(write, 3, None, narrow=May(before=high))


async def the_policy_follows_refs(store: Store) -> None:
    """Before, those that the row has; after, those that it is given; its own kind as it is then."""
    library = await works(store)
    write = update("Job", "owner")
    policy = _open(library)
    same(await library.refused(Forbidden, write, 2, 1, narrow=May(before=policy, after=policy)), {}, "closed before")
    same(await library.refused(Forbidden, write, 1, 2, narrow=May(before=policy, after=policy)), {}, "closed after")
    same(await library.refused(Forbidden, write, 1, None, narrow=May(before=policy, after=policy)), {}, "none after")
    same((await library.ask(write, 1, 3, narrow=May(before=policy, after=policy))).body["owner"], 3, "open to open")
    await store.load("Branch", [{"id": 1, "parent": None, "rank": 1}, {"id": 2, "parent": 1, "rank": 2}])
    below = _parent_below(library, 5)
    await library.ask(update("Branch", "parent"), 1, 1, narrow=May(after=below))
    ranked = update("Branch", "rank")
    same(await library.refused(Forbidden, ranked, 1, 7, narrow=May(after=below)), {}, "the row as its own parent")
    same(await library.rows("Branch", "rank"), [(1,), (2,)], "ranks")
    await library.ask(ranked, 1, 4, narrow=May(after=below))


async def refs_lead_to_rows_that_may_be_read(store: Store) -> None:
    """Only those that are written are asked about: what a row refers to already may be hidden."""
    library = await works(store)
    may = May(refers={"Owner": settled(library.column("Owner", "open"), "eq", True)})
    wanted = {"/owner": _FIT, "/helper": _FIT}
    write = update("Job", "owner", "helper")
    same(await library.refused(Invalid, write, 1, 2, 99, narrow=may), wanted, "hidden, and missing")
    same((await library.ask(update("Job", "size"), 2, 5, narrow=may)).body["owner"], 2, "one that is not written")
    same((await library.ask(write, 2, None, 1, narrow=may)).body["helper"], 1, "null, and one that may be read")


async def what_may_not_be_read_is_not_answered(store: Store) -> None:
    """A row may be changed so that its writer cannot read it any more."""
    library = await works(store)
    small = settled(library.column("Job", "size"), "lt", 5)
    may = May(target=small, shown=small)
    answer = (await library.ask(update("Job", "size"), 1, 9, narrow=may)).answer
    same((answer.body, answer.key, answer.version, answer.changed), (None, b"[1]", 2, 1), "the answer")
    same(await library.refused(NotFound, update("Job", "size"), 1, 1, narrow=may), {}, "the next change")


async def includes_are_as_they_are_now(store: Store) -> None:
    """Also where they are rows of the same kind, the changed one among them."""
    library = await works(store)
    await store.load("Branch", [{"id": 1}, {"id": 2, "parent": 1}, {"id": 3, "parent": 2}])
    children = Include("children", Read("", fields=("id", "rank"), sort=order("id")))
    parent = Include("parent", Read("", fields=("id", "rank"), includes=(children,)))
    write = Update(
        "Branch", puts("parent", "rank", at=1), (Slot(0),), shown=Read("Branch", includes=(parent, children))
    )
    body = (await library.ask(write, 2, 2, 7)).body
    same((body["parent"]["id"], body["parent"]["rank"]), (2, 7), "itself as its parent")
    own = [{"id": 2, "rank": 7}, {"id": 3, "rank": 0}]
    same((body["children"], body["parent"]["children"]), (own, own), "itself among its children")


async def nothing_put_in_changes_nothing(store: Store) -> None:
    """The version stays; whether the row is there, may be changed and has the version is asked all the same."""
    library = await works(store)
    small = settled(library.column("Job", "size"), "lt", 3)
    for write in (update("Job", versioned=True), _HOLD):
        name = type(write).__name__
        answer = (await library.ask(write, 1, 1)).answer
        same((answer.version, answer.key, answer.created, answer.changed), (1, b"[1]", False, 1), f"empty {name}")
        same((await library.ask(write, 1, 1)).body["code"], "a", f"the row, {name}")
        same(await library.refused(NotFound, write, 9, 1), {}, f"no row, {name}")
        same(await library.refused(Stale, write, 1, 2), {}, f"another version, {name}")
        same(await library.refused(Forbidden, write, 4, 2, narrow=May(before=small)), {}, f"may not, {name}")
    same(await library.version("Job", 1), 1, "its version")


async def a_set_is_changed(store: Store) -> None:
    """All rows that the filter finds, that may be read, and that the policy admits; only their number is answered."""
    library = await works(store)
    narrow = May(
        target=settled(library.column("Job", "id"), "ne", 1), before=settled(library.column("Job", "size"), "lt", 7)
    )
    write = Update("Job", puts("low", at=1), where=given("id", "lt"))
    answer = (await library.ask(write, 5, 3, narrow=narrow)).answer
    found = (answer.body, answer.key, answer.version, answer.changed, answer.created)
    same(found, (None, None, None, 2, False), "the answer")
    same(await library.rows("Job", "low"), [(0,), (3,), (3,), (4,)], "what is kept")
    same([await library.version("Job", one) for one in (1, 2, 3, 4)], [1, 2, 2, 1], "versions")
    same((await library.ask(write, 1, 3)).answer.changed, 0, "where nothing is found")
    empty = Update("Job", (), where=given("id", "lt"))
    same((await library.ask(empty, 3)).answer.changed, 2, "where nothing is put in")
    same([await library.version("Job", one) for one in (1, 2)], [1, 2], "versions where nothing is put in")


async def a_set_goes_through_refs(store: Store) -> None:
    """What a filter says of other rows is true of them before the change."""
    library = await works(store)
    write = Update("Job", puts("owner", "size", at=1), where=given("owner.name"))
    same((await library.ask(write, "Ada", 3, 0)).answer.changed, 2, "jobs of Ada's")
    same(await library.rows("Job", "owner"), [(3,), (2,), (None,), (3,)], "owners")
    await store.load("Branch", [{"id": 1, "rank": 1}, {"id": 2, "parent": 1}, {"id": 3, "parent": 2}])
    ranked = Update("Branch", puts("rank", at=1), where=given("parent.rank", "lt"))
    same((await library.ask(ranked, 1, 1)).answer.changed, 1, "branches below those of rank 0")
    same(await library.rows("Branch", "rank"), [(1,), (0,), (1,)], "ranks")


async def a_set_is_changed_or_not(store: Store) -> None:
    """One row that may not be so, refers to nothing or takes a key refuses all; and so do too many."""
    library = await works(store)
    owned = Not(IsNull(library.column("Job", "owner")))
    where = given("id", "lt")
    low = Update("Job", puts("low", at=1), where=where)
    for about, kind, write, value, may, wanted in (
        ("may not be so", Forbidden, low, 1, May(after=owned), {}),
        ("refers to nothing", Invalid, Update("Job", puts("owner", at=1), where=where), 99, May(), {"/owner": _FIT}),
        ("breaks a check", Invalid, low, 11, May(), {"/low": _FIT}),
        ("takes a key", Conflict, Update("Job", puts("code", at=1), where=where), "z", May(), {"/code": _TAKEN}),
        ("are too many", TooDear, low, 1, May(rows_max=3), {}),
    ):
        same(await library.refused(kind, write, 5, value, narrow=may), wanted, f"rows that {about}")
    same(await library.rows("Job", "code", "low"), [("a", 0), ("b", 0), ("c", 0), ("d", 4)], "after the refusals")
    same((await library.ask(low, 4, 1, narrow=May(rows_max=3))).answer.changed, 3, "as many as are allowed")


def _open(library: Library) -> Expression:
    """That the job's owner is open."""
    owner = library.entity("Job").relations["owner"]
    return Compare("eq", Through(owner, Column(library.entity("Owner").fields["open"])), Constant(True, BOOL))


def _parent_below(library: Library, value: int) -> Expression:
    """That the branch's parent has a rank below it."""
    parent = library.entity("Branch").relations["parent"]
    rank = Through(parent, Column(library.entity("Branch").fields["rank"]))
    return Compare("lt", rank, Constant(value, INT))
