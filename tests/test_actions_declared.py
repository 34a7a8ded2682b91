"""Actions, endpoints and mounts as a team declares them: what they become, and how wrong ones are refused."""

from __future__ import annotations

import inspect
import itertools
import json
import re
import sys
import types
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import pytest

import kingpost
from examples.flights.model import Airline, Airport, Flight, Plane
from kingpost import App, Context, New, Response, Table, me, role, this
from kingpost.api.response import http_response
from kingpost.app import Declared
from kingpost.constraints import Gt
from kingpost.errors import DeclarationError
from kingpost.model import expressions as e
from kingpost.model.describe import manifest_json, storage_hash
from kingpost.model.fields import Constraint
from kingpost.model.manifest import Action
from kingpost.model.read import read_manifest

ENTITIES: list[type[Table]] = [Airline, Airport, Plane, Flight]
MINE = role("dispatcher") & (this.airline == me.airline)
NUMBERS = itertools.count()


def flights() -> App:
    return App("flights", timezone="America/New_York", entities=ENTITIES)


async def delay(ctx: Context, flight: Flight, minutes: Annotated[int, Gt(0)], reason: str) -> Flight:
    """Delay a departure and tell its passengers."""
    return flight


async def schedule_flight(ctx: Context, flight: New[Flight]) -> Flight:
    """Give every new departure a gate."""
    return flight


async def board(ctx: Context, origin: str) -> Response:
    """The departures board."""
    return Response({"origin": origin})


def declared(app: App, name: str, entity: str | None = "Flight") -> Action:
    found = app.manifest.action(entity, name)
    assert found is not None
    return found


# --- What they become ------------------------------------------------------------------------------------------------


def test_the_tours_delay_is_an_action_on_one_flight() -> None:
    app = flights()
    assert app.action(policy=MINE)(delay) is delay
    action = declared(app, "delay")
    flight, minutes, reason = action.arguments
    assert (action.on, action.result, action.returns.entity, action.effect) == ("row", "row", "Flight", "write")
    assert (flight.kind, flight.entity, flight.field.type.scalar.value) == ("row", "Flight", "uuid")
    assert (minutes.kind, minutes.field.constraints) == ("value", (Constraint("gt", 0),))
    assert (reason.name, reason.required) == ("reason", True)
    assert action.doc == "Delay a departure and tell its passengers."


def test_this_of_its_policy_is_the_flight() -> None:
    app = flights()
    app.action(policy=MINE)(delay)
    assert declared(app, "delay").policy == app.manifest.entities["Flight"].policy.update
    assert declared(app, "delay").subject == declared(app, "delay").arguments[0]


def test_without_a_policy_nobody_may() -> None:
    app = flights()
    app.action()(delay)
    assert declared(app, "delay").policy == e.FALSE


def test_the_functions_are_kept_by_name_beside_the_manifest() -> None:
    app = flights()
    app.action()(delay)
    action = declared(app, "delay")
    assert app.manifest.functions[str(action.handler)] is delay


def test_the_tours_schedule_flight_stands_in_for_create() -> None:
    app = flights()
    app.action(replaces=Flight.create)(schedule_flight)
    creates = [one for one in app.manifest.actions if (one.entity, one.name) == ("Flight", "create")]
    (create,) = creates
    assert (create.replaces, create.verb, create.on) == ("create", None, "set")
    assert [(one.name, one.kind) for one in create.arguments] == [("flight", "new")]
    assert app.manifest.functions[str(create.handler)] is schedule_flight


def test_what_stands_in_keeps_the_policy_of_the_default_unless_it_has_its_own() -> None:
    kept, own = flights(), flights()
    kept.action(replaces=Flight.create)(schedule_flight)
    own.action(replaces=Flight.create, policy=role("admin"))(schedule_flight)
    assert declared(kept, "create").policy == kept.manifest.entities["Flight"].policy.create
    assert declared(own, "create").policy == e.HasRole("admin")


