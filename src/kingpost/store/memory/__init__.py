"""The store in memory: not a mock but the reference, which every other store has to agree with."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from kingpost.call import Answer, Ask
from kingpost.errors import DeclarationError, EngineUnavailable
from kingpost.model.defaults import TimeOrderedIds, filled
from kingpost.model.manifest import Manifest
from kingpost.ports import ChangeEvent, Isolation
from kingpost.query.stages import Allowed, Plan, Rendering
from kingpost.store.memory.compile import compile as compile_plan
from kingpost.store.memory.events import KEPT_MAX, Events
from kingpost.store.memory.load import loaded
from kingpost.store.memory.run import run
from kingpost.store.memory.tables import Tables
from kingpost.store.memory.transactions import Keys, MemoryTransaction, held, in_time

__all__ = ["MemoryStore"]


class MemoryStore:
    """Keeps everything in this process and forgets it at the end. For tests; it scans every row, always.

    Args:
        clock: seconds since 1970; idempotency keys expire by it.
        events_max: how many events are kept.
    """

    __slots__ = ("_closed", "_events", "_keys", "_lock", "_new_id", "_tables")

    def __init__(self, clock: Callable[[], float] = time.time, events_max: int = KEPT_MAX) -> None:
        self._tables: Tables | None = None
        self._closed = False
        self._lock = asyncio.Lock()
        self._keys = Keys(clock)
        self._events = Events(clock, events_max)
        self._new_id = TimeOrderedIds(os.urandom)

    def compile(self, allowed: Allowed, rendering: Rendering) -> Plan:
        """Make the plan of a question: pure, no I/O."""
        return compile_plan(allowed, rendering)

    async def run(self, ask: Ask) -> Answer:
        """Run a plan by its deadline.

        Raises:
            TooLate: the deadline passed.
            EngineUnavailable: the store is closed, or was never opened.
        """
        if ask.plan.result != "change":
            return run(ask, self._open_tables())
        async with self.begin(ask.deadline) as transaction:
            return await transaction.run(ask)

    @asynccontextmanager
    async def begin(
        self, deadline: float, _isolation: Isolation = "read committed"
    ) -> AsyncIterator[MemoryTransaction]:
        """A transaction, alone with all writes while it lasts: stricter than any isolation that can be asked for.

        Raises:
            EngineUnavailable: others took all the time there was, or the store is closed.
            TooLate: the deadline passed before the end; nothing is kept.
        """
        async with held(self._lock, deadline):
            transaction = MemoryTransaction(self._open_tables(), self._keys)
            try:
                yield transaction
                in_time(deadline)
                transaction.commit()
                self._tables = transaction.tables.settled()
                self._events.add(self._tables.manifest, transaction.tables.altered)
            finally:
                transaction.release()

    async def open(self, manifest: Manifest) -> None:
        """Serve `manifest`; a store that keeps nothing yet makes its empty tables.

        Raises:
            DeclarationError: what is kept belongs to another manifest.
        """
        if self._tables is None:
            self._tables = Tables(manifest)
        elif self._tables.manifest != manifest:
            raise DeclarationError("what is kept belongs to another manifest", hint="create() drops it")
        self._closed = False

    async def create(self, manifest: Manifest) -> None:
        """Make empty tables for the manifest; what was there is dropped."""
        async with self._lock:
            self._tables = Tables(manifest)
            self._keys.forget()
            self._events.forget()
            self._closed = False

    async def load(self, entity: str, rows: Iterable[Mapping[str, object]]) -> int:
        """Add rows in bulk, defaults filled in, no policy asked, no events; return how many. All or nothing.

        Raises:
            Mistyped, UnknownName: a row does not fit; then none is added.
        """
        async with self._lock:
            tables = self._open_tables()
            declared = tables.manifest.entity(entity)
            before = len(tables.rows(entity))
            complete = filled(declared, rows, datetime.now(UTC), self._new_id)
            self._tables = loaded(tables, declared, complete).settled()
            return len(self._tables.rows(entity)) - before

    def tail(self, after: str | None = None) -> AsyncGenerator[ChangeEvent, None]:
        """Every event after a token, once, in the order of the commits; see `ports.Tail`.

        Raises:
            Malformed, HistoryGone: there is no going on from `after`.
        """
        return self._events.after(after)

    def estimated_rows(self, entity: str) -> int:
        """How many rows there are, exactly."""
        return 0 if self._tables is None else len(self._tables.rows(entity))

    async def ready(self) -> None:
        """Return if the store can serve now.

        Raises:
            EngineUnavailable: it is closed, or was never opened.
        """
        self._open_tables()

    async def close(self) -> None:
        """Stop serving; safe to call twice."""
        self._closed = True

    def _open_tables(self) -> Tables:
        if self._tables is None or self._closed:
            raise EngineUnavailable("the memory store is not open", hint="open or create it with a manifest first")
        return self._tables
