"""What a protocol over HTTP takes and gives: a request and a response, free of ASGI; and ASGI's own types.

Both are msgspec structs, as `call.py` has them: they are made for every request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from msgspec import Struct

from kingpost.call import Actor

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]

JSON_TYPE = (b"content-type", b"application/json")


class HttpRequest(Struct, frozen=True):
    """One request, known by who sent it.

    Args:
        method: in capitals; HEAD arrives as itself.
        path: as it stood on the wire, percent-encoded, without the query.
        query: as it stood on the wire, without the question mark.
        headers: by lower-case name; repeated ones joined by a comma (RFC 9110, 5.3).
        actor: who asks.
        now: the time of the request, aware, UTC.
        deadline: `time.monotonic()` seconds after which no answer is wanted.
        request_id: what ties log lines together.
        address: the caller's network address, "" where there is none (a Unix socket).
        host: the host the caller addressed.
        root: what stood before `path` where the app is mounted below a prefix, else "".
        body: whole; of GET, HEAD and OPTIONS it is not read.
    """

    method: str
    path: str
    query: bytes
    headers: Mapping[bytes, bytes]
    actor: Actor
    now: datetime
    deadline: float
    request_id: str = ""
    address: str = ""
    host: str = ""
    root: str = ""
    body: bytes = b""


class HttpResponse(Struct, frozen=True):
    """What goes back.

    Args:
        status: of RFC 9110, 15.
        headers: what is particular to this answer; Content-Length, X-Request-ID, Vary and the like come on the way out.
        body: whole; HEAD drops it on the way out.
        action: what was done, for the access log, such as `flights.list`.
        parameters: the names of the query's parameters, for the access log.
        error_code: of the error this tells of.
    """

    status: int
    headers: list[Header]
    body: bytes = b""
    action: str = ""
    parameters: tuple[str, ...] = ()
    error_code: str | None = None


Handler: TypeAlias = Callable[[HttpRequest], Awaitable[HttpResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """A protocol and what answers its requests."""

    protocol: str
    handle: Handler
