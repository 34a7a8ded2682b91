"""A Context outside of any action: for endpoints that only read, the shell and tests. Each call is its own transaction."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from kingpost.answer import Engine, answer
from kingpost.call import Actor, Answer, Call
from kingpost.context import Context
from kingpost.query.objects import Objects
from kingpost.query.operations import Operation
from kingpost.query.stages import Rendering


@dataclass(frozen=True, slots=True)
class Outside:
    """Answers calls of a Context that has no transaction; made by `outside`."""

    engine: Engine
    deadline: float

    async def ask(self, call: Call) -> Answer:
        """Each call is committed when it is answered."""
        return await answer(call, self.engine)

    async def sql(self, statement: str, arguments: Sequence[object]) -> list[dict[str, object]]:
        """Each statement is a transaction."""
        async with self.engine.store.begin(self.deadline) as transaction:
            return await transaction.sql(statement, arguments, self.deadline)


def outside(engine: Engine, objects: Objects, call: Call) -> Context:
    """A Context that asks as `call` was asked, each time for itself."""
    answering = Outside(engine, call.deadline)
    return Context(call, answering.ask, objects, answering.sql, engine.observe)


def nothing_asked(actor: Actor, deadline_s: float, *, system: bool = False) -> Call:
    """A call that asks nothing yet: who, when, and how long there is from now on."""
    return Call((), (), _unread, actor, datetime.now(UTC), time.monotonic() + deadline_s, system=system)


def _unread(_skeleton: tuple[str, ...]) -> tuple[Operation, Rendering]:
    raise AssertionError("it asks nothing")
