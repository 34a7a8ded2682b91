"""Run a plan: send its arguments, put the rows of JSON together, undecoded."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from time import monotonic
from typing import Any, Protocol, cast

import msgspec

from kingpost.call import Answer, Ask
from kingpost.observe import Observer, SlowStatement
from kingpost.store.postgres.failures import ENGINE
from kingpost.store.postgres.kept import Records
from kingpost.store.postgres.program import Program

SLOW_S = 1.0


class Fetches(Protocol):
    """What runs one statement: the connections, or a transaction on one of them."""

    def fetch(self, sql: str, arguments: Sequence[object], deadline: float) -> Awaitable[Records]: ...


async def run_plan(connections: Fetches, ask: Ask, observe: Observer) -> Answer:
    """The answer to `ask`.

    Raises:
        TooLate, EngineUnavailable, EngineFailed: as `Connections.fetch`.
    """
    plan = ask.plan
    program = cast("Program", plan.program)
    started = monotonic()
    records = await connections.fetch(program.sql, ask.arguments, ask.deadline)
    took_s = monotonic() - started
    if took_s > SLOW_S:
        observe(SlowStatement(ENGINE, plan.fingerprint, took_s, len(records)))
    if program.single:
        body, version = records[0] if records else (None, None)
        return Answer(body, None, None, False, None, version, plan.fingerprint)
    return _page(records, ask, program)


def _page(records: list[Any], ask: Ask, program: Program) -> Answer:
    count = None
    if program.counted:
        count = records[0][-1]
        if records[0][0] is None:
            records = []
    limit = program.limit.of(ask.arguments)
    more = len(records) > limit
    if more:
        del records[limit:]
    if ask.plan.backward:
        records.reverse()
    fingerprint = ask.plan.fingerprint
    if not records:
        return Answer(b"[]", count=count, fingerprint=fingerprint)
    rows: list[bytes] = [record[0] for record in records]
    keys = program.keys
    if keys is not None:
        first, last = keys(rows[0]), keys(rows[-1])
    else:
        first, last = (_compact(records[at][1]) for at in (0, -1))
    # The brackets go to the ends before all is joined: one copy of the body less.
    rows[0] = b"[" + rows[0]
    rows[-1] += b"]"
    return Answer(b",".join(rows), first, last, more, count, None, fingerprint)


def _compact(keys: str) -> bytes:
    """Keys as they stand in a column: JSON in text, which jsonb parts may have written with spaces."""
    return msgspec.json.format(keys.encode(), indent=-1)
