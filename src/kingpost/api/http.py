"""The ASGI edge: receives a request, finds out who asks, hands it to its protocol, sends what comes back."""

from __future__ import annotations

import re
import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from os import urandom
from time import monotonic
from typing import Any, TypeAlias
from urllib.parse import quote

from kingpost.api.compression import compress
from kingpost.api.cors import Cors
from kingpost.api.forwarded import client_address, networks
from kingpost.api.message import Header, HttpRequest, HttpResponse, Route
from kingpost.api.pages import Pages
from kingpost.api.problem import problem
from kingpost.call import Actor
from kingpost.errors import CallerError, KingpostError, Malformed, TooLarge
from kingpost.observe import Defect, Observer, Refused, RequestEnded, nobody

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Identify: TypeAlias = Callable[[str | None], Actor]

VARY = (b"vary", b"Authorization, Accept, Accept-Encoding")
_WITHOUT_BODY = frozenset({204, 304})
_ONCE_ONLY = (b"authorization", b"host", b"content-length")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_IDS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """What can be set about the edge.

    Args:
        deadline_s: how long a request may take.
        body_bytes_max: the longest request body taken.
        cors_origins: the origins whose pages may read answers; `*` for all.
        trusted_proxies: addresses or networks whose X-Forwarded-For is believed.
    """

    deadline_s: float = 10.0
    body_bytes_max: int = 1_048_576
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()


async def _nothing() -> None:
    """For an app that has nothing to start or stop."""


@dataclass(frozen=True, slots=True)
class Lifespan:
    """What to do before the first request and after the last."""

    start: Callable[[], Awaitable[None]] = _nothing
    stop: Callable[[], Awaitable[None]] = _nothing


@dataclass(frozen=True, slots=True)
class Door:
    """What the edge needs of the app.

    Args:
        routes: who answers, by the first part of the path: `{"v1": Route("rest", …)}`.
        identify: turns the Authorization header's text, or None, into an Actor; raises Unauthenticated.
        ready: returns if the app can serve now, else raises.
        observe: hears of every request.
        lifespan: what to start and stop.
    """

    routes: Mapping[str, Route]
    identify: Identify
    ready: Callable[[], Awaitable[None]]
    observe: Observer = nobody
    options: HttpOptions = field(default_factory=HttpOptions)
    lifespan: Lifespan = field(default_factory=Lifespan)


