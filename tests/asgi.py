"""Ask an ASGI app one thing, without a socket, and look at all that it sends."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from kingpost.api.http import Door, Http, HttpOptions
from kingpost.api.message import Handler, Route
from kingpost.api.rest.app import rest
from kingpost.call import ANONYMOUS, Actor, Answer, Call
from kingpost.errors import Unauthenticated
from kingpost.observe import Event
from tests.rest_manifest import MANIFEST

App = Callable[..., Awaitable[None]]


@dataclass(frozen=True)
class Got:
    """A response as it went out."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: str) -> str | None:
        values = [value.decode() for key, value in self.headers if key.decode() == name]
        return ", ".join(values) if values else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def fetch(app: App, target: str | bytes, method: str = "GET", **given: Any) -> Got:
    """Ask for `target`; `headers` are pairs, or a dict by name, `body` bytes, anything else goes into the scope."""
    raw = target.encode() if isinstance(target, str) else target
    path, _, query = raw.partition(b"?")
    headers, body = given.pop("headers", ()), given.pop("body", b"")
    pairs = headers.items() if isinstance(headers, dict) else headers
    scope = {
        "type": "http",
        "method": method,
        "path": unquote(path.decode("latin-1")),
        "raw_path": path,
        "root_path": "",
        "query_string": query,
        "headers": [(_bytes(name), _bytes(value)) for name, value in pairs],
        "client": ("192.0.2.1", 5),
        **given,
    }
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    return Got(sent[0]["status"], sent[0]["headers"], sent[1]["body"])


@dataclass
class Desk:
    """An app over the tests' manifest that answers every call alike, and remembers what it was asked and told."""

    answer: Answer | Exception = field(default_factory=lambda: Answer(b"[]"))
    options: HttpOptions = field(default_factory=HttpOptions)
    unready: Exception | None = None
    calls: list[Call] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    handler: Handler | None = None
    roles: frozenset[str] = frozenset()
    claims: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        route = Route("rest", self.handler or rest(MANIFEST, self._ask))
        self.http = Http(Door({"v1": route}, self._identify, self._ready, self.events.append, self.options))

    async def fetch(self, target: str | bytes, method: str = "GET", **given: Any) -> Got:
        return await fetch(self.http, target, method, **given)

    async def _ask(self, call: Call) -> Answer:
        self.calls.append(call)
        call.read(call.skeleton)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def _ready(self) -> None:
        if self.unready:
            raise self.unready

    def _identify(self, credentials: str | None) -> Actor:
        if credentials is None:
            return ANONYMOUS
        if credentials == "Bearer good":
            return Actor("ada", self.roles, self.claims)
        raise Unauthenticated("the credentials are not valid")


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")
