"""Checks of creating rows: what is stored and answered, who may, what they may refer to, many rows at once."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from msgspec import UNSET

from kingpost.errors import Conflict, Forbidden, Invalid
from kingpost.model.expressions import TRUE, Column, Compare, Constant, Expression, Through
from kingpost.model.types import BOOL
from kingpost.ports import Store
from kingpost.query.operations import Include, Read
from kingpost.query.stages import Rendering
from kingpost.store.conformance.allowing import May
from kingpost.store.conformance.asking import NOW, Library, create, create_many, order, same, settled, works
from kingpost.store.conformance.model import SAMPLES, WIDE_FIELDS

_FIT, _TAKEN = Invalid.code, Conflict.code
_IDS = [1, 2, 3, 4]


async def a_new_row_is_answered(store: Store) -> None:
    """As a read would answer it: defaults and computed fields filled in, private ones left out; with key and version."""
    library = await works(store)
    reply = await library.ask(create("Job", "id", "code"), 9, "z")
    wanted = {
        **{"id": 9, "code": "z", "size": 1, "low": 0, "high": 10, "owner": None, "helper": None, "price": None},
        **{"words": [], "double": 2},
    }
    same(reply.body, wanted, "the new row")
    answer = reply.answer
    same((answer.key, answer.version, answer.created, answer.changed), (b"[9]", 1, True, 1), "what is said of it")
    same((await library.rows("Job", "id"))[-1], (9,), "what is kept")


async def every_type_goes_in(store: Store) -> None:
    """Each type at its extremes, given natively and as it stands in JSON; and null."""
    library = await works(store)
    names = [name for name, field in library.entity("Sample").fields.items() if not field.computed and name != "id"]
    for number, (native, texts) in enumerate(SAMPLES):
        for turn, values in enumerate((native, texts)):
            key = 2 * number + turn
            given = [values.get(name) for name in names]
            reply = await library.ask(create("Sample", "id", *names), key, *given)
            for name in names:
                same(reply.body[name], texts.get(name), f"{name} of row {number} as it is answered")
            found = await library.ask(Read("Sample", fields=("id", *names), where=TRUE, sort=order("-id")))
            same(found.body[0], {"id": key, **{name: texts.get(name) for name in names}}, f"row {number} as it is kept")


async def digits_are_kept_as_declared(store: Store) -> None:
    """A Decimal with declared places has them all in the answer; what has more is refused."""
    library = await works(store)
    write = create("Job", "id", "code", "price")
    same((await library.ask(write, 9, "z", "1.5")).body["price"], "1.50", "a price of 1.5")
    same(await library.refused(Invalid, write, 10, "y", "1.005"), {"/price": _FIT}, "a price with three places")


async def keys_and_times_are_made(store: Store) -> None:
    """What nobody gives is made: a UUIDv7, the time of the call, who called."""
    library = await works(store)
    body = (await library.ask(create("Entry", "text"), "t")).body
    key = UUID(body.pop("id"))
    same(key.version, 7, "version of the key")
    now = NOW.isoformat()
    times = {**dict.fromkeys(("at", "created_at", "updated_at"), now), "created_by": "ada", "updated_by": "ada"}
    same(body, {"text": "t", "data": {}, **times}, "what was made")
    same((await library.ask(create("Entry", "text", "id"), "u", str(key.int and UUID(int=5)))).answer.key,
         b'["00000000-0000-0000-0000-000000000005"]', "a key that was given")  # fmt: skip


async def private_fields_go_in(store: Store) -> None:
    """A team's own code writes and sees them; others hear nothing of them, not even that they are there."""
    library = await works(store)
    write = create("Job", "id", "code", "hidden")
    same(await library.refused(Invalid, write, 9, "z", "s"), {"/hidden": "KP200"}, "a private field")
    own = replace(library, private=True)
    same((await own.ask(write, 9, "z", "s")).body["hidden"], "s", "written by the team's own code")
    same((await library.rows("Job", "hidden"))[-1], ("s",), "what is kept")


