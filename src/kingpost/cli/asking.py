"""A Context to be used by hand: each of its calls is of its own time, and committed by itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import structs

from kingpost.answer import Engine, answer
from kingpost.call import Actor, Answer, Call
from kingpost.context import Context
from kingpost.perform.outside import nothing_asked
from kingpost.query.objects import Objects

if TYPE_CHECKING:
    from kingpost.app import App


@dataclass(frozen=True, slots=True)
class _Asking:
    engine: Engine
    deadline_s: float

    async def ask(self, call: Call) -> Answer:
        now = datetime.now(UTC)
        return await answer(structs.replace(call, now=now, deadline=self._deadline()), self.engine)

    async def sql(self, statement: str, arguments: Sequence[object]) -> list[dict[str, object]]:
        deadline = self._deadline()
        async with self.engine.store.begin(deadline) as transaction:
            return await transaction.sql(statement, arguments, deadline)

    def _deadline(self) -> float:
        return time.monotonic() + self.deadline_s


def asking(app: App, engine: Engine, actor: Actor, deadline_s: float, *, system: bool) -> Context:
    """The Context of this actor, or of the system; each call may take `deadline_s` seconds from when it is made."""
    each = _Asking(engine, deadline_s)
    objects = Objects(app.manifest, app.classes)
    return Context(nothing_asked(actor, deadline_s, system=system), each.ask, objects, each.sql, engine.observe)