def test_each_default_action_can_be_replaced() -> None:
    app = flights()

    @app.action(replaces=Flight.update)
    async def change(ctx: Context, flight: Flight, changes: dict[str, Any]) -> Flight:
        return flight

    @app.action(replaces=Flight.delete)
    async def cancel(ctx: Context, flight: Flight) -> None: ...

    @app.action(replaces=Airline.upsert)
    async def put_airline(ctx: Context, airline: New[Airline]) -> Airline:
        return airline

    assert [one.kind for one in declared(app, "update").arguments] == ["row", "changes"]
    assert declared(app, "delete").result == "nothing"
    assert declared(app, "upsert", "Airline").replaces == "upsert"
    assert len(app.manifest.actions) == 4 * 7


def test_a_list_of_flights_is_a_set() -> None:
    app = flights()

    @app.action(policy=this.airline == me.airline)
    async def rescore(ctx: Context, flights: list[Flight], factor: float = 1.5) -> list[Flight]:
        return flights

    action = declared(app, "rescore")
    assert (action.on, action.result, action.arguments[0].kind) == ("set", "rows", "rows")
    default = action.arguments[1].field.default
    assert default is not None
    assert (action.arguments[1].required, default.value) == (False, 1.5)


def test_without_a_flight_it_is_on_nothing_and_of_the_app_or_a_collection() -> None:
    app = flights()

    @app.action(policy=role("admin"))
    async def recount(ctx: Context, since: int | None) -> dict[str, Any]:
        return {}

    @app.action(policy=role("admin") & (this.carrier == "UA"), on=Flight, name="import")
    async def import_(ctx: Context, airline: Airline, flights: list[New[Flight]]) -> int:
        return 0

    alone, of_flights = declared(app, "recount", None), declared(app, "import")
    assert (alone.on, alone.entity, alone.result, alone.arguments[0].required) == ("nothing", None, "scalar", False)
    assert (of_flights.on, [one.kind for one in of_flights.arguments]) == ("nothing", ["row", "new_rows"])


def test_isolation_and_retry_are_kept() -> None:
    app = flights()
    app.action(isolation="serializable", retry=3)(delay)
    assert (declared(app, "delay").isolation, declared(app, "delay").retry) == ("serializable", 3)


def test_a_decorated_function_is_called_as_before() -> None:
    app = flights()
    flight = Flight()
    with pytest.raises(StopIteration) as done:
        app.action()(delay)(Context.__new__(Context), flight, 10, "fog").send(None)
    assert done.value.value is flight


def test_actions_change_no_table_and_are_json() -> None:
    plain, acted = flights(), flights()
    acted.action(policy=MINE)(delay)
    acted.action(replaces=Flight.create)(schedule_flight)
    assert storage_hash(acted.manifest) == storage_hash(plain.manifest)
    text = json.dumps(manifest_json(acted.manifest))
    assert '"functions": ["Flight:create", "Flight:delay"]' in text
    assert '"kind": "row"' in text


def test_an_app_that_is_in_use_takes_no_more_declarations() -> None:
    app = flights()
    assert app.manifest.action("Flight", "delay") is None
    for declare in (app.action, lambda: app.route("GET", "/x"), lambda: app.mount("/x", other)):
        with pytest.raises(DeclarationError, match="declared after the app 'flights' was put to use"):
            declare()


def test_two_apps_do_not_know_of_each_others_actions() -> None:
    one, other_app = flights(), flights()
    one.action()(delay)
    assert other_app.manifest.action("Flight", "delay") is None


def test_the_context_and_entities_may_be_imported_for_the_type_checker_alone(tmp_path: Path) -> None:
    source = "@app.action()\nasync def f(ctx: Context, flight: Flight) -> Flight: ...\n"
    header = "from __future__ import annotations\nimport declared_app\napp = declared_app.app\n"
    app = load(tmp_path, source, header)
    assert declared(app, "f").on == "row"


def test_a_class_names_its_default_actions() -> None:
    assert repr(Flight.create) == "Flight.create"
    assert Flight.create == Flight().create
    assert Flight.create != Airline.create


# --- Endpoints and mounts --------------------------------------------------------------------------------------------


async def other(scope: Any, receive: Any, send: Any) -> None: ...


