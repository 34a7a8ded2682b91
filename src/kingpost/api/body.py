"""Receive the body of a request: no longer than we take, and no slower than its deadline."""

from __future__ import annotations

from kingpost.api.message import Receive
from kingpost.deadlines import Deadlines
from kingpost.errors import Malformed, TooLarge, TooLate


async def body_of(receive: Receive, bytes_max: int, deadline: float, deadlines: Deadlines) -> bytes:
    """The whole body.

    Args:
        receive: ASGI's.
        bytes_max: the longest that is taken.
        deadline: `time.monotonic()` seconds by which it has to be there.
        deadlines: break off what takes too long.

    Raises:
        TooLarge: it is longer.
        TooLate: it was not there in time.
        Malformed: the caller left before its end.
    """
    task = deadlines.begin(deadline)
    try:
        body = await _received(receive, bytes_max)
    except BaseException:
        if deadlines.end(task):
            raise TooLate("the body was not there in time") from None
        raise
    deadlines.end(task)
    return body


async def _received(receive: Receive, bytes_max: int) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Malformed("the request ended before its body did")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > bytes_max:
            raise TooLarge(f"the body is longer than {bytes_max} bytes", where="body")
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)
