"""Checks of putting a row at a key: a new one, or in place of the one there."""

from __future__ import annotations

from dataclasses import replace

from kingpost.errors import Conflict, Forbidden, Invalid, Stale
from kingpost.model.expressions import IsNull, Not, Slot
from kingpost.ports import Store
from kingpost.query.operations import Include, Read, Upsert
from kingpost.store.conformance.allowing import May
from kingpost.store.conformance.asking import NOW, order, puts, same, settled, works

_FIT, _TAKEN = Invalid.code, Conflict.code
_KEY = (Slot(0), Slot(1))
_JOB = Upsert("Job", puts("code", "size", "owner", at=1), (Slot(0),), Read("Job"))
_NEW_JOB = replace(_JOB, new_only=True)
_JOB_AT = replace(_JOB, version=Slot(4))


async def a_row_that_is_not_there_is_created(store: Store) -> None:
    """With its defaults; the answer says so."""
    library = await works(store)
    for write, key in ((_JOB, 8), (_NEW_JOB, 9)):
        reply = await library.ask(write, key, f"z{key}", 2, None)
        found = {name: reply.body[name] for name in ("id", "code", "size", "high", "words")}
        same(found, {"id": key, "code": f"z{key}", "size": 2, "high": 10, "words": []}, "the new row")
        answer = reply.answer
        same((answer.version, answer.created, answer.changed), (1, True, 1), "what is said of it")
        same(answer.key, b"[%d]" % key, "its key")


async def a_row_that_is_there_is_replaced(store: Store) -> None:
    """What is not given becomes its default; the key and private fields stay as they are."""
    library = await works(store)
    put = Upsert("Score", puts("points", at=2), _KEY, Read("Score"))
    reply = await library.ask(put, "go", 1, 7)
    same(reply.body, {"game": "go", "player": 1, "points": 7, "note": None}, "the row that was put")
    answer = reply.answer
    found = (answer.key, answer.version, answer.created, answer.changed)
    same(found, (b'["go",1]', 2, False, 1), "what is said of it")
    same(await library.rows("Score", "points", "note", "hidden"), [(7, None, "h")], "what is kept")
    same((await library.ask(put, "go", 2, 1)).answer.created, True, "a key of which one part is another")


async def a_key_in_the_body_is_that_of_the_path(store: Store) -> None:
    """It may be said again, but not otherwise."""
    library = await works(store)
    put = Upsert("Score", puts("player", "points", at=2), _KEY, Read("Score"))
    same((await library.ask(put, "go", 1, 1, 6)).body["points"], 6, "the same key again")
    same(await library.refused(Invalid, put, "go", 1, 2, 7), {"/player": _FIT}, "another key")


async def stamps_tell_creation_from_change(store: Store) -> None:
    """Who created a row stays, and when; who changed it is the caller."""
    library = await works(store)
    key = "00000000-0000-0000-0000-000000000001"
    long_ago = NOW.replace(year=2000)
    await store.load("Entry", [{"id": key, "text": "t", "created_at": long_ago, "created_by": "eve"}])
    body = (await library.ask(Upsert("Entry", puts("text", at=1), (Slot(0),), Read("Entry")), key, "u")).body
    same((body["created_at"], body["created_by"]), (long_ago.isoformat(), "eve"), "its creation")
    same((body["updated_at"], body["updated_by"], body["text"]), (NOW.isoformat(), "ada", "u"), "its change")


