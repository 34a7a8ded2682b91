"""The statements that one connection holds prepared: those used at least twice, bounded, hot ones kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias, cast

from asyncpg.prepared_stmt import PreparedStatement

STATEMENTS_MAX = 256
SEEN_MAX = 1_024

Statement: TypeAlias = "PreparedStatement[Any]"  # a generic in its stubs only


class Held:
    """A statement, and the driver's call that runs it.

    The public `fetch` checks on each call that no pool took the connection back, and wraps this call in four others:
    six of forty microseconds, for nothing here.
    """

    __slots__ = ("_execute", "_state", "statement", "used")

    def __init__(self, statement: Statement) -> None:
        self.statement = statement  # once nobody holds it, the driver closes it on the server
        self.used = False
        inside = cast("Any", statement)
        self._state = inside._state
        self._execute: Callable[..., Awaitable[list[Any]]] = inside._connection._protocol.bind_execute

    def fetch(self, arguments: Sequence[object]) -> Awaitable[list[Any]]:
        """Its records; all of them, and not the command tag."""
        return self._execute(self._state, arguments, "", 0, False, None)


class Prepared:
    """Which texts were seen once, and the statements of those seen again. A dropped one closes itself on the server.

    Args:
        statements_max: how many are held; among them a clock hand spares those used since it last came by, so that a
            flood of new shapes pushes out only each other.
    """

    __slots__ = ("_held", "_max", "_number", "_seen")

    def __init__(self, statements_max: int = STATEMENTS_MAX) -> None:
        self._held: dict[str, Held] = {}
        self._seen: dict[str, None] = {}
        self._max = statements_max
        self._number = 0

    def __len__(self) -> int:
        return len(self._held)

    def get(self, sql: str) -> Held | None:
        """The statement of this text, if it is held."""
        held = self._held.get(sql)
        if held is None:
            return None
        held.used = True
        return held

    def wanted(self, sql: str) -> bool:
        """Whether the text is used a second time, and so is worth preparing; notes it if not."""
        if sql in self._seen:
            return True
        if len(self._seen) >= SEEN_MAX:
            del self._seen[next(iter(self._seen))]
        self._seen[sql] = None
        return False

    def next_number(self) -> int:
        """A number for a statement's name, which no other on this connection has had."""
        self._number += 1
        return self._number

    def hold(self, sql: str, held: Held) -> Held:
        """Hold it from now on."""
        self._seen.pop(sql, None)
        while len(self._held) >= self._max:
            text, oldest = next(iter(self._held.items()))
            del self._held[text]
            if oldest.used:
                oldest.used = False
                self._held[text] = oldest
        self._held[sql] = held
        return held
