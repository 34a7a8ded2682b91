"""Delete rows that others refer to, once they are locked: what follows for those, to any depth, and then the rows."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol, TypeAlias

from kingpost.errors import Forbidden
from kingpost.store.postgres.constraints import referred
from kingpost.store.postgres.kept import Records
from kingpost.store.postgres.statements import Following, Statement, WriteProgram

Key: TypeAlias = tuple[object, ...]


class Sends(Protocol):
    """Sends a statement with its arguments, of those of the plan, and more."""

    def __call__(self, statement: Statement, arguments: Sequence[object], *more: object) -> Awaitable[Records]: ...


class Removing:
    """One deletion with all that follows from it.

    Args:
        program: of the deletion.
        arguments: of the call.
        send: within the transaction that has locked the rows.
    """

    __slots__ = ("_arguments", "_found", "_program", "_seen", "_send", "_waiting")

    def __init__(self, program: WriteProgram, arguments: Sequence[object], send: Sends) -> None:
        self._program = program
        self._arguments = arguments
        self._send = send
        self._seen: set[tuple[str, Key]] = set()
        self._waiting: list[tuple[Following, list[object]]] = []
        self._found: list[tuple[Statement, list[Key]]] = []

    async def remove(self, keys: list[Key]) -> None:
        """Delete the rows with these keys.

        Raises:
            Forbidden: rows would go with them that may not be deleted.
            Conflict: rows refer to them that do not go with them.
        """
        if not keys:
            return
        self._seen.update((self._program.entity, key) for key in keys)
        self._wait(self._program.start, keys)
        while self._waiting:
            await self._follow(*self._waiting.pop())
        # What was found last refers to what was found before.
        for statement, found in reversed(self._found):
            await self._send(statement, self._arguments, *map(list, zip(*found, strict=True)))
        assert self._program.finish is not None
        await self._send(self._program.finish, self._arguments, *map(list, zip(*keys, strict=True)))

    def _wait(self, name: str, parents: list[Key]) -> None:
        """What follows for these rows comes next, before what follows for others."""
        parts = self._program.following.get(name, ())
        self._waiting += [(part, [key[0] for key in parents]) for part in reversed(parts)]

    async def _follow(self, part: Following, parents: list[object]) -> None:
        if part.rule == "null":
            assert part.act is not None
            await self._send(part.act, self._arguments, parents)
            return
        if part.find is None:
            return
        records = await self._send(part.find, self._arguments, parents)
        if part.rule == "restrict":
            if records[0][0]:
                raise referred(part.entity, part.relation)
            return
        found = [tuple(record)[1:] for record in records if (part.entity.name, tuple(record)[1:]) not in self._seen]
        if not all(record[0] for record in records):
            raise Forbidden(f"you may not delete the {part.entity.name} that would go with it")
        if not found:
            return
        self._seen.update((part.entity.name, key) for key in found)
        self._wait(part.then, found)
        if part.act is not None:
            self._found.append((part.act, found))
