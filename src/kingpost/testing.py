"""For a team's own tests: a Context over the memory store, without server, sockets or database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager

from kingpost.answer import Engine
from kingpost.app import App
from kingpost.call import Actor
from kingpost.context import Context
from kingpost.observe import Observer, nobody
from kingpost.perform.outside import nothing_asked, outside
from kingpost.query.objects import Objects
from kingpost.store.memory import MemoryStore

COST_ROWS_MAX = 100_000


@asynccontextmanager
async def context(
    app: App,
    *,
    id: str | None = "tester",
    roles: Collection[str] = (),
    claims: Mapping[str, object] | None = None,
    observe: Observer = nobody,
    deadline_s: float = 30.0,
) -> AsyncIterator[Context]:
    """What a handler is given, for a caller of these roles and claims, over empty tables in memory.

        async with context(app, roles={"dispatcher"}, claims={"airline": "UA"}) as ctx:
            flight = await ctx.system.create(Flight, …)
            assert (await delay(ctx, flight, minutes=10, reason="fog")).dep_delay == 10

    Rows for a test are best made by `ctx.system`, past the policies. A handler that is called as a function has its
    arguments neither checked nor its own policy asked; what it does through the Context is under the entities' policies.

    Args:
        app: whose entities.
        id: who asks: `me.id`; None for nobody we know.
        roles: their roles.
        claims: what else their credentials claim.
        observe: hears of what happens, such as system access.
        deadline_s: how long the test may take.
    """
    store = MemoryStore()
    await store.create(app.manifest)
    try:
        engine = Engine(app.manifest, store, store.run, observe, COST_ROWS_MAX)
        objects = Objects(app.manifest, app.classes)
        yield outside(engine, objects, nothing_asked(Actor(id, frozenset(roles), claims or {}), deadline_s))
    finally:
        await store.close()
