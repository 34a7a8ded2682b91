"""Transactions: several plans on one connection, all kept at the end or nothing; as `ports.Transaction` wants them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import asyncpg

from kingpost.call import Answer, Ask
from kingpost.deadlines import Deadlines
from kingpost.errors import EngineFailed, EngineUnavailable, KingpostError
from kingpost.model.manifest import Manifest
from kingpost.observe import Observer, SlowStatement
from kingpost.ports import Isolation
from kingpost.store.postgres.by_keys import lock_statement
from kingpost.store.postgres.change import Sending, columns_of, run_change
from kingpost.store.postgres.connections import Connections
from kingpost.store.postgres.constraints import Constraints
from kingpost.store.postgres.failures import ENGINE, Failure, too_late, unavailable
from kingpost.store.postgres.idempotency import claim_key, remember_key
from kingpost.store.postgres.kept import Kept, Records
from kingpost.store.postgres.run import SLOW_S, run_plan
from kingpost.store.postgres.sending import send_write, settled
from kingpost.store.postgres.statements import WriteProgram


@dataclass(frozen=True, slots=True)
class Served:
    """What transactions need of the store.

    Args:
        connections: of which at most half are held by transactions.
        manifest: of the app.
        constraints: of its tables.
        observe: is told of slow statements.
        deadlines: break off what runs too long.
    """

    connections: Connections
    manifest: Manifest
    constraints: Constraints
    observe: Observer
    deadlines: Deadlines


@asynccontextmanager
async def transaction(served: Served, deadline: float, isolation: Isolation) -> AsyncIterator[PostgresTransaction]:
    """A transaction: committed where the block ends, rolled back where it raises.

    Raises:
        EngineUnavailable: no connection was free by the deadline.
        Contended: other transactions came between; it may be run again.
        UnknownOutcome: the connection was lost while committing.
        TooLate: the deadline passed; it was rolled back.
    """
    connections = served.connections
    async with _place(connections, deadline):
        kept, running = await _begun(served, isolation, deadline)
        try:
            yield running
            running.check()
            if time.monotonic() >= deadline:
                raise too_late()
        except Exception:
            await connections.restore(kept)
            raise
        except BaseException:
            connections.release(kept, broken=True)
            raise
        await _commit(served, kept, deadline)


async def run_alone(served: Served, ask: Ask) -> Answer:
    """A write as a transaction of its own: without BEGIN and COMMIT where it is one statement.

    Raises:
        UnknownOutcome: the connection was lost while it was under way.
        KingpostError: as `run_change`; nothing was written.
    """
    if cast("WriteProgram", ask.plan.program).steps:
        async with transaction(served, ask.deadline, "read committed") as running:
            return await running.run(ask)

    def send(sql: str, arguments: Sequence[object]) -> Awaitable[Records]:
        return send_write(served.connections, sql, arguments, ask.deadline)

    started = time.monotonic()
    try:
        return await run_change(ask, Sending(send, served.connections.refused, served.constraints, alone=True))
    finally:
        took_s = time.monotonic() - started
        if took_s > SLOW_S:
            served.observe(SlowStatement(ENGINE, ask.plan.fingerprint, took_s, 1))


class PostgresTransaction:
    """A transaction of this store; see `ports.Transaction`."""

    __slots__ = ("_failed", "_kept", "_sending", "_served", "_until")

    def __init__(self, served: Served, kept: Kept) -> None:
        self._served = served
        self._kept = kept
        self._until = 0.0
        self._failed: KingpostError | None = None
        self._sending = Sending(self._send, served.connections.refused, served.constraints, alone=False)

    async def start(self, isolation: Isolation, deadline: float) -> None:
        """Begin it. What has no deadline of its own goes by this one."""
        await self.fetch(f"BEGIN ISOLATION LEVEL {isolation.upper()}", (), deadline)

    def check(self) -> None:
        """Raise what went wrong in here, if it was caught by whoever asked: PostgreSQL keeps nothing of it."""
        if self._failed is not None:
            raise self._failed
        if not self._kept.connection.is_in_transaction():
            raise EngineFailed(
                "the transaction was ended by a statement of its own", hint="leave COMMIT to the service"
            )

    async def run(self, ask: Ask) -> Answer:
        """Run a plan; it sees what ran before it in here."""
        if ask.plan.result != "change":
            return await run_plan(self, ask, self._served.observe)
        self._until = ask.deadline
        return await run_change(ask, self._sending)

    async def lock(self, entity: str, keys: Sequence[tuple[object, ...]], deadline: float) -> None:
        """Lock those of these rows that exist, in the order of their keys."""
        if keys:
            sql = lock_statement(self._served.manifest.entity(entity))
            await self.fetch(sql, columns_of(keys), deadline)

    async def claim(self, scope: str, key: str, deadline: float) -> bytes | None:
        """Take an idempotency key for this transaction; return what was remembered under it.

        Raises:
            StillRunning: another transaction holds it.
        """
        self._until = deadline
        return await claim_key(self._fetch, scope, key)

    async def remember(self, scope: str, key: str, record: bytes, keep_s: float) -> None:
        """Keep a record under a claimed key for `keep_s` seconds."""
        await remember_key(self._fetch, scope, key, record, keep_s)

    async def sql(self, statement: str, arguments: Sequence[object], deadline: float) -> list[dict[str, object]]:
        """Run a statement; rows by column, values as Python has them (JSON of type json as bytes)."""
        return [dict(record) for record in await self.fetch(statement, arguments, deadline)]

    async def fetch(self, sql: str, arguments: Sequence[object], deadline: float) -> Records:
        """The records of one statement.

        Raises:
            TooLate, EngineUnavailable, EngineFailed, Contended, Invalid, Conflict: nothing of the transaction is kept.
        """
        self._until = deadline
        return await self._fetch(sql, arguments)

    async def _fetch(self, sql: str, arguments: Sequence[object]) -> Records:
        try:
            return await self._send(sql, arguments)
        except asyncpg.PostgresError as error:
            raise self._meaning(error) from error

    async def _send(self, sql: str, arguments: Sequence[object]) -> Records:
        """The same, raising what the driver raises where the server refused it."""
        if self._failed is not None:
            raise self._failed
        if time.monotonic() >= self._until:
            raise too_late()
        deadlines = self._served.deadlines
        task = deadlines.begin(self._until)
        try:
            records = await self._kept.fetch(sql, arguments)
        except Failure as error:
            deadlines.end(task)
            self._failed = self._meaning(error)
            if isinstance(error, asyncpg.PostgresError):
                raise
            raise self._failed from error
        except BaseException:
            self._failed = too_late()
            if deadlines.end(task):
                raise self._failed from None
            raise
        deadlines.end(task)
        return records

    def _meaning(self, error: BaseException) -> KingpostError:
        return self._served.constraints.meaning(error) or self._served.connections.refused(error)


async def _begun(served: Served, isolation: Isolation, deadline: float) -> tuple[Kept, PostgresTransaction]:
    """A transaction that has begun; on another connection where the first died while nobody used it."""
    connections = served.connections
    for again in (True, False):
        kept = await connections.hold(deadline)
        running = PostgresTransaction(served, kept)
        try:
            await running.start(isolation, deadline)
        except EngineUnavailable:
            connections.release(kept, broken=True)
            if not again:
                raise
        except BaseException:
            connections.release(kept, broken=True)
            raise
        else:
            return kept, running
    raise AssertionError("the second time returns or raises")


@asynccontextmanager
async def _place(connections: Connections, deadline: float) -> AsyncIterator[None]:
    """One of the places for transactions, first come first served."""
    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            await connections.transactions.acquire()
    except TimeoutError:
        raise unavailable("other transactions held all connections until the deadline") from None
    try:
        yield
    finally:
        connections.transactions.release()


async def _commit(served: Served, kept: Kept, deadline: float) -> None:
    """End it. What was put off until now, such as the capture of events, may still refuse."""
    try:
        status = await settled(served.connections, kept, deadline, kept.connection.execute("COMMIT"))
    except asyncpg.PostgresError as error:
        raise served.constraints.meaning(error) or served.connections.refused(error) from error
    if status != "COMMIT":
        raise EngineFailed(f"PostgreSQL answered {status} to COMMIT: nothing was kept")
