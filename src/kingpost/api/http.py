"""The ASGI edge: receives a request, finds out who asks, hands it to its protocol, sends what comes back."""

from __future__ import annotations

import re
import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from os import urandom
from time import monotonic
from typing import Any, TypeAlias
from urllib.parse import quote

from kingpost.api.body import body_of
from kingpost.api.compression import compress
from kingpost.api.cors import Cors
from kingpost.api.forwarded import client_address, networks
from kingpost.api.message import Header, HttpRequest, HttpResponse, Receive, Route, Scope, Send
from kingpost.api.mounted import Passing, mount_at
from kingpost.api.own_routes import Mount
from kingpost.api.pages import Pages
from kingpost.api.problem import problem
from kingpost.call import Actor
from kingpost.deadlines import Deadlines
from kingpost.errors import CallerError, KingpostError, Malformed, TooLarge
from kingpost.observe import Defect, Observer, Refused, RequestEnded, nobody

Identify: TypeAlias = Callable[[str | None], Actor]

VARY = (b"vary", b"Authorization, Accept, Accept-Encoding")
_WITHOUT_BODY = frozenset({204, 304})
_NO_BODY_READ = frozenset({"GET", "HEAD", "OPTIONS"})
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
        mounts: the applications that answer all below their prefixes.
        documents: by path, what is answered as it is, such as the contract.
    """

    routes: Mapping[str, Route]
    identify: Identify
    ready: Callable[[], Awaitable[None]]
    observe: Observer = nobody
    options: HttpOptions = field(default_factory=HttpOptions)
    lifespan: Lifespan = field(default_factory=Lifespan)
    mounts: tuple[Mount, ...] = ()
    documents: Mapping[str, HttpResponse] = field(default_factory=dict)


class Http:
    """An ASGI application (ASGI 3.0) with `/livez`, `/readyz`, `/problems/{code}` and the routes of its door."""

    def __init__(self, door: Door) -> None:
        self._door = door
        # Looked up for every request, so one step away instead of two or three.
        self._routes, self._identify, self._observe = door.routes, door.identify, door.observe
        self._deadline_s, self._body_bytes_max = door.options.deadline_s, door.options.body_bytes_max
        self._pages = Pages(tuple(f"/{name}/" for name in door.routes), door.ready, door.documents)
        self._cors = Cors(frozenset(door.options.cors_origins)) if door.options.cors_origins else None
        self._proxies = networks(door.options.trusted_proxies)
        self._deadlines = Deadlines()
        self._ids = chain.from_iterable(iter(_request_ids, []))  # without end: there is always another list

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one connection's scope."""
        if scope["type"] == "http":
            return self._serve(scope, receive, send)
        if scope["type"] == "lifespan":
            return _live(self._door.lifespan, receive, send)
        return self._talk(scope, receive, send) if self._door.mounts else _refuse(receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = monotonic()
        lines = scope["headers"]
        headers = dict(lines)
        repeated = len(headers) != len(lines)
        if repeated:
            headers = joined(lines)
        request_id = self._request_id(headers) if b"x-request-id" in headers else next(self._ids)
        client = scope.get("client")
        address = client[0] if client else ""
        if self._proxies:
            address = client_address(address, headers.get(b"x-forwarded-for", b""), self._proxies)
        method, path, route, actor = scope["method"], "", None, None
        try:
            path, root = _path(scope)
            if repeated or b"content-length" in headers:
                self._check(scope, headers)
            route = self._routes.get(path[1:].partition("/")[0])
            if route is None:
                if mount := mount_at(path, self._door.mounts):
                    await self._pass_on(Passing(mount, path, request_id, address, started), scope, receive, send)
                    return
                response = await self._pages.answer(method, path)
            else:
                credentials = headers.get(b"authorization")
                actor = self._identify(None if credentials is None else credentials.decode("latin-1"))
                deadline = started + self._deadline_s
                host, body = headers.get(b"host", b"").decode("latin-1"), b""
                if method not in _NO_BODY_READ:
                    body = await body_of(receive, self._body_bytes_max, deadline, self._deadlines)
                # By position: keywords cost more than all else here.
                request = HttpRequest(
                    method, path, scope["query_string"], headers, actor, datetime.now(UTC), deadline,
                    request_id, address, host, root, body,
                )  # fmt: skip
                response = await route.handle(request)
        except Exception as error:
            response = self._refusal(error, request_id, b"authorization" in headers)
        start, end = self._outgoing(method, headers, response, request_id)
        await send(start)
        await send(end)
        self._observe(
            RequestEnded(
                request_id,
                route.protocol if route else "http",
                response.action,
                method,
                path,
                response.status,
                monotonic() - started,
                len(end["body"]),
                response.parameters,
                address,
                actor.id if actor else None,
                response.error_code,
            )
        )

    async def _pass_on(self, passing: Passing, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a mounted app answer; it checks by itself who asks, and has all the time it takes."""
        refusal = None
        try:
            await passing.http(scope, receive, send)
        except Exception as error:
            refusal = self._defect(error, passing.request_id)
            if not passing.status:
                passing.status = refusal.status
                start, end = self._outgoing(scope["method"], {}, refusal, passing.request_id)
                await send(start)
                await send(end)
                passing.bytes_out = len(end["body"])
        self._observe(passing.ended(scope["method"], refusal))

    async def _talk(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket: no protocol here speaks it, a mounted app may."""
        started, path, refusal = monotonic(), _path(scope)[0], None
        mount = mount_at(path, self._door.mounts)
        if mount is None:
            await _refuse(receive, send)
            return
        headers = joined(scope["headers"])
        passing = Passing(mount, path, self._request_id(headers), self._address(scope, headers), started)
        try:
            await passing.websocket(scope, receive, send)
        except Exception as error:
            refusal = self._defect(error, passing.request_id)
            passing.status = passing.status or refusal.status
        # A WebSocket begins as a GET (RFC 6455, 1.3).
        self._observe(passing.ended("GET", refusal))

    def _defect(self, error: Exception, request_id: str) -> HttpResponse:
        """A mounted app's error is a defect, of whatever kind it is: nothing in it was meant for callers here."""
        self._observe(Defect(type(error).__name__, "".join(traceback.format_exception(error)), request_id))
        return problem(RuntimeError(), request_id)

    def _address(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str:
        client = scope.get("client")
        address: str = client[0] if client else ""
        return (
            client_address(address, headers.get(b"x-forwarded-for", b""), self._proxies) if self._proxies else address
        )

    def _request_id(self, headers: Mapping[bytes, bytes]) -> str:
        given = headers.get(b"x-request-id")
        return given.decode() if given and _REQUEST_ID.fullmatch(given) else next(self._ids)

    def _check(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        if len(headers) != len(scope["headers"]):
            names = [name for name, _ in scope["headers"]]
            for name in _ONCE_ONLY:
                if names.count(name) > 1:
                    raise Malformed(f"the header {name.decode()} is given twice")
        length = headers.get(b"content-length")
        if length is not None and not (length.isdigit() and len(length) < 20):
            raise Malformed("Content-Length is no number")
        if length is not None and int(length) > self._body_bytes_max:
            raise TooLarge(f"the body is longer than {self._body_bytes_max} bytes", where="body")

    def _refusal(self, error: Exception, request_id: str, token_shown: bool) -> HttpResponse:
        response = problem(error, request_id, token_shown)
        if isinstance(error, CallerError):
            self._door.observe(Refused(error.code, error.where, request_id))
        elif not isinstance(error, KingpostError) or response.status == 500:
            text = "".join(traceback.format_exception(error))
            self._door.observe(Defect(type(error).__name__, text, request_id))
        return response

    def _outgoing(
        self, method: str, asked: Mapping[bytes, bytes], response: HttpResponse, request_id: str
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The response as two ASGI messages, as the method and the caller's headers want it."""
        if method != "HEAD" and b"accept-encoding" in asked:
            response = compress(response, asked[b"accept-encoding"])
        headers = [*response.headers, VARY, (b"x-request-id", request_id.encode())]
        if self._cors is not None:
            headers += self._cors.headers(asked, response)
        if response.status not in _WITHOUT_BODY:
            headers.append((b"content-length", b"%d" % len(response.body)))
        body = b"" if method == "HEAD" else response.body
        start = {"type": "http.response.start", "status": response.status, "headers": headers}
        return start, {"type": "http.response.body", "body": body}


def joined(headers: Iterable[Header]) -> dict[bytes, bytes]:
    """Headers by name; lines of one name are one list with commas (RFC 9110, 5.3)."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found[name] = found[name] + b", " + value if name in found else value
    return found


def _path(scope: Scope) -> tuple[str, str]:
    """The path as it stood on the wire, and what the app is mounted below."""
    raw = scope.get("raw_path") or quote(scope["path"], safe="/:@!$&'()*+,;=~").encode()
    if not raw.isascii():
        raise Malformed("the path is not percent-encoded")
    path, root = raw.decode(), scope.get("root_path")
    return (path.removeprefix(root), root) if root else (path, "")


async def refuse_start(error: KingpostError, receive: Receive, send: Send) -> None:
    """Answer a lifespan where there is nothing that could be started: the server ends, and shows the message."""
    await receive()
    await send({"type": "lifespan.startup.failed", "message": str(error)})


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
    """Closing before accepting is a 403."""
    await receive()
    await send({"type": "websocket.close", "code": 1000})


def _request_ids() -> list[str]:
    """Sixteen random hex digits each; the system is asked once for many."""
    digits = urandom(8 * _IDS_AT_ONCE).hex()
    return [digits[at : at + 16] for at in range(0, len(digits), 16)]
