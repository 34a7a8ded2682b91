"""One kept connection: how it is made, and the statements that it holds prepared."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg

from kingpost.store.postgres.codecs import set_codecs
from kingpost.store.postgres.prepared import Held, Prepared

CONNECT_TIMEOUT_S = 5.0

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

    async def fetch(self, sql: str, arguments: Sequence[object]) -> Records:
        """Run one statement; from its second time on it is prepared."""
        held = self.prepared.get(sql)
        if held is None:
            if not self.prepared.wanted(sql):
                return await self.connection.fetch(sql, *arguments)
            # Without a name the driver would make it anew each time, and PostgreSQL never get to a generic plan.
            name = f"kingpost_{self.prepared.next_number()}"
            held = self.prepared.hold(sql, Held(await self.connection.prepare(sql, name=name)))
        return await held.fetch(arguments)


async def connect(url: str, settings: Settings, timeout_s: float) -> Kept:
    """A new connection, ready to use.

    Raises:
        TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError: there is none to be had.
    """
    async with asyncio.timeout(timeout_s):
        connection = await asyncpg.connect(
            url, timeout=CONNECT_TIMEOUT_S, statement_cache_size=0, server_settings=settings.of_session()
        )
        await set_codecs(connection)
        return Kept(connection)