async def two_hundred_fields(store: Store) -> None:
    """An entity may have more fields than a function takes arguments; for one row and for many."""
    library = await works(store)
    names = tuple(library.entity("Wide").fields)
    reply = await library.ask(create("Wide", *names), *range(WIDE_FIELDS))
    same(reply.body, dict(zip(names, range(WIDE_FIELDS), strict=True)), "the wide row")
    columns = [[number, -number - 1] for number in range(1, WIDE_FIELDS + 1)]
    rows = (await library.ask(create_many("Wide", *names), 2, *columns)).body
    same([list(row.values()) for row in rows], [list(column) for column in zip(*columns, strict=True)], "wide rows")


async def words_of_the_protocol(store: Store) -> None:
    """The answer is in them, of any length, and the key is found all the same; what Python will make is left to it."""
    library = await works(store)
    words = Rendering(
        {"game": "t" * 79 + "1", "player": "t" * 79 + "2", "points": "q\"'%s é", "note": "n", "id": "key"}
    )
    reply = await library.ask(create("Score", "game", "player", "points"), "chess", 7, 3, rendering=words)
    wanted = {words.name("game"): "chess", words.name("player"): 7, words.name("points"): 3, "n": None}
    same((reply.body, reply.answer.key), (wanted, b'["chess",7]'), "a row in the protocol's words")
    owner = await library.ask(create("Owner", "id", "name"), 9, "Zoe", rendering=words)
    same(owner.body, {"key": 9, "name": "Zoe", "open": True, "boss": None, "~badge~name": "Zoe"}, "needs of Python")
    same((owner.answer.key, owner.plan.derived is not None), (b"[9]", True), "its key, and that Python has work")


async def includes_are_as_they_are_now(store: Store) -> None:
    """Related rows come with the new row, and it stands among those that a related row has."""
    library = await works(store)
    jobs = Include("jobs", Read("", fields=("id",), sort=order("id")))
    owner = Include("owner", Read("", fields=("name",), includes=(jobs,)))
    reply = await library.ask(create("Job", "id", "code", "owner", includes=(owner,)), 9, "z", 1)
    found = reply.body["owner"]
    same((found["name"], [one["id"] for one in found["jobs"]]), ("Ada", [1, 4, 9]), "its owner, and the owner's jobs")


async def what_may_not_be_read_is_not_answered(store: Store) -> None:
    """A caller may create a row that they may not read: then there is a key and a version, and no body."""
    library = await works(store)
    small = settled(library.column("Job", "size"), "lt", 5)
    write = create("Job", "id", "code", "size")
    answer = (await library.ask(write, 9, "z", 9, narrow=May(shown=small))).answer
    same((answer.body, answer.key, answer.version, answer.created), (None, b"[9]", 1, True), "the answer")
    same((await library.ask(write, 10, "y", 1, narrow=May(shown=small))).body["id"], 10, "one that may be read")


async def the_policy_is_asked_of_the_new_row(store: Store) -> None:
    """It must be true of the row as it will be stored, defaults and Refs followed; unknown is not true."""
    library = await works(store)
    small = settled(library.column("Job", "size"), "lt", 5)
    high = settled(library.column("Job", "high"), "lt", 50)
    write = create("Job", "id", "code", "size", "high", "owner")
    for about, admits, values in (
        ("too large", small, (9, "z", 5, 10, None)),
        ("a null compared", high, (9, "z", 1, None, None)),
        ("a closed owner", _open(library), (9, "z", 1, 10, 2)),
        ("no owner", _open(library), (9, "z", 1, 10, None)),
        ("a missing owner", _open(library), (9, "z", 1, 10, 99)),
    ):
        same(await library.refused(Forbidden, write, *values, narrow=May(admits=admits)), {}, about)
    same(await library.rows("Job", "id"), [(one,) for one in _IDS], "after the refusals")
    for number, admits in enumerate((small, high, _open(library))):
        narrow = May(admits=admits)
        await library.ask(write, 10 + number, f"z{number}", 1, 10, 1, narrow=narrow)
    same(len(await library.rows("Job", "id")), len(_IDS) + 3, "rows after those that may be")


