"""Transactions of the memory store: one at a time, on tables of their own until they are committed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from kingpost.call import Answer, Ask
from kingpost.errors import EngineLacks, EngineUnavailable, StillRunning, TooLate
from kingpost.store.memory.change import change
from kingpost.store.memory.run import run
from kingpost.store.memory.tables import Tables

RETRY_HINT = "try again in a moment"


@dataclass(slots=True)
class Keys:
    """What is remembered under idempotency keys, and until when (seconds since 1970); and which keys are held."""

    clock: Callable[[], float] = time.time
    records: dict[tuple[str, str], tuple[bytes, float]] = field(default_factory=dict)
    held: set[tuple[str, str]] = field(default_factory=set)

    def keep(self, records: Mapping[tuple[str, str], tuple[bytes, float]]) -> None:
        """Remember these too, and forget what has expired."""
        now = self.clock()
        self.records = {name: one for name, one in {**self.records, **records}.items() if one[1] > now}

    def forget(self) -> None:
        """Forget all of it."""
        self.records = {}


class MemoryTransaction:
    """A transaction of this store; see `ports.Transaction`. Its tables become everybody's at the end."""

    __slots__ = ("_claimed", "_keys", "_remembered", "tables")

    def __init__(self, tables: Tables, keys: Keys) -> None:
        self.tables = tables
        self._keys = keys
        self._claimed: set[tuple[str, str]] = set()
        self._remembered: dict[tuple[str, str], tuple[bytes, float]] = {}

    async def run(self, ask: Ask) -> Answer:
        """Run a plan; it sees what ran before it in here.

        Raises:
            TooLate: the deadline passed.
        """
        in_time(ask.deadline)
        if ask.plan.result != "change":
            return run(ask, self.tables)
        answer, self.tables = change(ask, self.tables)
        return answer

    async def lock(self, _entity: str, _keys: Sequence[tuple[object, ...]], _deadline: float) -> None:
        """Nothing to do: there is one transaction at a time."""

    async def claim(self, scope: str, key: str, _deadline: float) -> bytes | None:
        """Take an idempotency key for this transaction; what was remembered under it, if anything.

        Raises:
            StillRunning: another transaction holds it.
        """
        name = (scope, key)
        if name in self._keys.held and name not in self._claimed:
            raise StillRunning("the first request with this Idempotency-Key has not ended", hint=RETRY_HINT)
        self._keys.held.add(name)
        self._claimed.add(name)
        record, until = self._remembered.get(name) or self._keys.records.get(name, (b"", 0.0))
        return record if until > self._keys.clock() else None

    async def remember(self, scope: str, key: str, record: bytes, keep_s: float) -> None:
        """Keep a record under a claimed key for so many seconds."""
        self._remembered[scope, key] = (record, self._keys.clock() + keep_s)

    async def sql(self, _statement: str, _arguments: Sequence[object], _deadline: float) -> list[dict[str, object]]:
        """Raises EngineLacks: there is no SQL here."""
        raise EngineLacks("the memory store knows no SQL", hint="test what uses ctx.sql on PostgreSQL")

    def commit(self) -> None:
        """Keep what was remembered."""
        if self._remembered:
            self._keys.keep(self._remembered)

    def release(self) -> None:
        """Let go of the keys."""
        self._keys.held -= self._claimed


def in_time(deadline: float) -> None:
    """Return if the deadline has not passed.

    Raises:
        TooLate: it has.
    """
    if time.monotonic() >= deadline:
        raise TooLate("the deadline passed before there was an answer", hint="ask for less, or allow more time")


@asynccontextmanager
async def held(lock: asyncio.Lock, deadline: float) -> AsyncIterator[None]:
    """Hold `lock` while in the block.

    Raises:
        EngineUnavailable: it was not free by the deadline.
    """
    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            await lock.acquire()
    except TimeoutError:
        raise EngineUnavailable("other transactions took all the time there was", hint=RETRY_HINT) from None
    try:
        yield
    finally:
        lock.release()
