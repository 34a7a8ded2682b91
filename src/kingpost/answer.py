"""Answer one call. The whole framework on one page: read this first."""

from __future__ import annotations

from time import perf_counter

from kingpost.call import Answer, Ask, Call, Service
from kingpost.engine import Engine, Fill, Shape
from kingpost.errors import Forbidden, TooDear
from kingpost.observe import PlanMade
from kingpost.policy.allow import allow, who_are_you
from kingpost.policy.hops import HOPS, SYSTEM
from kingpost.query.bind import bind
from kingpost.query.derive import derive
from kingpost.query.operations import Perform, Together
from kingpost.query.stages import Plan

__all__ = ["Engine", "Shape", "answer", "check"]
ROLE_SETS_MAX = 64


async def answer(call: Call, engine: Engine, run: Service[Ask, Answer] | None = None) -> Answer:
    """Find the plan of the call's shape (bind, allow, compile on a miss), fill in its values, run it (in `run`)."""
    shape = engine.shapes.get(call.skeleton) or engine.shapes.put(call.skeleton, _shape(call, engine))
    plan, fill = shape.ready.get(shape.bound.roles & call.actor.roles) or _ready(shape, call, engine)
    if plan.scan is not None and engine.store.estimated_rows(plan.scan.entity) > plan.scan.rows_max:
        raise TooDear(plan.scan.message, hint=plan.scan.hint)
    arguments = fill(call.values, call.actor, call.now, call.address, call.host)
    try:
        found = await (run or engine.run)(Ask(plan, arguments, call.deadline))
    except Forbidden as refusal:
        raise refusal if call.actor.known else who_are_you(refusal) from None
    return found if plan.derived is None else derive(found, plan.derived, engine.manifest)


def check(call: Call, engine: Engine) -> None:
    """Ask the policy about a call as far as roles decide, and nothing else.

    Raises:
        Forbidden, Unauthenticated: it says no.
    """
    shape = engine.shapes.get(call.skeleton) or engine.shapes.put(call.skeleton, _shape(call, engine))
    allow(shape.bound, shape.bound.roles & call.actor.roles, known=call.actor.known)


def _shape(call: Call, engine: Engine) -> Shape:
    started = perf_counter()
    operation, rendering = call.read(call.skeleton)
    if isinstance(operation, Perform | Together):
        raise TypeError(f"{type(operation).__name__} is no question for a store")
    bound = bind(operation, engine.manifest, private=call.system)
    return Shape(bound, rendering, perf_counter() - started)


def _ready(shape: Shape, call: Call, engine: Engine) -> tuple[Plan, Fill]:
    started = perf_counter()
    roles = shape.bound.roles & call.actor.roles
    allowed = allow(shape.bound, roles, known=call.actor.known, hops=SYSTEM if call.system else HOPS)
    narrowed = perf_counter()
    plan = engine.store.compile(allowed, shape.rendering)
    done = perf_counter()
    if len(shape.ready) >= ROLE_SETS_MAX:
        shape.ready.clear()
    ready = shape.ready[roles] = (plan, engine.filler(plan, shape.bound))
    engine.observe(PlanMade(call.skeleton, shape.bind_s, narrowed - started, done - narrowed, done - started))
    return ready