def test_the_tours_board_is_an_endpoint() -> None:
    app = flights()
    assert app.route("GET", "/board/{origin}")(board) is board
    (route,) = app.declared.routes
    assert (route.method, route.parts, route.path) == ("GET", ("board", "{origin}"), "/board/{origin}")
    assert [(one.name, one.where) for one in route.parameters] == [("origin", "path")]
    assert (route.handler, route.policy) == (board, e.TRUE)
    assert re.search(r"test_actions_declared\.py:\d+$", route.at)


def test_what_is_not_in_the_path_comes_from_the_query_or_the_body() -> None:
    app = flights()

    @app.route("POST", "/tickets/{number}/scan", policy=role("gate"))
    async def scan(ctx: Context, number: int, body: bytes, gate: UUID | None = None) -> Response:
        return Response()

    (route,) = app.declared.routes
    found = {one.name: (one.where, one.required) for one in route.parameters}
    assert found == {"number": ("path", True), "body": ("body", True), "gate": ("query", False)}
    assert route.policy == e.HasRole("gate")


def test_the_tours_mount_is_kept() -> None:
    app = flights()
    app.mount("/legacy", other)
    (mount,) = app.declared.mounts
    assert (mount.parts, mount.app) == (("legacy",), other)


@pytest.mark.parametrize(
    ("body", "sent", "kind"),
    [
        (b"\x00", b"\x00", b"application/octet-stream"),
        ("JFK", b"JFK", b"text/plain; charset=utf-8"),
        ({"origin": "JFK"}, b'{"origin":"JFK"}', b"application/json"),
        ([], b"[]", b"application/json"),
    ],
)
def test_a_response_is_sent_by_the_kind_of_its_body(body: object, sent: bytes, kind: bytes) -> None:
    response = http_response(Response(body, headers={"Cache-Control": "no-store"}))
    assert (response.status, response.body) == (200, sent)
    assert response.headers == [(b"cache-control", b"no-store"), (b"content-type", kind)]


def test_a_response_says_its_status_and_type() -> None:
    response = http_response(Response("a,b", status=202, media_type="text/csv"))
    assert (response.status, response.headers) == (202, [(b"content-type", b"text/csv")])
    assert http_response(Response("gone", status=204)).body == b""


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": 99},
        {"headers": {"X-Name": "a\r\nSet-Cookie: b"}},
        {"headers": {"X Name": "a"}},
        {"headers": {"Content-Length": "1"}},
        {"media_type": "text/html\n"},
    ],
)
def test_a_response_that_cannot_be_sent_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"status|header"):
        Response("", **wrong)


# --- What is wrong is told, where it stands --------------------------------------------------------------------------

