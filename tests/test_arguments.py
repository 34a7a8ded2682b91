"""The arguments of a call become native values, or all that is wrong with them is told at once, by JSON pointer."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest

from examples.flights.model import Airline, Airport, Flight, Plane
from kingpost import App, Context, Key, New, Policy, Private, Response, Table, anyone, role, this
from kingpost.api.own_routes import reader
from kingpost.constraints import Ge, Gt, MaxLen, MinLen, Pattern
from kingpost.errors import Invalid, Mistyped
from kingpost.query.arguments import FAULTS_MAX, Arguments, arguments
from kingpost.query.operations import ROWS_WRITTEN_MAX

ID = "013bf59b-64a0-763f-bb6a-7483af908499"
NO_TAGS: list[str] = []
FLIGHT = {"airline": "UA", "origin": "EWR", "dest": "IAH", "number": 1545, "departs_at": "2013-01-01T05:15:00Z"}


class Seat(Table, tenant="org", audit=True):
    """A key of two parts, a tenant, and fields that no caller gives."""

    row: Key[int]
    letter: Key[str]
    org: str
    price: Annotated[Decimal, Ge(0)] = Decimal(10)
    secret: Annotated[str | None, Private()] = None
    policy = Policy(read=anyone)


app = App("flights", timezone="America/New_York", entities=[Airline, Airport, Plane, Flight, Seat])


@app.action()
async def delay(ctx: Context, flight: Flight, minutes: Annotated[int, Gt(0)], reason: str) -> Flight:
    """Delay a departure and tell its passengers."""
    return flight


@app.action(replaces=Flight.create)
async def schedule_flight(ctx: Context, flight: New[Flight]) -> Flight:
    """Give every new departure a gate."""
    return flight


@app.action(replaces=Flight.update)
async def change_flight(ctx: Context, flight: Flight, changes: dict[str, Any]) -> Flight:
    """Keep who changed it."""
    return flight


@app.action(replaces=Flight.delete)
async def cancel(ctx: Context, flight: Flight) -> None:
    """Only mark it."""


@app.action(on=Flight, name="import")
async def import_flights(ctx: Context, airline: Airline, flights: list[New[Flight]]) -> int:
    """Many at once."""
    return len(flights)


@app.action()
async def rescore(ctx: Context, flights: list[Flight], factor: float = 1.5) -> None:
    """A set."""


@app.action()
async def book(ctx: Context, seat: Seat, others: list[Seat], plane: Plane | None = None) -> None:
    """Keys of two parts, and a row that may be left out."""


@app.action(on=Seat)
async def build(ctx: Context, seat: New[Seat]) -> None:
    """A new row that is an argument among others."""


@app.action()
async def texts(
    ctx: Context,
    text: Annotated[str, MinLen(2), MaxLen(4), Pattern("^[a-z]+$")],
    choice: Literal["a", "b"],
    names: Annotated[list[str], MaxLen(2)],
    free: dict[str, Any],
    note: str | None = None,
    tags: list[str] = NO_TAGS,
) -> None:
    """Texts, lists and JSON."""


@app.action()
async def numbers(ctx: Context, whole: int, ratio: float, exact: Decimal, yes: bool, id_: UUID, blob: bytes) -> None:
    """Numbers, and what is kept as bits."""


@app.action()
async def times(ctx: Context, instant: datetime, day: date, clock: time, span: timedelta) -> None:
    """Times."""


GIVEN: dict[str, dict[str, object]] = {
    "texts": {"text": "abc", "choice": "b", "names": ["a,b", "c"], "free": {"a": [None]}},
    "numbers": {"whole": 3, "ratio": 1.5, "exact": "12.50", "yes": True, "id_": ID, "blob": "aGk="},
    "times": {"instant": "2013-07-01T09:00:00", "day": "2013-07-01", "clock": "09:30:00", "span": "PT1.5S"},
}


def of(name: str, entity: str | None = "Flight", elsewhere: tuple[str, ...] = ()) -> Arguments:
    action = app.manifest.action(entity, name)
    assert action is not None
    return arguments(action, app.manifest, elsewhere)


def refused(read: Arguments, given: object) -> Invalid | None:
    try:
        read(given)
    except Invalid as refusal:
        return refusal
    return None


def faults(read: Arguments, given: object) -> dict[str, str]:
    """What is wrong, by where."""
    with pytest.raises(Invalid) as caught:
        read(given)
    return {one.where: one.message for one in caught.value.details}


# --- What fits -------------------------------------------------------------------------------------------------------


def test_the_tours_delay_is_given_by_key_and_values() -> None:
    found = of("delay")({"flight": ID, "minutes": 10, "reason": "fog"})
    assert found == {"flight": (UUID(ID),), "minutes": 10, "reason": "fog"}


def test_a_row_that_the_path_names_is_no_argument_of_the_body() -> None:
    read = of("delay", elsewhere=("flight",))
    assert read({"minutes": 10, "reason": "fog"}) == {"minutes": 10, "reason": "fog"}
    assert list(faults(read, {"flight": ID, "minutes": 10, "reason": "fog"})) == ["/flight"]


def test_each_type_becomes_its_native_value() -> None:
    assert of("texts", None)(GIVEN["texts"]) == {**GIVEN["texts"], "note": None, "tags": []}
    assert of("numbers", None)(GIVEN["numbers"]) == {
        **GIVEN["numbers"],
        "exact": Decimal("12.50"),
        "id_": UUID(ID),
        "blob": b"hi",
    }
    assert of("times", None)(GIVEN["times"]) == {
        "instant": datetime(2013, 7, 1, 13, tzinfo=UTC),
        "day": date(2013, 7, 1),
        "clock": time(9, 30),
        "span": timedelta(seconds=1.5),
    }


def test_a_default_is_nobodys_to_change() -> None:
    read = of("texts", None)
    read(GIVEN["texts"])["tags"].append("late")
    assert read(GIVEN["texts"])["tags"] == NO_TAGS == []


def test_rows_are_a_list_of_keys() -> None:
    assert of("rescore")({"flights": [ID, ID]}) == {"flights": [(UUID(ID),)] * 2, "factor": 1.5}


def test_a_key_of_two_parts_is_a_list() -> None:
    found = of("book", "Seat")({"seat": [12, "C"], "others": [[1, "A"]]})
    assert found == {"seat": (12, "C"), "others": [(1, "A")], "plane": None}


def test_a_new_row_of_the_default_create_is_the_body_itself() -> None:
    found = of("create")(FLIGHT)
    assert found == {"flight": {**FLIGHT, "departs_at": datetime(2013, 1, 1, 5, 15, tzinfo=UTC)}}


def test_changes_are_the_body_itself_and_a_deletion_has_none() -> None:
    assert of("update")({"dep_delay": None, "number": 2}) == {"changes": {"dep_delay": None, "number": 2}}
    assert of("delete")({}) == {}


def test_new_rows_are_a_list_of_objects() -> None:
    found = of("import")({"airline": "UA", "flights": [FLIGHT, FLIGHT]})
    assert found["airline"] == ("UA",)
    assert len(found["flights"]) == 2


def test_the_tenant_of_a_new_row_may_be_left_out() -> None:
    assert of("build", "Seat")({"seat": {"row": 1, "letter": "A"}}) == {"seat": {"row": 1, "letter": "A"}}


# --- What does not ---------------------------------------------------------------------------------------------------


def test_all_faults_are_told_at_once() -> None:
    found = faults(of("delay"), {"flight": "x", "minutes": 0, "reson": "fog"})
    assert set(found) == {"/flight", "/minutes", "/reason", "/reson"}
    assert "is not a UUID" in found["/flight"]
    assert found["/minutes"] == "0 breaks Gt(0)"
    assert found["/reason"] == "a value is needed here"
    assert "did you mean 'reason'?" in found["/reson"]


def test_each_fault_says_of_which_kind_it_is() -> None:
    with pytest.raises(Invalid) as caught:
        of("delay")({"flight": ID, "minutes": 0, "reson": "fog"})
    assert {one.where: one.code for one in caught.value.details} == {
        "/minutes": "KP203",
        "/reason": "KP201",
        "/reson": "KP200",
    }


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("text", "a", "breaks MinLen(2)"),
        ("text", "abcde", "breaks MaxLen(4)"),
        ("text", "AB", "breaks Pattern"),
        ("text", None, "it cannot be null"),
        ("text", 5, "5 is not text"),
        ("text", "a\0", "U+0000"),
        ("choice", "c", "one of a, b"),
        ("whole", 1.5, "is not a whole number"),
        ("whole", 2**63, "a whole number from"),
        ("whole", "3", "'3' is text, not int"),
        ("whole", True, "True is not a whole number"),
        ("ratio", "1.5", "is text, not float"),
        ("exact", "x", "is not a decimal number"),
        ("yes", 1, "is not true or false"),
        ("instant", "yesterday", "is not a date and time"),
        ("day", "2013-02-30", "is not a date"),
        ("clock", "25:00", "is not a time of day"),
        ("span", "soon", "is not an ISO 8601 duration"),
        ("id_", "x", "is not a UUID"),
        ("blob", "?", "is not base64"),
        ("names", "a,b", "'a,b' is not a list"),
        ("names", ["a", "b", "c"], "breaks MaxLen(2)"),
        ("free", {"a": float("nan")}, "no NaN"),
        ("free", None, "it cannot be null"),
    ],
)
def test_a_wrong_value_is_told_where_it_stands(name: str, value: object, words: str) -> None:
    action, given = next((action, given) for action, given in GIVEN.items() if name in given)
    found = faults(of(action, None), {**given, name: value})
    assert list(found) == [f"/{name}"]
    assert words in found[f"/{name}"]


@pytest.mark.parametrize("given", [None, [], "x", 5])
def test_what_is_no_object_is_refused_as_a_whole(given: object) -> None:
    assert "is not an object" in faults(of("delay"), given)[""]


def test_an_item_of_a_list_is_told_by_its_number() -> None:
    found = faults(of("texts", None), {**GIVEN["texts"], "names": ["a", None]})
    assert list(found) == ["/names/1"]
    assert list(faults(of("rescore"), {"flights": [ID, "x", {}]})) == ["/flights/1", "/flights/2"]


def test_a_wrong_key_is_told_by_its_part() -> None:
    read = of("book", "Seat")
    found = faults(read, {"seat": ["x", "C"], "others": [[1], "A"], "plane": {}})
    assert set(found) == {"/seat/0", "/others/0", "/others/1", "/plane"}
    assert "a list: [row, letter]" in found["/others/0"]


def test_a_wrong_field_of_a_new_row_is_told_within_it() -> None:
    found = faults(of("create"), {**FLIGHT, "number": 0, "status": "lost", "gate": 1})
    assert set(found) == {"/number", "/status", "/gate"}
    rows = [FLIGHT, {**FLIGHT, "number": None}]
    assert list(faults(of("import"), {"airline": "UA", "flights": rows})) == ["/flights/1/number"]


def test_what_no_caller_gives_is_unknown() -> None:
    seat = {"row": 1, "letter": "A", "secret": "x", "created_by": "me"}
    assert set(faults(of("build", "Seat"), {"seat": seat})) == {"/seat/secret", "/seat/created_by"}
    assert "secret" not in faults(of("build", "Seat"), {"seat": {**seat, "secre": 1}})["/seat/secre"]


def test_a_key_does_not_change() -> None:
    assert list(faults(of("update"), {"id": ID})) == ["/id"]


def test_a_pointer_is_escaped_and_short() -> None:
    found = faults(of("update"), {"a/b~c": 1, "x" * 10_000: 1})
    assert list(found) == ["/a~1b~0c", "/" + "x" * 80]
    assert len(found["/" + "x" * 80]) < 500


def test_a_long_value_is_not_repeated() -> None:
    found = faults(of("texts", None), {**GIVEN["texts"], "text": "x" * 100_000})
    assert len(found["/text"]) < 400


def test_a_flood_of_faults_is_cut_short() -> None:
    with pytest.raises(Invalid) as caught:
        of("update")({f"x{number}": 1 for number in range(10_000)})
    assert len(caught.value.details) == FAULTS_MAX
    assert len(str(caught.value)) < 5_000
    rows = [{}] * ROWS_WRITTEN_MAX
    assert len(faults(of("import"), {"airline": "UA", "flights": rows})) == FAULTS_MAX


def test_too_many_rows_are_refused() -> None:
    assert "give at most 1000" in faults(of("rescore"), {"flights": [ID] * 1_001})["/flights"]


DEEP: Any = []
for _ in range(400):
    DEEP = [DEEP]
ODD: list[Any] = [
    *(None, True, -1, 10**400, 1e308, float("inf"), float("nan"), "", "x" * 100_000, "\ud800", "\0", "1" * 5_000),
    *([], {}, [None], [[]], [{}], {"": None}, {"a": {"b": []}}, DEEP, {"$ref": "f1"}, ["\udfff"], [1] * 2_000),
]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:20])
def test_whatever_is_given_is_taken_or_refused_as_mistyped(odd: Any) -> None:
    for action in app.manifest.actions:
        if action.handler is None:
            continue
        read = arguments(action, app.manifest)
        names = [*(one.name for one in action.arguments), *FLIGHT, "\ud800/~"]
        for given in (odd, *({name: odd} for name in names), dict.fromkeys(names, odd)):
            refusal = refused(read, given)
            assert refusal is None or refusal.details
            assert len(str(refusal).encode()) < 5_000


# --- An endpoint's texts ---------------------------------------------------------------------------------------------


def board_reader() -> Any:
    pages = App("pages", entities=[])

    @pages.route("GET", "/board/{number}", policy=role("x"))
    async def board(
        ctx: Context, number: int, day: date | None, size: Annotated[int, Gt(0)] = 5, of: list[str] = NO_TAGS
    ) -> Response:
        return Response()

    (route,) = pages.declared.routes
    return reader(route, "UTC")


def test_the_texts_of_a_request_become_an_endpoints_parameters() -> None:
    read = board_reader()
    assert read({"number": "7"}, {}) == {"number": 7, "day": None, "size": 5, "of": []}
    assert read({"number": "7"}, {"day": "2013-07-01", "of": "a,b"}) == {
        "number": 7,
        "day": date(2013, 7, 1),
        "size": 5,
        "of": ["a", "b"],
    }


def test_wrong_texts_of_a_request_are_told_by_parameter() -> None:
    with pytest.raises(Mistyped) as caught:
        board_reader()({"number": "x"}, {"size": "0", "number": "7", "siz": "1"})
    found = {one.where: one.code for one in caught.value.details}
    assert found == {"number": "KP201", "size": "KP203", "siz": "KP200"}


def test_this_stands_for_the_new_row_where_there_is_no_other() -> None:
    own = App("flights", entities=[Airline, Airport, Plane, Flight])

    @own.action(policy=this.airline == "UA", replaces=Flight.create)
    async def schedule(ctx: Context, flight: New[Flight]) -> Flight:
        return flight

    action = own.manifest.action("Flight", "create")
    assert action is not None
    assert action.subject == action.arguments[0]
