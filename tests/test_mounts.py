"""Mounted ASGI applications: what they are given, what becomes of their errors; and a start that fails is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest

from kingpost import App, Context, Key, Policy, Response, Table, anyone
from kingpost.observe import Defect, Event, RequestEnded
from kingpost.settings import Settings
from kingpost.store.memory import MemoryStore
from tests.asgi import fetch

Message = MutableMapping[str, Any]
Asgi = Callable[..., Awaitable[None]]
SETTINGS = Settings(environment="development", log_level="error")


class Airline(Table):
    """Something to serve beside the mount."""

    carrier: Key[str]
    policy = Policy(read=anyone)


class Legacy:
    """A mounted app that does as it is told, and keeps the scopes it saw."""

    def __init__(self, *sends: Message, raises: bool = False) -> None:
        self.sends, self.raises = sends, raises
        self.scopes: list[Message] = []
        self.received: list[Message] = []

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        self.received.append(await receive())
        for message in self.sends:
            await send(message)
        if self.raises:
            raise LookupError("the secret of legacy")


START = {"type": "http.response.start", "status": 203, "headers": [(b"x-legacy", b"1")]}
BODY = {"type": "http.response.body", "body": b"old"}


def serving(legacy: Asgi) -> tuple[Asgi, list[Event]]:
    """The HTTP side of an app with `legacy` below `/legacy/app`, and what it tells."""
    app = App("airport", entities=[Airline], store=lambda *_: MemoryStore())
    app.mount("/legacy/app", legacy)
    events: list[Event] = []
    return app.wire(SETTINGS, events.append).http, events


async def test_a_mounted_app_answers_all_below_its_prefix() -> None:
    legacy = Legacy(START, BODY)
    http, events = serving(legacy)
    got = await fetch(http, "/legacy/app/a%20b?q=1", "POST", body=b"sent", headers={"x-request-id": "r-1"})
    assert (got.status, got.body, got.header("x-legacy"), got.header("x-request-id")) == (203, b"old", "1", "r-1")
    scope = legacy.scopes[0]
    assert (scope["path"], scope["raw_path"]) == ("/legacy/app/a b", b"/legacy/app/a%20b")
    assert (scope["root_path"], scope["query_string"]) == ("/legacy/app", b"q=1")
    assert (b"x-request-id", b"r-1") in scope["headers"]
    assert legacy.received[0]["body"] == b"sent"
    (told,) = events
    assert isinstance(told, RequestEnded)
    assert (told.protocol, told.action, told.path) == ("mount", "/legacy/app", "/legacy/app/a%20b")
    assert (told.status, told.bytes_out, told.request_id) == (203, 3, "r-1")


@pytest.mark.parametrize("path", ["/legacy", "/legacy/apps", "/legacy/app%2Fx", "/leg", "/LEGACY/app"])
async def test_what_is_beside_the_prefix_is_not_the_mounts(path: str) -> None:
    legacy = Legacy(START, BODY)
    http, _ = serving(legacy)
    assert (await fetch(http, path)).status == 404
    assert not legacy.scopes


@pytest.mark.parametrize(
    ("path", "raw"), [("/up/legacy/app/x", b"/up/legacy/app/x"), ("/legacy/app/x", b"/legacy/app/x")]
)
async def test_below_another_root_the_path_is_whole(path: str, raw: bytes) -> None:
    legacy = Legacy(START, BODY)
    http, _ = serving(legacy)
    await fetch(http, path, root_path="/up", path=path, raw_path=raw)
    scope = legacy.scopes[0]
    assert (scope["root_path"], scope["path"]) == ("/up/legacy/app", "/up/legacy/app/x")
    assert scope["raw_path"] == b"/up/legacy/app/x"


@pytest.mark.parametrize("legacy", [Legacy(raises=True), Legacy()])
async def test_an_app_that_sends_nothing_is_a_defect(legacy: Legacy) -> None:
    http, events = serving(legacy)
    got = await fetch(http, "/legacy/app/")
    assert (got.status, got.json["code"]) == (500, "KP501")
    assert b"secret" not in got.body
    defect, ended = events
    assert isinstance(defect, Defect)
    assert isinstance(ended, RequestEnded)
    assert (ended.status, ended.error_code, ended.bytes_out) == (500, "KP501", len(got.body))


async def test_an_app_that_fails_halfway_is_told_of_and_not_answered_for() -> None:
    http, events = serving(Legacy(START, {**BODY, "more_body": True}, raises=True))
    sent = await converse(http, "http")
    assert [one["type"] for one in sent] == ["http.response.start", "http.response.body"]
    assert [type(event) for event in events] == [Defect, RequestEnded]
    assert isinstance(events[1], RequestEnded)
    assert (events[1].status, events[1].error_code) == (203, "KP501")


# --- WebSockets ------------------------------------------------------------------------------------------------------

ACCEPT, CLOSE = {"type": "websocket.accept"}, {"type": "websocket.close", "code": 1000}


@pytest.mark.parametrize(
    ("sends", "status"),
    [((ACCEPT, {"type": "websocket.send", "text": "hello"}, CLOSE), 101), ((CLOSE,), 403)],
)
async def test_a_websocket_is_the_mounted_apps(sends: tuple[Message, ...], status: int) -> None:
    http, events = serving(Legacy(*sends))
    assert tuple(await converse(http, "websocket")) == sends
    (told,) = events
    assert isinstance(told, RequestEnded)
    assert (told.protocol, told.status) == ("mount", status)


@pytest.mark.parametrize(("sends", "status"), [((), 500), ((ACCEPT,), 101)])
async def test_a_websocket_that_fails_is_closed_and_told_of(sends: tuple[Message, ...], status: int) -> None:
    http, events = serving(Legacy(*sends, raises=True))
    assert (await converse(http, "websocket"))[-1] == {"type": "websocket.close", "code": 1011}
    assert [type(event) for event in events] == [Defect, RequestEnded]
    assert isinstance(events[1], RequestEnded)
    assert events[1].status == status


async def test_a_websocket_beside_the_prefix_is_closed() -> None:
    http, _ = serving(Legacy(ACCEPT))
    assert await converse(http, "websocket", path="/v1/airlines") == [CLOSE]


async def converse(http: Asgi, kind: str, path: str = "/legacy/app/x") -> list[Message]:
    """All that is sent over one connection."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": f"{kind}.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": kind, "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": []}
    await http(scope, receive, send)
    return sent


# --- A start that fails ----------------------------------------------------------------------------------------------


async def test_a_wrong_endpoint_fails_the_start_with_all_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINGPOST_ENVIRONMENT", "development")
    app = App("airport", entities=[Airline], store=lambda *_: MemoryStore())

    @app.route("GET", "/v1/board")
    async def board(ctx: Context) -> Response:
        return Response()

    app.mount("/docs", Legacy())
    (failed,) = await converse(app, "lifespan")
    assert failed["type"] == "lifespan.startup.failed"
    assert "/v1 is a path of Kingpost's own" in failed["message"]
    assert "/docs is a path of Kingpost's own" in failed["message"]


async def test_an_endpoint_and_a_mount_begin_with_different_words() -> None:
    app = App("airport", entities=[Airline], store=lambda *_: MemoryStore())

    @app.route("GET", "/legacy/new")
    async def new(ctx: Context) -> Response:
        return Response()

    app.mount("/legacy/old", Legacy())
    (failed,) = await converse(app, "lifespan")
    assert "/legacy/old takes paths of what is declared at" in failed["message"]