HEADER = """
from __future__ import annotations
from decimal import Decimal
from enum import Enum
from dataclasses import dataclass
from typing import Annotated, Any, Literal
import declared_app
from kingpost import *
from kingpost.constraints import *
from examples.flights.model import *

app = declared_app.app
async def other(scope, receive, send): ...
class Colour(Enum): RED = "red"
@dataclass
class Pair: a: int
class Alien(Table): ...

"""
# (the action's signature, the fault's words, its hint's); #! ends the line at fault
SIGNATURES = [
    ("def f(ctx: Context) -> None: ...  #!", "f: it is no async function", "async def f(ctx: Context, …)"),
    ("async def f() -> None: ...  #!", "its first parameter is not a Context", "async def f(ctx: Context, …)"),
    ("async def f(ctx) -> None: ...  #!", "its first parameter is not a Context", None),
    ("async def f(flight: Flight) -> None: ...  #!", "its first parameter is not a Context", None),
    ("async def f(ctx: Contxt) -> None: ...  #!", "'Contxt' is not known here", None),
    ("async def f(ctx: Context, a) -> None: ...  #!", "a: it does not say its type", "write a: int"),
    ("async def f(ctx: Context, *a: int) -> None: ...  #!", "a: arguments are given by name", None),
    ("async def f(ctx: Context, **a: int) -> None: ...  #!", "a: arguments are given by name", None),
    ("async def f(ctx: Context, a: int, /) -> None: ...  #!", "a: arguments are given by name", "without * and /"),
    ("async def f(ctx: Context, aB: int) -> None: ...  #!", "an argument's name is snake_case", None),
    ("async def f(ctx: Context, a_1: int, a1: int) -> None: ...  #!", "a1 and a_1 are one name", "rename one"),
    ("async def f(\n    ctx: Context,\n    a: complex,  #!\n) -> None: ...", "no field type complex", "a list of them"),
    ("async def f(ctx: Context, a: Colour) -> None: ...  #!", "Colour is an Enum", 'write Literal["a", "b"]'),
    ("async def f(ctx: Context, a: Pair) -> None: ...  #!", "Pair is a structure that no protocol knows", "dict[str"),
    ("async def f(ctx: Context, a: Alien) -> None: ...  #!", "Alien is not among the app's entities", "entities=[…]"),
    ("async def f(ctx: Context, a: New[int]) -> None: ...  #!", "New is of an entity", "New[Flight]"),
    ("async def f(ctx: Context, a: Annotated[int, MaxLen(1)]) -> None: ...  #!", "MaxLen does not go with int", None),
    ("async def f(ctx: Context, a: Key[int]) -> None: ...  #!", "means nothing for an argument", None),
    ("async def f(ctx: Context, a: Annotated[Flight, Ge(1)]) -> None: ...  #!", "it takes no constraints", None),
    ("async def f(ctx: Context, a: int = 'x') -> None: ...  #!", "its default does not fit", None),
    ("async def f(ctx: Context, a: Annotated[int, Ge(1)] = 0) -> None: ...  #!", "its default 0 breaks Ge(1)", None),
    ("async def f(ctx: Context, a: int = now) -> None: ...  #!", "its default is no constant", "take None"),
    ("async def f(ctx: Context, a: Flight | None) -> None: ...  #!", "it is never None", "leave out | None"),
    ("async def f(ctx: Context, a: Flight, id: int) -> None: ...  #!", "id is the key of Flight", "otherwise"),
    ("async def f(ctx: Context): ...  #!", "it does not say what it returns", "-> None"),
    ("async def f(\n    ctx: Context,\n) -> complex:  #!\n    ...", "what it returns: there is no", "a list of them"),
    ("async def f(ctx: Context) -> Pair: ...  #!", "what it returns: Pair is a structure", "one by one"),
    ("async def f(ctx: Context) -> list[Flight] | None: ...  #!", "a list is never None", None),
    ("async def f(ctx: Context) -> New[Flight]: ...  #!", "takes no constraints or markers", None),
    ("async def f_(ctx: Context) -> None: ...  #!", "does not end in _: not 'f_'", 'say so: name="…"'),
    ("async def flights(ctx: Context) -> None: ...  #!", "/flights is the collection of Flight already", 'name="…"'),
    ("async def batch(ctx: Context) -> None: ...  #!", "/batch is a path of Kingpost's own already", None),
    ("async def create_flight(ctx: Context) -> None: ...  #!", "is create of Flight in GraphQL already", None),
    ("async def watch(ctx: Context, a: Flight) -> None: ...  #!", "watch of Flight is a default action already", None),
]
OK = "async def f(ctx: Context) -> None: ..."
ROW = "async def f(ctx: Context, a: Flight) -> None: ..."
NEW = "async def f(ctx: Context, a: New[Flight]) -> Flight: ..."
OPTIONS = [
    ("@app.action(policy=this.airlin == 1)  #!\n" + ROW, "policy: Flight has no field 'airlin'", "'airline'"),
    ("@app.action(policy=this.airline == 1)  #!\n" + ROW, "policy: 1 is not a text", None),
    ("@app.action(\n    on=Flight,\n    policy=this.number == 1)  #!\n" + OK, "there is no row", "flight: Flight"),
    ("@app.action(policy=True)  #!\n" + OK, "policy: True is no condition", "write anyone"),
    ("@app.action(isolation='serial')  #!\n" + OK, "there is no isolation 'serial'", "serializable"),
    ("@app.action(retry=-1)  #!\n" + OK, "retry is a number of times from 0", None),
    ("@app.action(retry=True)  #!\n" + OK, "retry is a number of times from 0", None),
    ("@app.action(name='F')  #!\n" + OK, "snake_case", None),
    ("@app.action(name=5)  #!\n" + OK, "not 5", None),
    ("@app.action(on=Alien)  #!\n" + OK, "on: Alien is not among the app's entities", None),
    ("@app.action(on='Flight')  #!\n" + OK, "on: 'Flight' is no entity", "write on=Flight"),
    ("@app.action(replaces='create')  #!\n" + NEW, "'create' is no default action", "replaces=Flight.create"),
    ("@app.action(replaces=Alien.create)  #!\n" + NEW, "Alien is not among the app's entities", None),
    (
        "@app.action(replaces=Flight.create)  #!\n" + ROW,
        "something else than Flight.create",
        "New[Flight]",
    ),
    ("@app.action(replaces=Flight.delete)  #!\n" + NEW, "something else than Flight.delete", "row: Flight) -> None"),
    ("@app.action(replaces=Flight.create, name='a')  #!\n" + NEW, "it goes by what it replaces", "leave out name="),
    (
        f"@app.action(replaces=Flight.create)\n{NEW}\n@app.action(replaces=Flight.create)  #!\n{NEW.replace('f(', 'g(')}",
        "g: Flight.create is f at",
        None,
    ),
    (
        f"@app.action()\n{ROW}\n@app.action(name='f')  #!\n{ROW.replace('f(', 'g(')}",
        "g: f of Flight is f at",
        'name="…"',
    ),
    (
        f"@app.action(name='delay_flight')\n{OK}\n@app.action(name='delay')  #!\n{ROW.replace('f(', 'g(')}",
        "g: delay of Flight is f at",
        None,
    ),
]
PAGE = "async def f(ctx: Context, a: str) -> Response: ..."
ROUTES = [
    ("@app.route('get', '/x/{a}')  #!\n" + PAGE, "'get' is no method", "did you mean 'GET'?"),
    ("@app.route('GET', 'x/{a}')  #!\n" + PAGE, "'x/{a}' is no path", "it begins with /"),
    ("@app.route('GET', '/x/{a}/')  #!\n" + PAGE, "is no path", "does not end in it"),
    ("@app.route('GET', '/x//{a}')  #!\n" + PAGE, "'' is no part of a path", None),
    ("@app.route('GET', '/x/a b{a}')  #!\n" + PAGE, "is no part of a path", "write {name} for all of it"),
    ("@app.route('GET', '/{a}')  #!\n" + PAGE, "it would take every path", "begin it with a word"),
    ("@app.route('GET', '/v1/{a}')  #!\n" + PAGE, "/v1 is a path of Kingpost's own", "another word"),
    ("@app.route('GET', '/livez')  #!\n" + PAGE, "/livez is a path of Kingpost's own", None),
    ("@app.route('GET', '/problems/{a}')  #!\n" + PAGE, "/problems is a path of Kingpost's own", None),
    ("@app.route('GET', '/x/{b}')  #!\n" + PAGE, "its path names 'b'", "add the parameter b: str"),
    ("@app.route('GET', '/x/{a}/{a}')  #!\n" + PAGE, "{a} stands twice", None),
    ("@app.route('GET', '/x', policy=this.a == 1)  #!\n" + PAGE, "policy: it speaks of this", None),
    ("@app.route('GET', '/x')\nasync def f(ctx: Context) -> str: ...  #!", "returns a Response", "-> Response"),
    ("@app.route('GET', '/x')\nasync def f(ctx: Context): ...  #!", "does not say what it returns", None),
    ("@app.route('GET', '/x')\nasync def f(ctx: Context, a: Flight) -> Response: ...  #!", "not rows", "ctx.get"),
    ("@app.route('GET', '/x')\nasync def f(ctx: Context, body: bytes) -> Response: ...  #!", "has no text", "POST"),
    (
        "@app.route('GET', '/x/{a}')\nasync def f(ctx: Context, a: str = '') -> Response: ...  #!",
        "always there",
        "leave out",
    ),
    (
        f"@app.route('GET', '/x/{{a}}')\n{PAGE}\n@app.route('GET', '/x/{{b}}')  #!\n{PAGE.replace('f(', 'g(').replace('a:', 'b:')}",
        "g: GET /x/{b} is declared twice, also at",
        None,
    ),
    ("app.mount('legacy', other)  #!", "mount: 'legacy' is no path", None),
    ("app.mount('/', other)  #!", "mounted below a prefix", 'mount("/legacy", …)'),
    ("app.mount('/v1', other)  #!", "/v1 is a path of Kingpost's own", None),
    ("app.mount('/a/{b}', other)  #!", "'{b}' is no part of a path", None),
    ("app.mount('/legacy', 5)  #!", "5 is no ASGI application", None),
    ("app.mount('/a', other)\napp.mount('/a/b', other)  #!", "/a/b takes paths of what is declared at", None),
    (f"app.mount('/a', other)  #!\n@app.route('GET', '/a/x')\n{PAGE}", "/a takes paths of what is declared at", None),
]


