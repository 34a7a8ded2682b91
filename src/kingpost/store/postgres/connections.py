"""A lean list of kept connections: waiters are first come first served, broken ones are replaced, a lost server is
told of at once.

asyncpg's own Pool resets a connection after each use and so costs more than the statements we run through it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from kingpost.deadlines import Deadlines
from kingpost.errors import EngineFailed, EngineUnavailable, KingpostError
from kingpost.observe import EngineLost, EngineRecovered, EngineRefused, Observer, nobody
from kingpost.store.postgres.failures import (
    ENGINE,
    Failure,
    is_gone,
    is_silent,
    sqlstate,
    too_late,
    translated,
    unavailable,
)
from kingpost.store.postgres.gate import Gate
from kingpost.store.postgres.kept import CONNECT_TIMEOUT_S, Connection, Kept, Records, Settings, connect
from kingpost.store.postgres.late import Late

CANCEL_TIMEOUT_S = 2.0


class Connections:
    """The kept connections to one server. Opened as they are needed; the one used last is used next.

    Args:
        url: of the server; never shown.
        settings: of each connection.
        observe: is told when the server is lost, is back, or refuses a statement.
    """

    __slots__ = (
        "_closed",
        "_deadlines",
        "_gate",
        "_idle",
        "_observe",
        "_open",
        "_settings",
        "_tasks",
        "_url",
        "_waiting",
        "last_used_s",
        "late",
        "transactions",
    )

    def __init__(self, url: str, settings: Settings, observe: Observer = nobody) -> None:
        self._url = url
        self._settings = settings
        self._observe = observe
        self._idle: list[Kept] = []
        self._waiting: deque[asyncio.Future[Kept | None]] = deque()
        self._open = 0
        self._gate = Gate()
        self._deadlines = Deadlines()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self.last_used_s = -1.0
        self.late = Late(self._connect_beside)
        # Half of the connections stay for what needs one only for a moment.
        self.transactions = asyncio.Semaphore(max(1, settings.size // 2))

    async def fetch(self, sql: str, arguments: Sequence[object], deadline: float) -> Records:
        """The records of one read.

        Args:
            sql: the statement; it only reads, so it may be sent a second time.
            arguments: its parameters.
            deadline: `time.monotonic()` seconds; the statement is then cancelled on the server.

        Raises:
            TooLate: the deadline passed while it ran.
            EngineUnavailable: there is no connection to be had, or it broke.
            EngineFailed: PostgreSQL refused the statement.
        """
        # This stands on the way of every request: no function or coroutine more than it takes.
        for again in (True, False):
            kept = self._idle.pop() if self._idle else await self._take(deadline)
            now = time.monotonic()
            if now >= deadline:
                self._give_back(kept)
                raise too_late()
            held = kept.prepared.get(sql)
            task = self._deadlines.begin(deadline)
            try:
                records = await (kept.fetch(sql, arguments) if held is None else held.fetch(arguments))
            except Failure as error:
                self._deadlines.end(task)
                self._end(kept, error)
                # It may have died while it lay idle. This one only reads, so it is asked again, once, on another.
                if again and is_silent(error):
                    continue
                raise self.refused(error) from error
            except BaseException:
                self._mend(kept)
                if self._deadlines.end(task):
                    raise too_late() from None
                raise
            self._deadlines.end(task)
            if self._waiting or self._closed:
                self._give_back(kept)
            else:
                self._idle.append(kept)
            self.last_used_s = now
            return records
        raise AssertionError("the second time returns or raises")

    @asynccontextmanager
    async def one(self, deadline: float) -> AsyncIterator[Connection]:
        """A connection to oneself, for transactions and COPY; errors are translated as by `fetch`."""
        try:
            kept = await self._take(deadline)
        except Failure as error:
            raise self.refused(error) from error
        broken = True
        try:
            yield kept.connection
            broken = False
        except KingpostError:  # raised over what the database said, not by it
            broken = kept.connection.is_closed() or kept.connection.is_in_transaction()
            raise
        except Failure as error:
            raise self.refused(error) from error
        finally:
            if broken:
                self._mend(kept)
            else:
                self._give_back(kept)

    def idle(self) -> Kept | None:
        """A connection to oneself as `hold` gives it, if there is one at once."""
        while self._idle and not self._closed:
            kept = self._idle.pop()
            if not kept.connection.is_closed():
                return kept
            self._open -= 1
        return None

    async def hold(self, deadline: float) -> Kept:
        """A connection to oneself, to be given back by `release`.

        Raises:
            EngineUnavailable: there is none to be had by the deadline.
        """
        try:
            return await self._take(deadline)
        except Failure as error:
            raise self.refused(error) from error

    def release(self, kept: Kept, *, broken: bool = False) -> None:
        """Give back what was held; `broken`: something may be under way on it, or a transaction open."""
        if broken:
            self._mend(kept)
        else:
            self._give_back(kept)

    async def restore(self, kept: Kept) -> None:
        """Give back what was held once its transaction is rolled back."""
        task = self._mend(kept)
        if task is not None:
            await asyncio.wait([task])

    def start(self) -> None:
        """Serve (again)."""
        self._closed = False

    async def close(self) -> None:
        """Close them all, those in use as they are given back. Safe to call twice."""
        self._closed = True
        while self._waiting:
            self._hand(self._waiting.popleft(), None)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.late.close()
        while self._idle:
            await self._close(self._idle.pop())
        await asyncio.sleep(0)  # those that were broken off are closed by the loop

    def _end(self, kept: Kept, error: BaseException) -> None:
        """Give back a connection whose statement failed, if it is none the worse for it."""
        refused = isinstance(error, asyncpg.PostgresError) and not is_gone(error)
        # A ValueError is of an argument that the driver could not encode: nothing was sent.
        if refused or isinstance(error, ValueError):
            self._give_back(kept)
        else:
            self._mend(kept)

    # --- Taking and giving back --------------------------------------------------------------------------------------

    async def _take(self, deadline: float) -> Kept:
        """An idle connection, else a new one, else the next that is given back."""
        while True:
            if self._closed:
                raise unavailable("the store is closed")
            if kept := self.idle():
                return kept
            if self._open == 0 or (self._open < self._settings.size and not self._gate.lost):
                return await self._connect(deadline)
            given = await self._wait(deadline)
            if given is not None:
                return given

    async def _wait(self, deadline: float) -> Kept | None:
        """What is given back next; None: there is room to look again."""
        future: asyncio.Future[Kept | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        task = self._deadlines.begin(deadline)
        try:
            given = await future
        except asyncio.CancelledError:
            self._forget(future)
            if self._deadlines.end(task):
                raise unavailable("all connections were in use until the deadline") from None
            raise
        self._deadlines.end(task)
        return given

    def _forget(self, future: asyncio.Future[Kept | None]) -> None:
        """A waiter that gave up may have been handed something at the same moment."""
        if not future.done() or future.cancelled():
            future.cancel()
            return
        given = future.result()
        if given is not None:
            self._give_back(given)
        else:
            self._wake()

    def _give_back(self, kept: Kept) -> None:
        if self._closed or kept.connection.is_closed():
            self._drop(kept)
            return
        while self._waiting:
            if self._hand(self._waiting.popleft(), kept):
                return
        self._idle.append(kept)

    def _drop(self, kept: Kept) -> None:
        self._open -= 1
        if not kept.connection.is_closed():
            kept.connection.terminate()
        self._wake()

    def _wake(self) -> None:
        """There is room for a connection: let who waits longest look."""
        while self._waiting:
            if self._hand(self._waiting.popleft(), None):
                return

    def _hand(self, future: asyncio.Future[Kept | None], kept: Kept | None) -> bool:
        if future.done():
            return False
        future.set_result(kept)
        return True

    # --- Making and mending ------------------------------------------------------------------------------------------

    async def _connect(self, deadline: float) -> Kept:
        """A new connection. Only one is tried at a time while the server is lost; others are told so at once."""
        self._gate.enter()
        self._open += 1
        left_s = min(CONNECT_TIMEOUT_S, deadline - time.monotonic())
        try:
            kept = await connect(self._url, self._settings, max(left_s, 0.001))
        except BaseException as error:
            self._open -= 1
            self._wake()
            if isinstance(error, Failure):
                raise self._lost(error, cut_short=left_s < CONNECT_TIMEOUT_S) from error
            self._gate.leave()
            raise
        gone_s = self._gate.reached()
        if gone_s is not None:
            self._observe(EngineRecovered(ENGINE, gone_s))
        return kept

    async def _connect_beside(self) -> Connection:
        """One more, for a moment: all others may be what it is to cancel."""
        return (await connect(self._url, self._settings, CONNECT_TIMEOUT_S)).connection

    def _lost(self, error: BaseException, *, cut_short: bool) -> EngineUnavailable:
        """The server cannot be reached; a deadline that left it little time proves nothing."""
        if isinstance(error, TimeoutError) and cut_short:
            self._gate.leave()
            return unavailable("no connection before the deadline")
        why = f"{sqlstate(error)} {type(error).__name__}"
        if self._gate.missed():
            self._observe(EngineLost(ENGINE, why))
        return unavailable(why)

    def refused(self, error: BaseException) -> KingpostError:
        """The error of ours for what the driver raised; a defect of ours is told of."""
        found = translated(error)
        if isinstance(found, EngineFailed):
            self._observe(EngineRefused(ENGINE, sqlstate(error), found.message))
        return found

    def _mend(self, kept: Kept) -> asyncio.Task[None] | None:
        """A connection whose statement did not come to its end: used again once the server has let go of it."""
        if self._closed or kept.connection.is_closed():
            self._drop(kept)
            return None
        task = asyncio.get_running_loop().create_task(self._mended(kept))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _mended(self, kept: Kept) -> None:
        try:
            async with asyncio.timeout(CANCEL_TIMEOUT_S):
                await kept.connection.execute("ROLLBACK" if kept.connection.is_in_transaction() else "SELECT 1")
                if kept.connection.is_in_transaction():  # a BEGIN that was broken off has come through
                    await kept.connection.execute("ROLLBACK")
        except (*Failure, asyncio.CancelledError):
            self._drop(kept)  # a new one takes its place when it is needed
        else:
            self._give_back(kept)

    async def _close(self, kept: Kept) -> None:
        self._open -= 1
        try:
            await kept.connection.close(timeout=CANCEL_TIMEOUT_S)
        except Failure:
            kept.connection.terminate()
