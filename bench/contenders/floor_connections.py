"""The floor's connections: kept, with their statements prepared, given to whoever asks first."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import Any

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

CONNECTIONS = int(os.environ.get("KINGPOST_CONNECTIONS", "10"))


async def open_all() -> None:
    """Connect before the first request."""
    idle.extend(await asyncio.gather(*(connect() for _ in range(CONNECTIONS))))


async def close_all() -> None:
    """Disconnect after the last."""
    await asyncio.gather(*(kept.connection.close() for kept in idle))


class Kept:
    """One connection and the statements it has prepared."""

    __slots__ = ("connection", "statements")

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self.connection = connection
        self.statements: dict[str, PreparedStatement[Any]] = {}


idle: list[Kept] = []
waiting: deque[asyncio.Future[Kept]] = deque()


async def connect() -> Kept:
    """Connect, with JSON as bytes and page costs of cached data, without which PostgreSQL plans R2 anew each time."""
    settings = {"jit": "off", "TimeZone": "UTC", "seq_page_cost": "0.1", "random_page_cost": "0.1"}
    made = await asyncpg.connect(os.environ["KINGPOST_DATABASE_URL"], server_settings=settings)
    await made.set_builtin_type_codec("json", schema="pg_catalog", codec_name="bytea", format="binary")
    return Kept(made)


async def fetch(statement: str, *values: object) -> list[Any]:
    """Run a statement on the connection that was used last, or the next that is given back."""
    if idle:
        kept = idle.pop()
    else:
        waiting.append(future := asyncio.get_running_loop().create_future())
        kept = await future
    try:
        prepared = kept.statements.get(statement)
        if prepared is None:
            prepared = kept.statements[statement] = await kept.connection.prepare(statement)
        return await prepared.fetch(*values)
    finally:
        while waiting:
            future = waiting.popleft()
            if not future.done():
                future.set_result(kept)
                break
        else:
            idle.append(kept)
