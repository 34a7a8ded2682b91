"""Answer one call. The whole framework on one page: read this first."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter

from kingpost.call import Answer, Ask, Call, Service
from kingpost.errors import TooDear
from kingpost.model.manifest import Manifest
from kingpost.observe import Observer, PlanMade
from kingpost.policy.allow import allow
from kingpost.ports import Store
from kingpost.query.bind import bind
from kingpost.query.derive import derive
from kingpost.query.plans import PlanCache
from kingpost.query.stages import Bound, Plan, Rendering
from kingpost.query.values import Filler, filler

ROLE_SETS_MAX = 64


@dataclass(frozen=True, slots=True)
class Shape:
    """What is kept of a skeleton: the bound question, and a plan for each set of roles that matters to it."""

    bound: Bound
    rendering: Rendering
    bind_s: float
    ready: dict[frozenset[str], tuple[Plan, Filler]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Engine:
    """All that answering needs, put together once by `App`."""

    manifest: Manifest
    store: Store
    run: Service[Ask, Answer]
    observe: Observer
    cost_rows_max: int
    shapes: PlanCache[Shape] = field(default_factory=PlanCache)


async def answer(call: Call, engine: Engine) -> Answer:
    """Find the plan of the call's shape (bind, allow, compile on a miss), fill in its values, run it."""
    shape = engine.shapes.get(call.skeleton) or engine.shapes.put(call.skeleton, _shape(call, engine))
    plan, fill = shape.ready.get(shape.bound.roles & call.actor.roles) or _ready(shape, call, engine)
    if plan.scan is not None and engine.store.estimated_rows(plan.scan.entity) > plan.scan.rows_max:
        raise TooDear(plan.scan.message, hint=plan.scan.hint)
    arguments = fill(call.values, call.actor, call.now, call.address, call.host)
    found = await engine.run(Ask(plan, arguments, call.deadline))
    return found if plan.derived is None else derive(found, plan.derived, engine.manifest)


def _shape(call: Call, engine: Engine) -> Shape:
    started = perf_counter()
    operation, rendering = call.read(call.skeleton)
    return Shape(bind(operation, engine.manifest), rendering, perf_counter() - started)


def _ready(shape: Shape, call: Call, engine: Engine) -> tuple[Plan, Filler]:
    started = perf_counter()
    roles = shape.bound.roles & call.actor.roles
    allowed = allow(shape.bound, roles, known=call.actor.known)
    narrowed = perf_counter()
    plan = engine.store.compile(allowed, shape.rendering)
    done = perf_counter()
    if len(shape.ready) >= ROLE_SETS_MAX:
        shape.ready.clear()
    ready = shape.ready[roles] = (plan, filler(plan, engine.manifest.timezone, engine.cost_rows_max))
    engine.observe(PlanMade(call.skeleton, shape.bind_s, narrowed - started, done - narrowed, done - started))
    return ready
