"""Send a write: never twice, and so that at its end we know whether it was done, or say that we do not.

A read that is late is broken off and forgotten. A write that is late is cancelled on the server, and the server's own
word is waited for: it was cancelled, or it was done after all.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Sequence
from typing import TypeVar

import asyncpg

from kingpost.errors import UnknownOutcome
from kingpost.store.postgres.connections import Connections
from kingpost.store.postgres.failures import Failure, is_gone, too_late
from kingpost.store.postgres.kept import Kept, Records

T = TypeVar("T")


async def send_write(connections: Connections, sql: str, arguments: Sequence[object], deadline: float) -> Records:
    """The records of one statement that writes and is a transaction by itself.

    Raises:
        TooLate: the deadline passed; nothing was written.
        UnknownOutcome: the connection was lost before the server said whether it was done.
        EngineUnavailable: there was no connection to be had; nothing was sent.
        asyncpg.PostgresError: the server refused it; nothing was written.
    """
    kept = connections.idle() or await connections.hold(deadline)
    if time.monotonic() >= deadline:
        connections.release(kept)
        raise too_late()
    held = kept.prepared.get(sql)  # most often it is there: then it is asked without a coroutine more
    sent = kept.fetch(sql, arguments) if held is None else held.fetch(arguments)
    return await settled(connections, kept, deadline, sent)


async def settled(connections: Connections, kept: Kept, deadline: float, sent: Awaitable[T]) -> T:
    """What the server says to something that changes it for good; `kept` is given back.

    Raises:
        TooLate, UnknownOutcome, asyncpg.PostgresError: as `send_write`.
    """
    late = connections.late
    late.begin(kept, deadline)
    broken = True
    try:
        found = await sent
        broken = False
        return found
    except Failure as error:
        # A ValueError is of an argument that the driver could not encode: nothing was sent.
        broken = not isinstance(error, ValueError) and (is_gone(error) or not isinstance(error, asyncpg.PostgresError))
        if broken:
            raise _unknown() from error
        raise
    finally:
        if late.end(kept):
            # A cancellation may still be on its way to it, and must not meet somebody else's statement.
            kept.connection.terminate()
        connections.release(kept, broken=broken)


def _unknown() -> UnknownOutcome:
    return UnknownOutcome(
        "the connection to PostgreSQL was lost while a write was under way: it was done wholly, or not at all",
        hint="read the row before you try again; or send an Idempotency-Key, and repeat the request",
    )
