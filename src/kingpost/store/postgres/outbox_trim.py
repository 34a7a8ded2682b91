"""Trims the outbox: empties the partitions whose events are all old enough, and lets the next one be written to.

An event is kept for `keep_s` at least, and for half as long again at most, unless something holds its partition. Several
nodes may try at once: one does it.
"""

from __future__ import annotations

import asyncpg

from kingpost.store.postgres.capture import SLOT, SLOTS, TRIMMED, partition
from kingpost.store.postgres.kept import Connection
from kingpost.store.postgres.names import META

TRIM_EVERY_S = 60.0
LOCK_TIMEOUT_MS = 50
"""While TRUNCATE waits for its lock, whoever reads the partition waits behind it."""
_LOCK = 5_474_617_004  # any number that nobody else takes
_AGE = "SELECT seq, extract(epoch FROM clock_timestamp() - at)::float8 AS age_s FROM {} ORDER BY seq {} LIMIT 1"


async def trim(connection: Connection, keep_s: float) -> int:
    """Empty what is old and move on to the next partition if it is time; how many partitions were emptied.

    Raises:
        asyncpg.PostgresError, asyncpg.InterfaceError, OSError: the connection failed.
    """
    try:
        return await _trim(connection, keep_s)
    except asyncpg.LockNotAvailableError:
        return 0  # somebody makes the tables anew, or has locked one: the next time, then


async def _trim(connection: Connection, keep_s: float) -> int:
    emptied = 0
    async with connection.transaction():
        if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
            return 0
        await connection.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
        written = await connection.fetchval(f"SELECT last_value FROM {SLOT}")
        for slot in range(SLOTS):
            if slot != written and await _age_s(connection, slot, newest=True) > keep_s:
                emptied += await _empty(connection, slot, keep_s)
        following = (written + 1) % SLOTS
        full = await _age_s(connection, written, newest=False) > keep_s / (SLOTS - 2)
        if full and await _age_s(connection, following, newest=False) < 0:
            await connection.execute(f"SELECT setval('{SLOT}', {following})")
    return emptied


async def _age_s(connection: Connection, slot: int, *, newest: bool) -> float:
    """How long ago the oldest or newest event of a partition was captured, in seconds; below zero if it has none."""
    found = await connection.fetchrow(_AGE.format(partition(slot), "DESC" if newest else "ASC"))
    return -1.0 if found is None else max(0.0, float(found["age_s"]))


async def _empty(connection: Connection, slot: int, keep_s: float) -> bool:
    """Empty a partition, unless somebody uses it, or wrote to it at the last moment; whether it was."""
    table = partition(slot)
    try:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    except asyncpg.LockNotAvailableError:
        return False  # the next time, then
    newest = await connection.fetchrow(_AGE.format(table, "DESC"))
    if newest is None or newest["age_s"] <= keep_s:
        return False
    # In the same transaction: a tail that misses what was here finds that it was trimmed.
    await connection.execute(
        f"UPDATE {META} SET value = greatest(value::bigint, $2)::text WHERE name = $1", TRIMMED, newest["seq"]
    )
    await connection.execute(f"TRUNCATE {table}")
    return True
