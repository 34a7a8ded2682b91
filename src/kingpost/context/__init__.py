"""What a handler holds of the call it answers: reads and writes under the caller's policies, in its transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias, TypeVar, cast, overload

import msgspec
from msgspec import structs

from kingpost.call import Actor, Answer, Call, Service
from kingpost.context.asking import Asked, creating, creating_all, deleting, finding, getting, updating
from kingpost.errors import NotFound, TooLarge
from kingpost.model.manifest import Entity
from kingpost.model.terms import Term, expression_of
from kingpost.observe import Observer, SystemAccess
from kingpost.query.objects import Objects, given_of, key_of
from kingpost.query.operations import LIMIT_DEFAULT, ROWS_WRITTEN_MAX

T = TypeVar("T")
Sql: TypeAlias = Callable[[str, Sequence[object]], Awaitable[list[dict[str, object]]]]


@dataclass(frozen=True, slots=True, repr=False)
class Context:
    """The call that a handler answers: its first parameter, `async def delay(ctx: Context, …)`.

    All that it reads and writes is under the policies of the caller, in one transaction with the handler's other
    work: what raises undoes it all. `system` and `sql` are the exceptions, and each use of them is told of.

    Args:
        call: the call that is answered; of its own questions only what they ask differs.
        ask: answers a call, within the transaction.
        objects: makes objects of rows.
        sql_: runs SQL within the transaction.
        observe: hears of system access.
    """

    call: Call
    ask: Service[Call, Answer]
    objects: Objects
    sql_: Sql
    observe: Observer

    def __repr__(self) -> str:
        return f"<Context of {self.actor.id or 'nobody known'}{' as the system' if self.call.system else ''}>"

    @property
    def actor(self) -> Actor:
        """Who asks."""
        return self.call.actor

    @property
    def now(self) -> datetime:
        """The time of the call: aware, UTC, and the same wherever it is asked for."""
        return self.call.now

    @property
    def request_id(self) -> str:
        """What ties log lines together."""
        return self.call.request_id

    @property
    def system(self) -> Context:
        """The same, past every policy and mask, private fields included: for what the service itself decides."""
        self.observe(SystemAccess("system", self.actor.id, self.request_id))
        return replace(self, call=structs.replace(self.call, system=True))

    async def get(self, entity: type[T], *key: object, include: Sequence[str] = ()) -> T:
        """The row with this key; `include` nests what its Refs and Manys lead to.

        Raises:
            NotFound: there is none, or none that the caller may read.
        """
        declared = self.objects.entity(entity)
        found = await self._asked(getting(declared, key, include))
        if found.body is None:
            raise NotFound(f"there is no such {declared.name}")
        return cast("T", self.objects.one(declared, found.body))

    async def find(
        self,
        entity: type[T],
        where: Term | None = None,
        *,
        sort: Sequence[str] = (),
        limit: int = LIMIT_DEFAULT,
        include: Sequence[str] = (),
    ) -> list[T]:
        """The first rows that satisfy `where`: `await ctx.find(Flight, this.origin == "JFK", sort=["-departs_at"])`.

        Args:
            entity: whose rows.
            where: a condition as in a policy; its constants may be any values.
            sort: names of fields, `-` for descending; the key ends it.
            limit: at most so many, to 1,000.
            include: relations to nest.
        """
        declared = self.objects.entity(entity)
        condition = None if where is None else expression_of(where)
        found = await self._asked(finding(declared, condition, sort, limit, include, self.actor))
        return cast("list[T]", self.objects.many(declared, found.body or b"[]"))

    @overload
    async def create(self, entity: type[T], **values: object) -> T: ...
    @overload
    async def create(self, entity: T, **values: object) -> T: ...
    async def create(self, entity: type[T] | T, **values: object) -> T:
        """Create a row: of a class and values, `ctx.create(Flight, number=1)`, or of a `New[Flight]`.

        Raises:
            Forbidden, Invalid, Conflict: as over every protocol.
        """
        declared, given = self._row(entity)
        return cast("T", await self._written(declared, creating(declared, {**given, **values})))

    async def update(self, row: T, **changes: object) -> T:
        """Change fields of a row that was read; the row that comes back is as it is now.

        Raises:
            NotFound, Forbidden, Invalid, Conflict: as over every protocol.
        """
        declared = self.objects.entity(type(row))
        return cast("T", await self._written(declared, updating(declared, key_of(row, declared), changes)))

    async def delete(self, row: object) -> None:
        """Delete a row that was read.

        Raises:
            NotFound, Forbidden, Conflict: as over every protocol.
        """
        declared = self.objects.entity(type(row))
        await self._asked(deleting(declared, key_of(row, declared)))

    async def batch(self, rows: Sequence[T]) -> list[T]:
        """Create rows of one entity, each a `New` of it or an object with its values, by one statement.

        Raises:
            Forbidden, Invalid, Conflict: as over every protocol; then none is created.
            TooLarge: there are more than 1,000.
        """
        if len(rows) > ROWS_WRITTEN_MAX:
            raise TooLarge(f"{len(rows)} rows at once, {ROWS_WRITTEN_MAX:,} are allowed", where="body")
        if not rows:
            return []
        declared = self.objects.entity(type(rows[0]))
        found = await self._asked(creating_all(declared, [given_of(one, declared) for one in rows]))
        return cast("list[T]", self.objects.many(declared, found.body or b"[]"))

    async def sql(self, statement: str, *arguments: object) -> list[dict[str, object]]:
        """Run SQL in the transaction, `$1` for the first argument; its rows by column. No policy is asked.

        Raises:
            EngineLacks: the store knows no SQL.
        """
        self.observe(SystemAccess("sql", self.actor.id, self.request_id))
        return await self.sql_(statement, arguments)

    def _row(self, entity: object) -> tuple[Entity, dict[str, object]]:
        if isinstance(entity, type):
            return self.objects.entity(entity), {}
        declared = self.objects.entity(type(entity))
        return declared, given_of(entity, declared)

    async def _written(self, declared: Entity, asked: Asked) -> object:
        found = await self._asked(asked)
        if found.body is not None:
            return self.objects.one(declared, found.body)
        # Who may write but not read gets an object with no more than the key.
        key = zip(declared.key, msgspec.json.decode(found.key or b"[]"), strict=True)
        return self.objects.one(declared, msgspec.json.encode(dict(key)))

    async def _asked(self, asked: Asked) -> Answer:
        return await self.ask(asked.call(self.call))
