"""Takes one request through the stages without answering it: what each makes of it is kept, to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

from kingpost.api.rest.read import reader
from kingpost.api.rest.skeleton import split
from kingpost.call import Actor, Skeleton
from kingpost.cli.served import ServedApp
from kingpost.errors import NotOffered
from kingpost.observe import nobody
from kingpost.policy.allow import allow
from kingpost.query.bind import bind
from kingpost.query.operations import Operation, Perform, Together
from kingpost.query.stages import Allowed, Bound, Plan
from kingpost.query.values import filler
from kingpost.settings import Settings


@runtime_checkable
class ExplainingStore(Protocol):
    """A store that can say how it would run a plan."""

    async def explain(self, plan: Plan, arguments: Sequence[object]) -> str:
        """In the engine's own words."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one request becomes, stage by stage; `database_plan` is None where the store cannot tell."""

    skeleton: Skeleton
    operation: Operation
    bound: Bound
    allowed: Allowed
    program: object
    arguments: tuple[object, ...]
    database_plan: str | None


async def explain(app: ServedApp, settings: Settings, request: tuple[str, str], actor: Actor) -> Explanation:
    """What a request, its method and its target, becomes for this actor.

    Raises:
        CallerError: the request is refused, as it would be over HTTP.
        DeclarationError, EngineError: the store cannot be opened.
    """
    method, target = request
    if method != "GET":
        raise NotOffered(f"{method} is not explained yet", offered=("GET",))
    path, _, query = target.partition("?")
    skeleton, values = split(path, query.encode())
    operation, rendering = reader(app.manifest)(skeleton)
    if isinstance(operation, Perform | Together):
        raise NotOffered("actions are not explained", offered=("GET",))
    bound = bind(operation, app.manifest)
    allowed = allow(bound, bound.roles & actor.roles, known=actor.known)
    async with AsyncExitStack() as stack:
        store = app.store_for(settings, nobody)
        stack.push_async_callback(store.close)
        await store.open(app.manifest)
        plan = store.compile(allowed, rendering)
        fill = filler(plan, app.manifest.timezone, settings.cost_rows_max)
        arguments = fill(values, actor, datetime.now(UTC))
        told = await store.explain(plan, arguments) if isinstance(store, ExplainingStore) else None
    return Explanation(skeleton, operation, bound, allowed, plan.program, arguments, told)
