"""The store in PostgreSQL, as `ports.Store` wants it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from datetime import UTC, datetime
from typing import Any, cast

from kingpost.call import Answer, Ask
from kingpost.deadlines import Deadlines
from kingpost.errors import Contended, EngineError, EngineUnavailable
from kingpost.model.defaults import TimeOrderedIds, filled
from kingpost.model.manifest import Manifest
from kingpost.observe import Observer, nobody
from kingpost.ports import ChangeEvent, Isolation
from kingpost.query.stages import Allowed, Plan, Rendering
from kingpost.store.postgres.capture import CAPTURE_OFF
from kingpost.store.postgres.compile import compile_question
from kingpost.store.postgres.connections import Connections
from kingpost.store.postgres.constraints import Constraints
from kingpost.store.postgres.copy import copy_rows
from kingpost.store.postgres.expressions import LETTERS
from kingpost.store.postgres.idempotency import FORGET
from kingpost.store.postgres.keeping import analyze, check_fits, check_server, count_rows, letters_of, recreate
from kingpost.store.postgres.kept import Settings
from kingpost.store.postgres.names import bounded
from kingpost.store.postgres.outbox_trim import TRIM_EVERY_S, trim
from kingpost.store.postgres.packing import packed
from kingpost.store.postgres.program import Program
from kingpost.store.postgres.run import run_plan
from kingpost.store.postgres.statements import WriteProgram
from kingpost.store.postgres.tail import tail
from kingpost.store.postgres.transactions import PostgresTransaction, Served, run_alone, transaction

OPEN_TIMEOUT_S = 10.0
READY_TIMEOUT_S = 2.0
READY_FRESH_S = 1.0
ROWS_EVERY_S = 60.0


class PostgresStore:
    """Keeps entities in PostgreSQL 15 or newer.

    Args:
        url: of the database, as libpq takes it; it may hold a password and is never shown.
        connections: how many to keep at most.
        statement_timeout_s: after which the server itself ends a statement.
        events_keep_s: how long at least an event is kept.
        observe: is told when the server is lost, is back, is slow or refuses what we sent.
    """

    __slots__ = (
        "_connections",
        "_events_keep_s",
        "_letters",
        "_manifest",
        "_new_id",
        "_observe",
        "_rows",
        "_tasks",
        "_transacting",
        "_url",
    )

    def __init__(
        self,
        url: str,
        *,
        connections: int = 8,
        statement_timeout_s: float = 60.0,
        events_keep_s: float = 86_400.0,
        observe: Observer = nobody,
    ) -> None:
        self._url = url
        self._events_keep_s = events_keep_s
        settings = Settings(size=connections, statement_timeout_s=statement_timeout_s)
        self._connections = Connections(url, settings, observe)
        self._observe = observe
        self._letters = LETTERS
        self._manifest: Manifest | None = None
        self._rows: Mapping[str, int] = {}
        self._transacting: Served | None = None
        self._new_id = TimeOrderedIds(os.urandom)
        self._tasks: list[asyncio.Task[None]] = []

    def __repr__(self) -> str:
        return "PostgresStore(…)"

    def compile(self, allowed: Allowed, rendering: Rendering) -> Plan:
        """Make the plan of a question: pure, no I/O."""
        return compile_question(allowed, rendering, self._letters)

    def run(self, ask: Ask) -> Coroutine[Any, Any, Answer]:
        """Run a plan by its deadline; a write is committed when this returns.

        Raises:
            TooLate: the deadline passed; the statement was cancelled.
            EngineUnavailable: the server is gone, or no connection was free in time.
            EngineFailed: the server refused the statement.
            NotFound, Forbidden, Stale, Invalid, Conflict, TooDear, Contended: a write may not be done, and was not.
            UnknownOutcome: the connection was lost while a write was under way.
        """
        if ask.plan.result == "change":
            return run_alone(self._serving(), ask)
        return run_plan(self._connections, ask, self._observe)

    def begin(
        self, deadline: float, isolation: Isolation = "read committed"
    ) -> AbstractAsyncContextManager[PostgresTransaction]:
        """A transaction: committed where the block ends, rolled back where it raises.

        Raises:
            EngineUnavailable: no connection was free by the deadline; at most half of them are held by transactions.
            Contended: other transactions came between; it may be run again.
            UnknownOutcome: the connection was lost while committing.
            TooLate: the deadline passed; it was rolled back.
        """
        return transaction(self._serving(), deadline, isolation)

    async def open(self, manifest: Manifest) -> None:
        """Connect and check that the database was made for `manifest`.

        Raises:
            DeclarationError: it is empty or was made for another model.
            EngineUnavailable, EngineLacks: the server cannot be reached or used.
        """
        self._connections.start()
        async with self._connections.one(time.monotonic() + OPEN_TIMEOUT_S) as connection:
            check_server(connection)
            self._letters = await letters_of(connection)
            await check_fits(connection, manifest)
        await self._serve(manifest)

    async def create(self, manifest: Manifest) -> None:
        """Make empty tables for `manifest`, in one transaction; those of an earlier `create` are dropped.

        Raises:
            DeclarationError: there are tables of these names that are not ours.
            EngineUnavailable, EngineLacks: the server cannot be reached or used.
        """
        self._connections.start()
        async with self._connections.one(time.monotonic() + OPEN_TIMEOUT_S) as connection:
            check_server(connection)
            self._letters = await letters_of(connection)
            async with connection.transaction():
                await recreate(connection, manifest, self._letters)
        await self._serve(manifest)

    async def load(self, entity: str, rows: Iterable[Mapping[str, object]]) -> int:
        """Add rows in bulk, defaults filled in, no policy asked, no events; return how many. All or nothing.

        Raises:
            Mistyped, UnknownName: a row does not fit.
            EngineUnavailable: the server cannot be reached, or the store was never opened.
        """
        manifest = self._served()
        declared = manifest.entity(entity)
        complete = filled(declared, rows, datetime.now(UTC), self._new_id)
        async with self._connections.one(time.monotonic() + OPEN_TIMEOUT_S) as connection:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL statement_timeout = 0; {CAPTURE_OFF}")
                count = await copy_rows(connection, declared, complete, manifest.timezone)
            await analyze(connection, declared.table)
        await self._refresh()
        return count

    def tail(self, after: str | None = None) -> AsyncGenerator[ChangeEvent, None]:
        """Every event after a token, once, those of a row in the order of their commits; see `ports.Tail`.

        Raises:
            Malformed, HistoryGone: there is no going on from `after`.
            EngineUnavailable: the server cannot be reached at the start; later on it is waited for.
        """
        return tail(self._url, self._served(), after, self._observe)

    def estimated_rows(self, entity: str) -> int:
        """About how many rows there are, a minute old at most."""
        return self._rows.get(bounded(self._served().entity(entity).table), 0)

    async def ready(self) -> None:
        """Return if the store can serve now.

        Raises:
            EngineUnavailable: it cannot.
        """
        now = time.monotonic()
        self._served()
        if now - self._connections.last_used_s > READY_FRESH_S:
            await self._connections.fetch("SELECT 1", (), now + READY_TIMEOUT_S)

    async def explain(self, plan: Plan, arguments: Sequence[object], *, analyze: bool = False) -> str:
        """How PostgreSQL would run a plan, in its own words; with `analyze` it does run it, unless it writes."""
        program = plan.program
        if isinstance(program, WriteProgram):
            analyze = False
            arguments = (program.lean or program.careful).arguments(packed(arguments, program.packed))
        sql = cast("Program | WriteProgram", program).sql
        options = "ANALYZE, BUFFERS, COSTS" if analyze else "COSTS"
        deadline = time.monotonic() + OPEN_TIMEOUT_S
        records = await self._connections.fetch(f"EXPLAIN ({options})\n{sql}", arguments, deadline)
        return "\n".join(record[0] for record in records)

    async def close(self) -> None:
        """Let go of all connections. Safe to call twice."""
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._tasks = []
        self._manifest = self._transacting = None
        await self._connections.close()

    async def _serve(self, manifest: Manifest) -> None:
        self._manifest = manifest
        constraints = Constraints(manifest)
        self._transacting = Served(self._connections, manifest, constraints, self._observe, Deadlines())
        await self._refresh()
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._keep_fresh()), asyncio.create_task(self._keep_trimmed())]

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(ROWS_EVERY_S)
            with suppress(EngineError):  # the connections have told of it; old estimates serve meanwhile
                await self._refresh()
                await self._connections.fetch(FORGET, (), time.monotonic() + OPEN_TIMEOUT_S)

    async def _keep_trimmed(self) -> None:
        while True:
            await asyncio.sleep(min(TRIM_EVERY_S, self._events_keep_s / 10))
            with suppress(EngineError, Contended):  # the next time, then
                async with self._connections.one(time.monotonic() + OPEN_TIMEOUT_S) as connection:
                    await trim(connection, self._events_keep_s)

    async def _refresh(self) -> None:
        tables = [entity.table for entity in self._served().entities.values()]
        async with self._connections.one(time.monotonic() + OPEN_TIMEOUT_S) as connection:
            self._rows = await count_rows(connection, tables)

    def _served(self) -> Manifest:
        if self._manifest is None:
            raise _not_open()
        return self._manifest

    def _serving(self) -> Served:
        if self._transacting is None:
            raise _not_open()
        return self._transacting


def _not_open() -> EngineUnavailable:
    return EngineUnavailable("the PostgreSQL store is not open", hint="open or create it with a manifest first")
