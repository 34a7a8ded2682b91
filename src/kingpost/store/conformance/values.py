"""Checks that values come back as they were given: every type, its extremes, names of any length, JSON forms."""

from __future__ import annotations

from kingpost.errors import CallerError
from kingpost.model.expressions import Slot
from kingpost.ports import Store
from kingpost.query.operations import Include, Read
from kingpost.query.stages import Rendering
from kingpost.store.conformance.asking import empty, given, order, same, samples, shelves
from kingpost.store.conformance.model import SAMPLES, WIDE_FIELDS


async def every_type_comes_back(store: Store) -> None:
    """Each value of each type, at its extremes, reads in JSON as promised; what was not given is null."""
    library = await samples(store)
    stored = tuple(name for name, field in library.entity("Sample").fields.items() if not field.computed)
    reply = await library.ask(Read("Sample", fields=stored, sort=order("id"), limit=Slot(0)), 100)
    for number, (_, wanted) in enumerate(SAMPLES):
        full = {**dict.fromkeys(stored), "id": number, **wanted}
        for name in stored:
            same(reply.body[number][name], full[name], f"{name} of row {number}")


async def every_type_is_found_again(store: Store) -> None:
    """Each stored value equals itself, given natively and as it stands in JSON."""
    library = await samples(store)
    for number, (natives, texts) in enumerate(SAMPLES):
        for name in natives:
            for value in (natives[name], texts[name]):
                if name in ("words", "numbers", "data"):
                    continue  # whole arrays and documents are compared by other checks
                found = await library.matching("Sample", given(name), value)
                same(number in found, True, f"{name} = {value!r} finds row {number}")


async def fields_stand_in_order(store: Store) -> None:
    """An object's fields stand in the order in which they were asked for."""
    library = await shelves(store)
    reply = await library.ask(Read("Book", fields=("title", "id", "author", "rank"), limit=Slot(0)), 1)
    same(list(reply.body[0]), ["title", "id", "author", "rank"], "order of fields")


async def two_hundred_fields(store: Store) -> None:
    """An entity may have more fields than a function takes arguments."""
    library = await empty(store)
    row = {"id": 1, **{f"field_{number}": number for number in range(WIDE_FIELDS - 1)}}
    await store.load("Wide", [row])
    reply = await library.ask(Read("Wide", limit=Slot(0)), 10)
    same(reply.body, [row], "the wide row")
    one = await library.ask(Read("Wide", key=(Slot(0),)), 1)
    same(one.body, row, "the wide row by its key")


async def names_of_any_length(store: Store) -> None:
    """The protocol's words may be longer than a database's identifiers, hold quotes, and differ only at their ends."""
    library = await shelves(store)
    names = {
        "title": "t" * 79 + "1",
        "rank": "t" * 79 + "2",
        "id": "q\"'%s é",
        "author": "writerOf",
        "books": "itsBooks",
    }
    names["books_next"] = "itsBooksAfter"
    read = Read("Book", fields=("id", "title", "rank"), sort=order("id"), limit=Slot(0))
    reply = await library.ask(read, 1, rendering=Rendering(names))
    same(reply.body, [{names["id"]: 1, names["title"]: "one", names["rank"]: 2}], "renamed fields")
    nested = Read("Author", fields=("id",), key=(Slot(0),), includes=(Include("books", Read("", fields=("id",))),))
    reply = await library.ask(nested, 3, rendering=Rendering(names))
    wanted = {names["id"]: 3, "itsBooks": [{names["id"]: 5}], "itsBooksAfter": None}
    same(reply.body, wanted, "renamed relation and cursor")


async def needs_of_python_fields(store: Store) -> None:
    """What Python will make a field of stands in the field's place, under reserved names, whatever the rendering."""
    library = await shelves(store)
    read = Read("Author", key=(Slot(0),), fields=("badge", "id"))
    reply = await library.ask(read, 1, rendering=Rendering({"badge": "label", "name": "n", "id": "key"}))
    same(reply.body, {"~badge~name": "Ada", "~badge~id": 1, "key": 1}, "needs")
    same(reply.plan.derived is not None, True, "the plan says that Python has work")
    nested = Read("Book", key=(Slot(0),), fields=("id",), includes=(Include("author", Read("", fields=("badge",))),))
    reply = await library.ask(nested, 3)
    same(reply.body, {"id": 3, "author": {"~badge~name": "bob", "~badge~id": 2}}, "needs in an included row")


async def computed_fields_are_total(store: Store) -> None:
    """Overflow, division by zero and nulls make null, and never an error."""
    library = await samples(store)
    await store.load("Sample", [{"id": 10, "number": 0, "real": 2.5, "price": 7}, {"id": 11, "number": 3, "price": 7}])
    read = Read("Sample", fields=("id", "sum", "double", "product", "ratio"), sort=order("id"), limit=Slot(0))
    reply = await library.ask(read, 100)
    same(reply.column("id"), [0, 1, 2, 3, 10, 11], "rows")
    same(reply.column("sum"), [None, -(2**63) + 1, None, None, 1, 4], "int64 sums")
    same(reply.column("double"), [None, 1e-323, None, None, 5, None], "sums of floats")
    same(reply.column("product"), [None, 0, None, None, 6.25, None], "products of floats")
    same(reply.column("ratio")[2:], [None, None, None, "2.3333333333333333"], "quotients of decimals")


async def values_of_other_types_are_refused(store: Store) -> None:
    """A value that does not fit is the caller's error, known before any row is read."""
    library = await samples(store)
    for name, value in (("number", "x"), ("number", 2**63), ("real", "nan"), ("day", "2013-02-30"), ("text", "\0")):
        try:
            await library.matching("Sample", given(name), value)
        except CallerError:
            continue
        same("accepted", "refused", f"{name} = {value!r}")