@pytest.mark.parametrize(("signature", "words", "hint"), SIGNATURES)
def test_a_wrong_signature_is_refused_where_it_stands(
    tmp_path: Path, signature: str, words: str, hint: str | None
) -> None:
    check(tmp_path, f"@app.action(policy=anyone)\n{signature}\n", words, hint)


@pytest.mark.parametrize(("source", "words", "hint"), OPTIONS + ROUTES)
def test_a_wrong_decorator_is_refused_where_it_stands(
    tmp_path: Path, source: str, words: str, hint: str | None
) -> None:
    check(tmp_path, source, words, hint)


def test_all_that_is_wrong_is_said_at_once_each_on_its_line(tmp_path: Path) -> None:
    source = f"@app.action(retry=-1)\n{OK}\n@app.route('GET', '/v1')\n{PAGE}\napp.mount('/', other)\n"
    first = HEADER.count("\n") + 1
    error = refusal(tmp_path, source)
    lines = [(fault.at or "").rpartition(":")[2] for fault in error.faults]
    assert lines == [str(first), str(first + 2), str(first + 4)]


def test_what_is_wrong_is_said_again_each_time_it_is_asked() -> None:
    app = flights()
    app.action(retry=-1)(delay)
    for _ in range(2):
        with pytest.raises(DeclarationError, match="retry is a number"):
            assert isinstance(app.declared, Declared)


