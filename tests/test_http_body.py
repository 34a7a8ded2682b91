"""Receiving a body: whole or in pieces, no longer than is taken, no slower than its deadline, and only where one is wanted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, MutableMapping
from time import monotonic
from typing import Any

import pytest

from kingpost.api.body import body_of
from kingpost.api.http import HttpOptions
from kingpost.api.message import HttpRequest, HttpResponse
from kingpost.deadlines import Deadlines
from kingpost.errors import Malformed, TooLarge, TooLate
from tests.asgi import Desk

Message = MutableMapping[str, Any]
GONE: Message = {"type": "http.disconnect"}


def piece(body: bytes, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


class Sent:
    """What a client sends, message by message; after the last it is silent."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self.left = list(messages)

    async def __call__(self) -> Message:
        if not self.left:
            await asyncio.Event().wait()
        return self.left.pop(0)


async def received(*messages: Message, bytes_max: int = 10, within_s: float = 5.0) -> bytes:
    return await body_of(Sent(messages), bytes_max, monotonic() + within_s, Deadlines())


@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        ([b"whole"], b"whole"),
        ([b"in ", b"pieces"], b"in pieces"),
        ([b"", b"", b"late"], b"late"),
        ([b"ends", b""], b"ends"),
        ([b""], b""),
        ([b"0123456789"], b"0123456789"),
    ],
)
async def test_a_body_comes_whole_or_in_pieces(pieces: list[bytes], body: bytes) -> None:
    *first, last = pieces
    assert await received(*map(piece, first), piece(last, more=False)) == body


async def test_a_message_may_leave_out_what_is_empty() -> None:
    assert await received({"type": "http.request"}) == b""


async def test_a_body_is_no_longer_than_is_taken_whatever_its_length_is_said_to_be() -> None:
    with pytest.raises(TooLarge) as refusal:
        await received(piece(b"012345"), piece(b"67890"), bytes_max=10)
    assert refusal.value.where == "body"


async def test_of_a_body_that_is_too_long_no_more_is_read() -> None:
    sent = Sent([piece(b"0" * 11), piece(b"more"), piece(b"and more", more=False)])
    with pytest.raises(TooLarge):
        await body_of(sent, 10, monotonic() + 5, Deadlines())
    assert len(sent.left) == 2


async def test_a_body_that_does_not_end_in_time_is_given_up() -> None:
    with pytest.raises(TooLate):
        await received(piece(b"half"), within_s=0.05)


async def test_a_client_that_leaves_is_not_waited_for() -> None:
    with pytest.raises(Malformed, match="ended"):
        await received(piece(b"half"), GONE)


# --- At the edge -----------------------------------------------------------------------------------------------------


async def served(method: str, *messages: Message, **options: Any) -> tuple[int, dict[str, Any], list[Message]]:
    """The status, the answer and what was left unread of a request with these messages."""

    async def echo(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, [], json.dumps({"body": request.body.decode()}).encode())

    sent, out = Sent(messages), list[Message]()
    scope = {"type": "http", "method": method, "path": "/v1/x", "query_string": b"", "headers": [], "client": None}

    async def send(message: Message) -> None:
        out.append(message)

    await Desk(handler=echo, options=HttpOptions(**options)).http(scope, sent, send)
    return out[0]["status"], json.loads(out[1]["body"]), sent.left


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_the_handler_gets_the_body_of_what_may_write(method: str) -> None:
    assert (await served(method, piece(b"a"), piece(b"b", more=False)))[:2] == (200, {"body": "ab"})


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_the_body_of_a_read_is_left_alone(method: str) -> None:
    assert await served(method, piece(b"a")) == (200, {"body": ""}, [piece(b"a")])


@pytest.mark.parametrize(
    ("messages", "options", "status"),
    [
        ([piece(b"0" * 9), piece(b"0" * 9)], {"body_bytes_max": 10}, 413),
        ([piece(b"0")], {"deadline_s": 0.05}, 503),
        ([piece(b"0"), GONE], {}, 400),
    ],
)
async def test_a_body_that_is_not_to_be_had_is_a_refusal(
    messages: list[Message], options: dict[str, Any], status: int
) -> None:
    assert (await served("POST", *messages, **options))[0] == status
