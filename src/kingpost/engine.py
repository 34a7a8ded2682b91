"""All that answering needs, put together once, and what it keeps of each shape of question."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from kingpost.call import Answer, Ask, Service
from kingpost.model.defaults import TimeOrderedIds
from kingpost.model.manifest import Manifest
from kingpost.observe import Observer
from kingpost.ports import Store
from kingpost.query.plans import PlanCache
from kingpost.query.stages import Bound, Plan, Rendering
from kingpost.query.storing import NewId, write_filler
from kingpost.query.values import filler

Fill: TypeAlias = Callable[..., tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Shape:
    """What is kept of a skeleton: the bound question, and a plan for each set of roles that matters to it."""

    bound: Bound
    rendering: Rendering
    bind_s: float
    ready: dict[frozenset[str], tuple[Plan, Fill]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Engine:
    """All that answering needs, put together once by `wire`."""

    manifest: Manifest
    store: Store
    run: Service[Ask, Answer]
    observe: Observer
    cost_rows_max: int
    new_id: NewId = field(default_factory=lambda: TimeOrderedIds(os.urandom))
    shapes: PlanCache[Shape] = field(default_factory=PlanCache)

    def filler(self, plan: Plan, bound: Bound) -> Fill:
        """What fills the slots of a plan."""
        timezone = self.manifest.timezone
        if plan.result == "change":
            return write_filler(plan, timezone, self.cost_rows_max, self.new_id, bound.faults)
        return filler(plan, timezone, self.cost_rows_max)