async def refs_lead_to_rows_that_may_be_read(store: Store) -> None:
    """A hidden row and a missing one are refused alike, all Refs together; null refers to nothing."""
    library = await works(store)
    may = May(refers={"Owner": settled(library.column("Owner", "open"), "eq", True)})
    write = create("Job", "id", "code", "owner", "helper")
    both = {"/owner": _FIT, "/helper": _FIT}
    same(await library.refused(Invalid, write, 9, "z", 2, 99, narrow=may), both, "hidden, and missing")
    same(await library.refused(Invalid, write, 9, "z", 99, 1, narrow=may), {"/owner": _FIT}, "one missing")
    same(await library.refused(Invalid, write, 9, "z", 98, 99), both, "missing, where all may be read")
    same((await library.ask(write, 9, "z", 1, None, narrow=may)).body["owner"], 1, "one that may be read")
    messages = []
    for owner in (2, 99):
        try:
            await library.ask(write, 10, "y", owner, None, narrow=may)
        except Invalid as error:
            messages.append(error.details[0].message)
    same(messages[0], messages[1], "what is said of a hidden and of a missing row")


async def a_new_row_is_not_referred_to_yet(store: Store) -> None:
    """Neither by itself nor by others that are made with it."""
    library = await works(store)
    write = create("Branch", "id", "parent")
    same(await library.refused(Invalid, write, 1, 1), {"/parent": _FIT}, "a row that refers to itself")
    many = create_many("Branch", "id", "parent")
    same(await library.refused(Invalid, many, 2, [1, 2], [None, 1]), {"/1/parent": _FIT}, "to one made with it")
    same(await library.rows("Branch", "id"), [], "what was made")


async def keys_are_taken_once(store: Store) -> None:
    """A key, unique fields, and fields that are unique under a condition; nulls differ from each other."""
    library = await works(store)
    write = create("Job", "id", "code", "size", "low", "owner")
    for about, values, wanted in (
        ("the key", (1, "z", 1, 0, None), {"/id": _TAKEN}),
        ("a unique field", (9, "a", 1, 0, None), {"/code": _TAKEN}),
        ("unique fields together", (9, "z", 6, 4, 1), {"/owner": _TAKEN, "/low": _TAKEN}),
    ):
        same(await library.refused(Conflict, write, *values), wanted, about)
    for values in ((9, "z", 5, 4, 1), (10, "y", 6, 4, None), (11, "x", 6, 4, None), (12, "w", 6, 4, 3)):
        await library.ask(write, *values)
    same(len(await library.rows("Job", "id")), len(_IDS) + 4, "rows that are no one else's")
    score = create("Score", "game", "player")
    wanted = {"/game": _TAKEN, "/player": _TAKEN}
    same(await library.refused(Conflict, score, "go", 1), wanted, "a key of two fields")


async def checks_hold(store: Store) -> None:
    """A broken check is told at its first field; an unknown one is not broken. A field's own constraint is its own."""
    library = await works(store)
    write = create("Job", "id", "code", "low", "high")
    same(await library.refused(Invalid, write, 9, "z", 5, 4), {"/low": _FIT}, "low above high")
    await library.ask(write, 9, "z", 5, None)
    sized = create("Job", "id", "code", "size")
    wanted = {"/code": _FIT, "/size": _FIT}
    same(await library.refused(Invalid, sized, 10, "", -1), wanted, "two fields' constraints")
    wanted = {"/id": "KP201", "/code": "KP201", "/size": "KP201"}
    same(await library.refused(Invalid, sized, "x", 5, None), wanted, "other types")


