"""Cancels writes on the server once their deadline is past, and leaves it to the server to say what became of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from kingpost.store.postgres.failures import Failure
from kingpost.store.postgres.kept import Connection, Kept

EVERY_S = 0.02
GRACE_S = 2.0
"""So long the server has to answer a cancellation; then the connection is broken off."""


class Late:
    """The connections on which a write is under way, and until when.

    Args:
        connect: makes the connection by which others are cancelled; asked for each time that some are late.
    """

    __slots__ = ("_cancelled", "_connect", "_task", "_timer", "_until")

    def __init__(self, connect: Callable[[], Awaitable[Connection]]) -> None:
        self._connect = connect
        self._until: dict[Kept, float] = {}
        self._cancelled: set[Kept] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self, kept: Kept, deadline: float) -> None:
        """What runs on `kept` from now on is cancelled once `time.monotonic()` is past `deadline`."""
        self._until[kept] = deadline
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(EVERY_S, self._look)

    def end(self, kept: Kept) -> bool:
        """It has ended; whether a cancellation was sent, which may reach the connection even later."""
        self._until.pop(kept, None)
        if kept not in self._cancelled:
            return False
        self._cancelled.remove(kept)
        return True

    async def close(self) -> None:
        """Cancel no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def _look(self) -> None:
        now = time.monotonic()
        late = [kept for kept, until in self._until.items() if now >= until and kept not in self._cancelled]
        for kept in self._cancelled:
            if now >= self._until[kept] + GRACE_S:
                kept.connection.terminate()  # whoever waits for it is told that the outcome is unknown
        if late and (self._task is None or self._task.done()):
            self._cancelled.update(late)
            self._task = asyncio.get_running_loop().create_task(self._cancel(late))
        # While nothing is under way there is no timer; the next write sets one.
        self._timer = asyncio.get_running_loop().call_later(EVERY_S, self._look) if self._until else None

    async def _cancel(self, late: list[Kept]) -> None:
        numbers = [kept.connection.get_server_pid() for kept in late if kept in self._cancelled]
        try:
            async with asyncio.timeout(GRACE_S):
                connection = await self._connect()
                try:
                    await connection.execute(
                        f"SELECT pg_cancel_backend(pid) FROM unnest(ARRAY[{', '.join(map(str, numbers))}]::int[]) pid"
                    )
                finally:
                    connection.terminate()
        except Failure:
            return  # the server is gone, or says nothing: the connections are broken off when their grace ends