async def the_first_reason_counts(store: Store) -> None:
    """Of a row that is there, as for a change; of a new one, as for a creation."""
    library = await works(store)
    may = May(
        before=settled(library.column("Job", "id"), "ne", 4),
        after=settled(library.column("Job", "size"), "lt", 5),
        admits=settled(library.column("Job", "size"), "lt", 3),
    )
    for about, kind, write, values, wanted in (
        ("one that may not be changed", Forbidden, _JOB_AT, (4, "a", 9, 99, 7), {}),
        ("another version", Stale, _JOB_AT, (2, "a", 9, 99, 7), {}),
        ("as it may not be", Forbidden, _JOB, (2, "a", 9, 99), {}),
        ("a missing Ref", Invalid, _JOB, (2, "a", 4, 99), {"/owner": _FIT}),
        ("a key that is taken", Conflict, _JOB, (2, "a", 4, 1), {"/code": _TAKEN}),
        ("a new one as it may not be", Forbidden, _JOB, (9, "a", 4, 99), {}),
        ("a new one with a missing Ref", Invalid, _JOB, (9, "a", 1, 99), {"/owner": _FIT}),
        ("a new one with a key that is taken", Conflict, _JOB, (9, "a", 1, 1), {"/code": _TAKEN}),
    ):
        same(await library.refused(kind, write, *values, narrow=may), wanted, about)
    found = await library.rows("Job", "id", "code")
    same(found, [(1, "a"), (2, "b"), (3, "c"), (4, "d")], "after the refusals")
    same((await library.ask(_JOB, 2, "z", 4, 1, narrow=may)).answer.created, False, "a change that may be")
    same((await library.ask(_JOB, 9, "y", 2, 1, narrow=may)).answer.created, True, "a creation that may be")


async def what_the_caller_supposes_has_to_be_so(store: Store) -> None:
    """A version supposes a row, `new_only` none; else nothing is written."""
    library = await works(store)
    same(await library.refused(Stale, _JOB_AT, 9, "z", 1, None, 1), {}, "a version of no row")
    same(await library.refused(Stale, _JOB_AT, 1, "a", 1, None, 2), {}, "another version")
    same((await library.ask(_JOB_AT, 1, "a", 1, None, 1)).answer.version, 2, "its version")
    same(await library.refused(Stale, _NEW_JOB, 1, "a", 1, None), {}, "a row that should not be there")
    same(await library.rows("Job", "id"), [(1,), (2,), (3,), (4,)], "after the refusals")


async def a_hidden_row_holds_its_key(store: Store) -> None:
    """Neither changed nor seen: its key is taken, whatever it is; so is that of a row that is marked as deleted."""
    library = await works(store)
    may = May(target=settled(library.column("Job", "id"), "ne", 3))
    wanted = {"/id": _TAKEN}
    for write in (_JOB, _NEW_JOB):
        same(await library.refused(Conflict, write, 3, "z", 1, None, narrow=may), wanted, "a hidden row's key")
    same(await library.refused(Stale, _JOB_AT, 3, "z", 1, None, 1, narrow=may), {}, "a version of a hidden row")
    await store.load("Folder", [{"id": 1, "name": "f", "deleted_at": NOW}])
    live = May(target=IsNull(library.column("Folder", "deleted_at")))
    put = Upsert("Folder", puts("name", at=1), (Slot(0),), Read("Folder"))
    same(await library.refused(Conflict, put, 1, "g", narrow=live), wanted, "a marked row's key")
    gone = May(target=Not(IsNull(library.column("Folder", "deleted_at"))))
    same((await library.ask(put, 1, "g", narrow=gone)).answer.created, False, "one that may be read")
    same(await library.rows("Folder", "name", "deleted_at"), [("g", NOW.isoformat())], "its mark stays")


async def what_is_put_is_answered_as_it_is_now(store: Store) -> None:
    """With its includes; and without a body where it may not be read any more."""
    library = await works(store)
    children = Include("children", Read("", fields=("id",), sort=order("id")))
    parent = Include("parent", Read("", fields=("rank",)))
    put = Upsert("Branch", puts("parent", "rank", at=1), (Slot(0),), Read("Branch", includes=(parent, children)))
    same((await library.ask(put, 1, None, 3)).body["children"], [], "children of a new row")
    body = (await library.ask(put, 1, 1, 4)).body
    same((body["parent"], body["children"]), ({"rank": 4}, [{"id": 1}]), "the row as its own parent")
    below = (await library.ask(put, 2, 1, 0)).body
    same((below["parent"], below["children"]), ({"rank": 4}, []), "a new row below it")
    small = May(shown=settled(library.column("Branch", "rank"), "lt", 5))
    answer = (await library.ask(put, 3, 1, 9, narrow=small)).answer
    same((answer.body, answer.key, answer.version, answer.created), (None, b"[3]", 1, True), "a new row, unreadable")
    answer = (await library.ask(put, 1, 1, 9, narrow=small)).answer
    same((answer.body, answer.key, answer.version, answer.created), (None, b"[1]", 3, False), "an old one, unreadable")
