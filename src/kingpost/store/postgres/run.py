"""Run a plan: send its arguments, put the rows of JSON together, undecoded."""

from __future__ import annotations

import time
from typing import Any, cast

import msgspec

from kingpost.call import Answer, Ask
from kingpost.observe import Observer, SlowStatement
from kingpost.query.stages import Plan
from kingpost.store.postgres.connections import Connections
from kingpost.store.postgres.failures import ENGINE
from kingpost.store.postgres.program import Program

SLOW_S = 1.0


async def run_plan(connections: Connections, ask: Ask, observe: Observer) -> Answer:
    """The answer to `ask`.

    Raises:
        TooLate, EngineUnavailable, EngineFailed: as `Connections.fetch`.
    """
    plan = ask.plan
    program = cast("Program", plan.program)
    started = time.monotonic()
    records = await connections.fetch(program.sql, ask.arguments, ask.deadline)
    took_s = time.monotonic() - started
    if took_s > SLOW_S:
        observe(SlowStatement(ENGINE, plan.fingerprint, took_s, len(records)))
    if program.single:
        return _row(records, plan)
    return _page(records, ask, program)


def _row(records: list[Any], plan: Plan) -> Answer:
    if not records:
        return Answer(None, fingerprint=plan.fingerprint)
    body, version = records[0]
    return Answer(body, version=version, fingerprint=plan.fingerprint)


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
