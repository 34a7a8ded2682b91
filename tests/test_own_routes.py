"""A team's own endpoints and mounted apps over HTTP: found by method and path, under their policies, told of like all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, cast

import pytest

from kingpost import App, Context, Key, Many, Policy, Private, Ref, Response, Table, anyone, me, role, this
from kingpost.auth.tokens import mint
from kingpost.constraints import Ge, MaxLen
from kingpost.errors import Conflict
from kingpost.observe import Defect, Event, Refused, RequestEnded
from kingpost.settings import Secret, Settings
from kingpost.store.memory import MemoryStore
from tests.asgi import Got, fetch

SECRET = Secret("a secret of the tests, long enough")
SETTINGS = Settings(environment="development", secret=SECRET, log_level="error", body_bytes_max=2_048)


class Gate(Table):
    """Public, but for its code."""

    number: Key[int]
    code: Annotated[str, Private()] = "1234"
    opened_at: datetime | None = None
    flights: Many[Flight]
    policy = Policy(read=anyone, create=role("staff"))


class Flight(Table):
    """Seen by all, its fare by staff alone."""

    number: Key[int]
    gate: Ref[Gate]
    fare: Decimal | None = None
    policy = Policy(read=anyone, create=role("staff"), update=role("staff"), fields={"fare": role("staff")})


# --- The app ---------------------------------------------------------------------------------------------------------


def declared() -> App:
    app = App("airport", entities=[Gate, Flight], timezone="America/New_York", store=lambda *_: MemoryStore())

    @app.route("GET", "/")
    async def front(ctx: Context) -> Response:
        return Response("welcome")

    @app.route("GET", "/board/{gate}")
    async def board(
        ctx: Context, gate: int, least: Annotated[int, Ge(1)] = 1, after: datetime | None = None
    ) -> Response:
        flights = await ctx.find(
            Flight, (this.gate == gate) & (this.number >= least), sort=["number"], include=["gate"]
        )
        return Response({"gate": gate, "after": after, "flights": flights, "by": ctx.actor.id})

    @app.route("GET", "/board/all")
    async def whole_board(ctx: Context) -> Response:
        return Response(await ctx.system.find(Gate))

    @app.route("POST", "/board/{gate}", policy=role("staff") & (me.desk == "front"))
    async def opening(ctx: Context, gate: int, body: Annotated[bytes, MaxLen(10)]) -> Response:
        await ctx.create(Flight, number=int(body), gate=gate)
        return Response(body, 201, {"X-Gate": str(gate)}, "application/x-flight")

    @app.route("PUT", "/fail/{how}")
    async def failing(ctx: Context, how: str) -> Response:
        await ctx.system.create(Gate, number=99)
        if how == "refuse":
            raise Conflict("the gate is closed", where="gate")
        if how == "type":
            return cast("Any", {"gate": 99})
        if how == "body":
            return Response(object())
        raise ZeroDivisionError(how)

    return app


STAFF = mint(SECRET, sub="ann", roles=["staff"], claims={"desk": "front"})
READER = mint(SECRET, sub="bob")


class Airport:
    """The app as it is served: asked like over HTTP, and what it told of that."""

    def __init__(self, app: App) -> None:
        self.events: list[Event] = []
        self.wired = app.wire(SETTINGS, self.events.append)

    async def __call__(self, target: str, method: str = "GET", token: str = "", **given: Any) -> Got:
        headers = dict(given.pop("headers", {}))
        headers |= {"authorization": f"Bearer {token}"} if token else {}
        return await fetch(self.wired.http, target, method, headers=headers, **given)

    def told(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def rows(self, collection: str) -> list[Any]:
        found = (await self(f"/v1/{collection}")).json["data"]
        assert isinstance(found, list)
        return found


async def served(app: App) -> AsyncIterator[Airport]:
    airport = Airport(app)
    store = airport.wired.engine.store
    await store.create(app.manifest)
    await store.load("Gate", [{"number": 1, "opened_at": datetime(2024, 3, 1, 12, tzinfo=UTC)}, {"number": 2}])
    await store.load("Flight", [{"number": 7, "gate": 1, "fare": Decimal("1E+2")}, {"number": 8, "gate": 1}])
    yield airport
    await store.close()


@pytest.fixture
async def ask() -> AsyncIterator[Airport]:
    async for airport in served(declared()):
        yield airport


# --- Finding the endpoint --------------------------------------------------------------------------------------------


async def test_an_endpoint_answers_with_rows_as_every_answer_has_them(ask: Airport) -> None:
    got = await ask("/board/1?least=8&after=2024-03-01T07:00:00", token=READER)
    assert (got.status, got.header("content-type")) == (200, "application/json")
    gate = {"number": 1, "opened_at": "2024-03-01T12:00:00+00:00"}
    flights = [{"number": 8, "gate": gate}]
    assert got.json == {"gate": 1, "after": "2024-03-01T12:00:00+00:00", "flights": flights, "by": "bob"}


async def test_what_the_caller_may_not_read_is_not_in_the_rows_of_an_endpoint(ask: Airport) -> None:
    assert "fare" not in (await ask("/board/1")).json["flights"][0]
    assert (await ask("/board/1", token=STAFF)).json["flights"][0]["fare"] == "100"


async def test_a_private_field_stays_private_even_if_the_system_read_it(ask: Airport) -> None:
    got = await ask("/board/all")
    assert [list(one) for one in got.json] == [["number", "opened_at"]] * 2


async def test_a_word_in_the_path_goes_before_a_parameter(ask: Airport) -> None:
    assert isinstance((await ask("/board/all")).json, list)
    assert (await ask("/board/all", "POST", STAFF, body=b"1")).status == 400


async def test_the_first_part_may_be_empty(ask: Airport) -> None:
    got = await ask("/")
    assert (got.status, got.body, got.header("content-type")) == (200, b"welcome", "text/plain; charset=utf-8")


@pytest.mark.parametrize("path", ["/board", "/board/", "/board/1/", "/board/1/2", "//board/1", "//", "/boards/1"])
async def test_another_path_is_not_there(path: str, ask: Airport) -> None:
    assert (await ask(path)).status == 404


@pytest.mark.parametrize("path", ["/board/%31", "/board/1?least=%38", "/board/1?least=8&"])
async def test_what_stands_in_the_target_is_decoded(path: str, ask: Airport) -> None:
    assert (await ask(path)).status == 200


async def test_a_slash_that_is_encoded_parts_nothing(ask: Airport) -> None:
    got = await ask("/board/1%2F2")
    assert (got.status, got.json["errors"][0]["parameter"]) == (400, "gate")


async def test_another_method_is_told_which_there_are(ask: Airport) -> None:
    got = await ask("/board/1", "DELETE")
    assert (got.status, got.header("allow")) == (405, "GET, POST, HEAD, OPTIONS")
    assert (await ask("/board/all", "DELETE")).header("allow") == "GET, POST, HEAD, OPTIONS"


async def test_options_tells_the_methods_and_runs_nothing(ask: Airport) -> None:
    got = await ask("/fail/refuse", "OPTIONS")
    assert (got.status, got.header("allow"), got.body) == (204, "PUT, OPTIONS", b"")


async def test_head_is_get_without_its_body(ask: Airport) -> None:
    whole, head = await ask("/board/1"), await ask("/board/1", "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.header("content-length") == whole.header("content-length")


# --- Arguments -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "parameter"),
    [
        ("/board/one", "gate"),
        ("/board/1?least=0", "least"),
        ("/board/1?after=noon", "after"),
        ("/board/1?lest=1", "lest"),
        ("/board/1?gate=2", "gate"),
        ("/board/1?least=1&least=2", "least"),
        ("/board/1?least", "least"),
    ],
)
async def test_an_argument_that_does_not_fit_is_refused_by_its_name(target: str, parameter: str, ask: Airport) -> None:
    got = await ask(target)
    assert got.status == 400
    assert got.json["errors"][0]["parameter"] == parameter


@pytest.mark.parametrize("target", ["/board/%", "/board/%zz", "/board/%ff", "/board/1?least=%ff", "/board/%00"])
async def test_broken_text_is_refused(target: str, ask: Airport) -> None:
    assert (await ask(target)).status == 400


async def test_what_is_too_long_is_told_so(ask: Airport) -> None:
    assert (await ask("/board/" + "1" * 3_000)).status == 414
    assert (await ask("/board/1?" + "&".join(f"a{n}=1" for n in range(200)))).status == 414
    assert (await ask("/board/1", "POST", STAFF, body=b"1" * 3_000)).status == 413


async def test_the_body_comes_as_it_was_sent(ask: Airport) -> None:
    got = await ask("/board/1", "POST", STAFF, body=b"41")
    assert (got.status, got.body, got.header("x-gate")) == (201, b"41", "1")
    assert got.header("content-type") == "application/x-flight"
    assert 41 in [one["number"] for one in await ask.rows("flights")]


async def test_a_body_that_breaks_its_constraint_is_refused(ask: Airport) -> None:
    got = await ask("/board/1", "POST", STAFF, body=b"1" * 11)
    assert (got.status, got.json["errors"][0]["parameter"]) == (422, "body")


# --- Who may, and what is told ---------------------------------------------------------------------------------------


async def test_the_policy_of_an_endpoint_is_asked_before_its_arguments(ask: Airport) -> None:
    assert (await ask("/board/1", "POST", body=b"1")).status == 401
    assert (await ask("/board/x?y=1", "POST", READER, body=b"1")).status == 403
    other_desk = mint(SECRET, sub="ann", roles=["staff"], claims={"desk": "back"})
    assert (await ask("/board/1", "POST", other_desk, body=b"1")).status == 403


async def test_a_token_that_is_not_believed_is_refused_here_too(ask: Airport) -> None:
    assert (await ask("/board/1", token="nonsense")).status == 401


async def test_an_endpoint_stands_in_the_access_log_as_all_else(ask: Airport) -> None:
    got = await ask("/board/1?least=1", token=READER, headers={"x-request-id": "r-1"})
    (told,) = ask.told(RequestEnded)
    assert got.header("x-request-id") == told.request_id == "r-1"
    assert (told.protocol, told.action, told.method, told.path) == ("http", "board", "GET", "/board/1")
    assert (told.status, told.parameters, told.actor, told.address) == (200, ("least",), "bob", "192.0.2.1")
    assert told.bytes_out == len(got.body)


# --- Failure ---------------------------------------------------------------------------------------------------------


async def test_what_a_handler_refuses_is_answered_and_undone(ask: Airport) -> None:
    got = await ask("/fail/refuse", "PUT")
    assert (got.status, got.json["detail"]) == (409, "the gate is closed")
    assert 99 not in [one["number"] for one in await ask.rows("gates")]
    assert ask.told(Refused)[0].code == "KP305"


@pytest.mark.parametrize(
    ("how", "words"), [("type", "failing returned dict"), ("body", "nothing for a object"), ("x", "ZeroDivision")]
)
async def test_a_defect_of_a_handler_is_told_in_the_log_alone_and_undone(how: str, words: str, ask: Airport) -> None:
    got = await ask(f"/fail/{how}", "PUT")
    assert (got.status, got.json["code"]) == (500, "KP501")
    assert words not in got.body.decode()
    assert words in ask.told(Defect)[0].traceback
    assert 99 not in [one["number"] for one in await ask.rows("gates")]
