"""What a team's own endpoint answers, and how that becomes HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

import msgspec
from msgspec import Struct

from kingpost.api.message import HttpResponse
from kingpost.model.manifest import Manifest
from kingpost.query.rendering import rendered

Plain: TypeAlias = Callable[[object], object]

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
# RFC 9110, 5.5: visible letters, spaces and tabs; a line break would begin a header of its own.
_VALUE = re.compile(r"[\x20-\x7e\x80-\xff\t]*")
_OURS = frozenset({"content-length", "transfer-encoding", "connection", "content-type", "vary", "x-request-id"})
_WITHOUT_BODY = frozenset({204, 304})
# What has another form in our JSON than msgspec gives it.
_OURS_TO_WRITE = (datetime, date, time, timedelta, Decimal, UUID, bytes)


class Response(Struct, frozen=True):
    """The answer of an endpoint declared with `@app.route`.

    Args:
        body: bytes as they are, a str as text, None for nothing, else what JSON can be made of: rows too, which stand
            in it as they do in every answer, with what their objects hold of public fields and relations.
        status: of RFC 9110, 15; 200 to 599.
        headers: more headers, by name; Content-Type is `media_type`, Content-Length comes by itself.
        media_type: of the body; else by its kind: application/json, text/plain or application/octet-stream.

    Raises:
        ValueError: there is no such status, or a header cannot be sent.
    """

    body: object = None
    status: int = 200
    headers: Mapping[str, str] = {}
    media_type: str | None = None

    def __post_init__(self) -> None:
        if not 200 <= self.status <= 599:
            raise ValueError(f"there is no status {self.status}: it is from 200 to 599")
        for name, value in (*self.headers.items(), ("media_type", self.media_type or "")):
            if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
                raise ValueError(f"the header {name[:40]!r} cannot be sent: its name or value holds what no header may")
            if name.lower() in _OURS:
                raise ValueError(f"the header {name} is set by Kingpost; the type of the body is media_type")


def plain_of(manifest: Manifest, classes: Mapping[str, type]) -> Plain:
    """What makes what JSON has of a body: values in the form all protocols' JSON has, objects of `classes` by field.

    The function raises TypeError for what JSON has nothing for.
    """
    members = {
        cls: (*manifest.entities[name].public(), *manifest.entities[name].relations) for name, cls in classes.items()
    }

    def row(value: object) -> object:
        if type(value) not in members:
            raise TypeError(f"JSON has nothing for a {type(value).__name__}")
        held = vars(value)
        return {name: held[name] for name in members[type(value)] if name in held}

    def plain(body: object) -> object:
        return rendered(msgspec.to_builtins(body, builtin_types=_OURS_TO_WRITE, str_keys=True, enc_hook=row))

    return plain


def http_response(response: Response, action: str = "", plain: Plain = rendered) -> HttpResponse:
    """The response as it is sent.

    Args:
        response: what the endpoint returned.
        action: what was done, for the access log.
        plain: makes what JSON has of the body.

    Raises:
        TypeError: its body is nothing that JSON can be made of.
    """
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in response.headers.items()]
    if response.body is None or response.status in _WITHOUT_BODY:
        return HttpResponse(response.status, headers, action=action)
    body, kind = _body(response.body, plain)
    headers.append((b"content-type", (response.media_type or kind).encode("latin-1")))
    return HttpResponse(response.status, headers, body, action)


def _body(body: object, plain: Plain) -> tuple[bytes, str]:
    match body:
        case bytes():
            return body, "application/octet-stream"
        case str():
            return body.encode(), "text/plain; charset=utf-8"
        case _:
            return msgspec.json.encode(plain(body)), "application/json"