def test_what_is_no_function_is_refused_where_it_was_decorated() -> None:
    app = flights()
    line = inspect.currentframe().f_lineno + 1
    app.action()(Flight)
    with pytest.raises(DeclarationError, match=rf"test_actions_declared\.py:{line}: Flight: it is no async function"):
        assert isinstance(app.declared, Declared)


@pytest.mark.parametrize("verb", ["create", "update", "upsert", "delete"])
def test_no_field_is_called_as_a_default_action(verb: str) -> None:
    cls = type("Box", (Table,), {"__annotations__": {verb: str}, "__module__": __name__})
    with pytest.raises(DeclarationError, match=f"a field cannot be called {verb!r}, which names a default action"):
        read_manifest("app", [cls])


def check(folder: Path, source: str, words: str, hint: str | None) -> None:
    error = refusal(folder, source)
    fault = error.faults[0]
    lines = (HEADER + source).splitlines()
    marked = next((number for number, line in enumerate(lines, 1) if "#!" in line), None)
    assert len(error.faults) == 1, str(error)
    assert words in fault.message
    assert hint is None or hint in (fault.hint or "")
    assert marked is None or (fault.at or "").endswith(f".py:{marked}"), str(error)


def refusal(folder: Path, source: str) -> DeclarationError:
    app = load(folder, source, HEADER)
    with pytest.raises(DeclarationError) as caught:
        assert app.manifest is None
    return caught.value


def load(folder: Path, source: str, header: str) -> App:
    """The app as a module that a team would write declares it."""
    app = flights()
    sys.modules["declared_app"] = types.ModuleType("declared_app")
    vars(sys.modules["declared_app"])["app"] = app
    path = folder / f"actions_{next(NUMBERS)}.py"
    path.write_text(header + source)
    module = types.ModuleType(path.stem)
    sys.modules[path.stem] = module
    exec(compile(path.read_text(), str(path), "exec"), vars(module))
    return app


def test_the_package_offers_what_the_tour_imports() -> None:
    assert {"Context", "New", "Response"} <= set(kingpost.__all__)
