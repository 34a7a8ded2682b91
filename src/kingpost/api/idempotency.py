"""The Idempotency-Key of a request (IETF httpapi draft), and a response as it is kept under one."""

from __future__ import annotations

import re

import msgspec

from kingpost.api.message import HttpRequest, HttpResponse
from kingpost.errors import Malformed

_KEY = re.compile(r'(?P<quote>"?)([\x21\x23-\x5b\x5d-\x7e]{1,255})(?P=quote)')
_decode = msgspec.msgpack.Decoder(HttpResponse).decode


def idempotency_key(request: HttpRequest) -> str:
    """The Idempotency-Key, "" without one.

    Raises:
        Malformed: it is empty, too long or holds other than visible ASCII.
    """
    given = request.headers.get(b"idempotency-key")
    if given is None:
        return ""
    found = _KEY.fullmatch(given.decode("latin-1").strip())
    if found is None:
        raise Malformed(
            "the Idempotency-Key is not 1 to 255 visible ASCII characters", hint="take a UUID", where="Idempotency-Key"
        )
    return found[2]


def kept(response: HttpResponse) -> bytes:
    """A response, to be given again."""
    return msgspec.msgpack.encode(response)


def given_again(kept: bytes) -> HttpResponse:
    """The response that was kept."""
    return _decode(kept)
