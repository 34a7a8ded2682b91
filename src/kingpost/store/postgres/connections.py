"""A lean list of kept connections: waiters are first come first served, broken ones are replaced, a lost server is
told of at once.

asyncpg's own Pool resets a connection after each use and so costs more than the statements we run through it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg

from kingpost.errors import EngineFailed, EngineUnavailable
from kingpost.observe import EngineLost, EngineRecovered, EngineRefused, Observer, nobody
from kingpost.store.postgres.codecs import set_codecs
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
from kingpost.store.postgres.prepared import Prepared

CONNECT_TIMEOUT_S = 5.0
RECONNECT_MIN_S, RECONNECT_MAX_S = 0.05, 2.0
CANCEL_TIMEOUT_S = 2.0

Connection: TypeAlias = "asyncpg.Connection[Any]"  # a generic in its stubs only
Records: TypeAlias = list[Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """How connections are made.

    Args:
        size: how many at most.
        statement_timeout_s: after which the server ends a statement by itself, should we be gone.
        application_name: what the server's activity view shows.
    """

    size: int = 8
    statement_timeout_s: float = 60.0
    application_name: str = "kingpost"

    def of_session(self) -> dict[str, str]:
        """What the server is told at connect, without a statement."""
        return {
            "application_name": self.application_name,
            "jit": "off",
            "TimeZone": "UTC",
            "search_path": "public",
            "statement_timeout": str(int(self.statement_timeout_s * 1_000)),
            # Data that is served is cached. With the usual costs, planning seems cheap beside reading, and PostgreSQL
            # plans every nested or paged statement anew: twice the time.
            "seq_page_cost": "0.1",
            "random_page_cost": "0.1",
        }


class Kept:
    """A connection and the statements it has prepared."""

    __slots__ = ("connection", "prepared")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.prepared = Prepared()

    async def fetch(self, sql: str, arguments: Sequence[object], timeout_s: float) -> Records:
        """Run one statement; from its second time on it is prepared."""
        statement = self.prepared.get(sql)
        if statement is None:
            if not self.prepared.wanted(sql):
                return await self.connection.fetch(sql, *arguments, timeout=timeout_s)
            # Without a name the driver would make it anew each time, and PostgreSQL never get to a generic plan.
            name = f"kingpost_{self.prepared.next_number()}"
            statement = self.prepared.hold(sql, await self.connection.prepare(sql, name=name, timeout=timeout_s))
        return await statement.fetch(*arguments, timeout=timeout_s)


class Connections:
    """The kept connections to one server. Opened as they are needed; the one used last is used next.

    Args:
        url: of the server; never shown.
        settings: of each connection.
        observe: is told when the server is lost, is back, or refuses a statement.
    """

    __slots__ = (
        "_closed",
        "_gate",
        "_idle",
        "_observe",
        "_open",
        "_settings",
        "_tasks",
        "_url",
        "_waiting",
        "last_used_s",
    )

    def __init__(self, url: str, settings: Settings, observe: Observer = nobody) -> None:
        self._url = url
        self._settings = settings
        self._observe = observe
        self._idle: list[Kept] = []
        self._waiting: deque[asyncio.Future[Kept | None]] = deque()
        self._open = 0
        self._gate = Gate()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self.last_used_s = -1.0

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
        try:
            return await self._fetch(sql, arguments, deadline)
        except Failure as error:
            if not is_silent(error):
                raise self._refused(error) from error
        # It may have died while it lay idle. This one only reads, so it is asked again, once, on another.
        try:
            return await self._fetch(sql, arguments, deadline)
        except Failure as error:
            raise self._refused(error) from error

    async def _fetch(self, sql: str, arguments: Sequence[object], deadline: float) -> Records:
        kept = self._idle.pop() if self._idle else await self._take(deadline)
        broken = True
        try:
            now = time.monotonic()
            if now >= deadline:
                broken = False
                raise too_late()
            records = await kept.fetch(sql, arguments, deadline - now)
            broken = False
        except asyncpg.PostgresError as error:
            broken = is_gone(error)
            raise
        except ValueError:  # an argument that the driver could not encode: nothing was sent
            broken = False
            raise
        finally:
            if broken:
                self._mend(kept)
            else:
                self._give_back(kept)
        self.last_used_s = now
        return records

    @asynccontextmanager
    async def one(self, deadline: float) -> AsyncIterator[Connection]:
        """A connection to oneself, for transactions and COPY; errors are translated as by `fetch`."""
        try:
            kept = await self._take(deadline)
        except Failure as error:
            raise self._refused(error) from error
        broken = True
        try:
            yield kept.connection
            broken = False
        except Failure as error:
            raise self._refused(error) from error
        finally:
            if broken:
                self._mend(kept)
            else:
                self._give_back(kept)

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
        while self._idle:
            await self._close(self._idle.pop())

    # --- Taking and giving back --------------------------------------------------------------------------------------

    async def _take(self, deadline: float) -> Kept:
        """An idle connection, else a new one, else the next that is given back."""
        while True:
            if self._closed:
                raise unavailable("the store is closed")
            while self._idle:
                kept = self._idle.pop()
                if not kept.connection.is_closed():
                    return kept
                self._open -= 1
            if self._open == 0 or (self._open < self._settings.size and not self._gate.lost):
                return await self._connect(deadline)
            given = await self._wait(deadline)
            if given is not None:
                return given

    async def _wait(self, deadline: float) -> Kept | None:
        """What is given back next; None: there is room to look again."""
        future: asyncio.Future[Kept | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                return await future
        except TimeoutError:
            self._forget(future)
            raise unavailable("all connections were in use until the deadline") from None
        except asyncio.CancelledError:
            self._forget(future)
            raise

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
            connection = await self._made(max(left_s, 0.001))
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
        return Kept(connection)

    async def _made(self, timeout_s: float) -> Connection:
        async with asyncio.timeout(timeout_s):
            connection = await asyncpg.connect(
                self._url,
                timeout=CONNECT_TIMEOUT_S,
                statement_cache_size=0,
                server_settings=self._settings.of_session(),
            )
            await set_codecs(connection)
            return connection

    def _lost(self, error: BaseException, *, cut_short: bool) -> EngineUnavailable:
        """The server cannot be reached; a deadline that left it little time proves nothing."""
        if isinstance(error, TimeoutError) and cut_short:
            self._gate.leave()
            return unavailable("no connection before the deadline")
        why = f"{sqlstate(error)} {type(error).__name__}"
        if self._gate.missed():
            self._observe(EngineLost(ENGINE, why))
        return unavailable(why)

    def _refused(self, error: BaseException) -> Exception:
        found = translated(error)
        if isinstance(found, EngineFailed):
            self._observe(EngineRefused(ENGINE, sqlstate(error), found.message))
        return found

    def _mend(self, kept: Kept) -> None:
        """A connection whose statement did not come to its end: used again once the server has let go of it."""
        if self._closed or kept.connection.is_closed():
            self._drop(kept)
            return
        task = asyncio.get_running_loop().create_task(self._mended(kept))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _mended(self, kept: Kept) -> None:
        try:
            async with asyncio.timeout(CANCEL_TIMEOUT_S):
                await kept.connection.execute("ROLLBACK" if kept.connection.is_in_transaction() else "SELECT 1")
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


class Gate:
    """Lets everyone connect while the server is there; while it is lost one at a time, with growing pauses."""

    __slots__ = ("_pause_s", "_since", "_trying", "_until")

    def __init__(self) -> None:
        self._since: float | None = None
        self._until = 0.0
        self._pause_s = RECONNECT_MIN_S
        self._trying = False

    @property
    def lost(self) -> bool:
        """Whether the server could not be reached when last tried."""
        return self._since is not None

    def enter(self) -> None:
        """Raise EngineUnavailable unless one may try now."""
        if self._since is None:
            return
        if self._trying or time.monotonic() < self._until:
            raise unavailable("it could not be reached a moment ago")
        self._trying = True

    def leave(self) -> None:
        """The try came to nothing, for a reason of ours."""
        self._trying = False

    def missed(self) -> bool:
        """The try failed; whether that is news."""
        news = self._since is None
        now = time.monotonic()
        if self._since is None:
            self._since = now
        self._trying = False
        # Many nodes come back to one server: not all at once.
        self._until = now + self._pause_s * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, keeps no secret
        self._pause_s = min(self._pause_s * 2, RECONNECT_MAX_S)
        return news

    def reached(self) -> float | None:
        """The try succeeded; for how many seconds the server was lost, None if it was not."""
        gone_s = None if self._since is None else time.monotonic() - self._since
        self._since, self._pause_s, self._trying = None, RECONNECT_MIN_S, False
        return gone_s