class Http:
    """An ASGI application (ASGI 3.0) with `/livez`, `/readyz`, `/problems/{code}` and the routes of its door."""

    def __init__(self, door: Door) -> None:
        self._door = door
        # Looked up for every request, so one step away instead of two or three.
        self._routes, self._identify, self._observe = door.routes, door.identify, door.observe
        self._deadline_s = door.options.deadline_s
        self._pages = Pages(tuple(f"/{name}/" for name in door.routes), door.ready)
        self._cors = Cors(frozenset(door.options.cors_origins)) if door.options.cors_origins else None
        self._proxies = networks(door.options.trusted_proxies)
        self._ids: list[str] = []

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one connection's scope."""
        if scope["type"] == "http":
            return self._serve(scope, send)
        if scope["type"] == "lifespan":
            return _live(self._door.lifespan, receive, send)
        return _refuse(receive, send)

    async def _serve(self, scope: Scope, send: Send) -> None:
        started = monotonic()
        headers = joined(scope["headers"])
        request_id = self._request_id(headers)
        client = scope.get("client")
        address = client[0] if client else ""
        if self._proxies:
            address = client_address(address, headers.get(b"x-forwarded-for", b""), self._proxies)
        path, route, actor = "", None, None
        try:
            path, root = _path(scope)
            if len(headers) != len(scope["headers"]) or b"content-length" in headers:
                self._check(scope, headers)
            route = self._routes.get(path[1:].partition("/")[0])
            if route is None:
                response = await self._pages.answer(scope["method"], path)
            else:
                credentials = headers.get(b"authorization")
                actor = self._identify(None if credentials is None else credentials.decode("latin-1"))
                deadline = started + self._deadline_s
                host = headers.get(b"host", b"").decode("latin-1")
                # By position: keywords cost more than all else here.
                request = HttpRequest(
                    scope["method"], path, scope["query_string"], headers, actor, datetime.now(UTC), deadline,
                    request_id, address, host, root,
                )  # fmt: skip
                response = await route.handle(request)
        except Exception as error:
            response = self._refusal(error, request_id, b"authorization" in headers)
        bytes_out = await self._send(scope["method"], headers, response, request_id, send)
        self._observe(
            RequestEnded(
                request_id,
                route.protocol if route else "http",
                response.action,
                scope["method"],
                path,
                response.status,
                monotonic() - started,
                bytes_out,
                response.parameters,
                address,
                actor.id if actor else None,
                response.error_code,
            )
        )

    def _request_id(self, headers: Mapping[bytes, bytes]) -> str:
        given = headers.get(b"x-request-id")
        if given and _REQUEST_ID.fullmatch(given):
            return given.decode()
        if not self._ids:
            self._ids = _request_ids()
        return self._ids.pop()

    def _check(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        if len(headers) != len(scope["headers"]):
            names = [name for name, _ in scope["headers"]]
            for name in _ONCE_ONLY:
                if names.count(name) > 1:
                    raise Malformed(f"the header {name.decode()} is given twice")
        length = headers.get(b"content-length")
        if length is not None and not (length.isdigit() and len(length) < 20):
            raise Malformed("Content-Length is no number")
        if length is not None and int(length) > self._door.options.body_bytes_max:
            raise TooLarge(f"the body is longer than {self._door.options.body_bytes_max} bytes", where="body")

    def _refusal(self, error: Exception, request_id: str, token_shown: bool) -> HttpResponse:
        response = problem(error, request_id, token_shown)
        if isinstance(error, CallerError):
            self._door.observe(Refused(error.code, error.where, request_id))
        elif not isinstance(error, KingpostError) or response.status == 500:
            text = "".join(traceback.format_exception(error))
            self._door.observe(Defect(type(error).__name__, text, request_id))
        return response

    async def _send(
        self, method: str, asked: Mapping[bytes, bytes], response: HttpResponse, request_id: str, send: Send
    ) -> int:
        """Send the response as the method and the caller's headers want it; return how many bytes its body has."""
        if method != "HEAD" and b"accept-encoding" in asked:
            response = compress(response, asked[b"accept-encoding"])
        headers = [*response.headers, VARY, (b"x-request-id", request_id.encode())]
        if self._cors is not None:
            headers += self._cors.headers(asked, response)
        if response.status not in _WITHOUT_BODY:
            headers.append((b"content-length", b"%d" % len(response.body)))
        body = b"" if method == "HEAD" else response.body
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return len(body)


def joined(headers: Iterable[Header]) -> Mapping[bytes, bytes]:
    """Headers by name; lines of one name are one list with commas (RFC 9110, 5.3)."""
    lines = list(headers)
    found = dict(lines)
    if len(found) != len(lines):
        found = {}
        for name, value in lines:
            found[name] = found[name] + b", " + value if name in found else value
    return found


def _path(scope: Scope) -> tuple[str, str]:
    """The path as it stood on the wire, and what the app is mounted below."""
    raw = scope.get("raw_path") or quote(scope["path"], safe="/:@!$&'()*+,;=~").encode()
    root = scope.get("root_path", "")
    try:
        path = raw.decode("ascii")
    except UnicodeDecodeError as error:
        raise Malformed("the path is not percent-encoded") from error
    return (path.removeprefix(root), root) if root else (path, "")


async def _live(lifespan: Lifespan, receive: Receive, send: Send) -> None:
    for phase, act in (("startup", lifespan.start), ("shutdown", lifespan.stop)):
        await receive()
        try:
            await act()
        except Exception as error:
            # The server stops and shows the message; the traceback of a wrong declaration helps nobody.
            message = str(error) if isinstance(error, KingpostError) else "".join(traceback.format_exception(error))
            await send({"type": f"lifespan.{phase}.failed", "message": message})
            return
        await send({"type": f"lifespan.{phase}.complete"})


async def _refuse(receive: Receive, send: Send) -> None:
    """No protocol here speaks WebSocket; closing before accepting is a 403."""
    await receive()
    await send({"type": "websocket.close", "code": 1000})


def _request_ids() -> list[str]:
    """Sixteen random hex digits each; the system is asked once for many."""
    digits = urandom(8 * _IDS_AT_ONCE).hex()
    return [digits[at : at + 16] for at in range(0, len(digits), 16)]