async def the_first_reason_counts(store: Store) -> None:
    """The policy before Refs, Refs before keys that are taken; nothing is written."""
    library = await works(store)
    write = create("Job", "id", "code", "owner", "size")
    may = May(admits=settled(library.column("Job", "size"), "lt", 5))
    values = (1, "a", 99)
    same(await library.refused(Forbidden, write, *values, 9, narrow=may), {}, "the policy")
    same(await library.refused(Invalid, write, *values, 1, narrow=may), {"/owner": _FIT}, "a Ref")
    same(await library.refused(Conflict, write, 1, "z", 1, 1, narrow=may), {"/id": _TAKEN}, "a key")
    same(len(await library.rows("Job", "id")), len(_IDS), "rows")


async def many_rows_in_order(store: Store) -> None:
    """Answered as they were given; what a row leaves out is its default, what it says is null is null."""
    library = await works(store)
    write = create_many("Job", "id", "code", "high", "words")
    columns = ([9, 7, 8], ["z", "y", "x"], [UNSET, None, 3], [["a,b", "é"], UNSET, []])
    reply = await library.ask(write, 3, *columns)
    found = [(row["id"], row["code"], row["high"], row["words"]) for row in reply.body]
    same(found, [(9, "z", 10, ["a,b", "é"]), (7, "y", None, []), (8, "x", 3, [])], "the rows")
    answer = reply.answer
    same((answer.key, answer.version, answer.created, answer.changed), (None, None, True, 3), "what is said of them")
    made = await library.ask(create_many("Entry", "text"), 2, ["a", "b"])
    same(len({row["id"] for row in made.body}), 2, "keys that were made")


async def many_rows_of_every_type(store: Store) -> None:
    """Columns of every type, nulls and gaps among them."""
    library = await works(store)
    names = [name for name, field in library.entity("Sample").fields.items() if not field.computed and name != "id"]
    columns = [[native.get(name, UNSET) for native, _ in SAMPLES] for name in names]
    keys = list(range(len(SAMPLES)))
    reply = await library.ask(create_many("Sample", "id", *names), len(keys), keys, *columns)
    for number, (_, texts) in enumerate(SAMPLES):
        for name in names:
            same(reply.body[number][name], texts.get(name), f"{name} of row {number}")


async def many_rows_or_none(store: Store) -> None:
    """One that may not be, refers to nothing or has a key that is taken refuses all; faults are told by row and field."""
    library = await works(store)
    write = create_many("Job", "id", "code", "size", "owner")
    small = settled(library.column("Job", "size"), "lt", 5)
    ids, codes, ones, none = [7, 8, 9], ["x", "y", "z"], [1, 1, 1], [None, None, None]
    for about, kind, values, wanted in (
        ("values", Invalid, (ids, ["x", "", "z"], [1, 1, -1], none), {"/1/code": _FIT, "/2/size": _FIT}),
        ("the policy", Forbidden, (ids, codes, [1, 1, 9], none), {}),
        ("Refs", Invalid, (ids, codes, ones, [99, 1, 98]), {"/0/owner": _FIT, "/2/owner": _FIT}),
        ("a key that is taken", Conflict, ([7, 8, 1], codes, ones, none), {"/id": _TAKEN}),
        ("a key that is given twice", Conflict, ([7, 8, 7], codes, ones, none), {"/id": _TAKEN}),
        ("a unique field", Conflict, (ids, ["x", "y", "x"], ones, none), {"/code": _TAKEN}),
    ):
        found = await library.refused(kind, write, 3, *values, narrow=May(admits=small))
        same(found, wanted, f"many rows: {about}")
    same(await library.rows("Job", "id"), [(one,) for one in _IDS], "after the refusals")
    shown = (await library.ask(write, 2, [8, 9], ["y", "z"], [4, 6], [1, None], narrow=May(shown=small))).body
    same([None if row is None else row["id"] for row in shown], [8, None], "rows of which one may not be read")


def _open(library: Library) -> Expression:
    """That the job's owner is open."""
    owner = library.entity("Job").relations["owner"]
    return Compare("eq", Through(owner, Column(library.entity("Owner").fields["open"])), Constant(True, BOOL))
