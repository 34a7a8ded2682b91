"""Collect a question's slots while it is bound: each place a value will fill gets one number."""

from __future__ import annotations

from dataclasses import dataclass, field

from kingpost.errors import TooLarge
from kingpost.model.expressions import Slot
from kingpost.model.types import INT, Type
from kingpost.query.operations import LIMIT_DEFAULT, LIMIT_MAX
from kingpost.query.stages import SlotSpec

SLOTS_MAX = 500


@dataclass(slots=True)
class Slots:
    """The specs so far. Mutable, and never seen outside the one call that fills it."""

    specs: list[SlotSpec] = field(default_factory=list)

    def value(self, index: int, type_: Type, where: str, many: bool = False) -> Slot:
        """A slot for the call's value number `index`."""
        return self.add(SlotSpec("value", type_, index=index, many=many, where=where))

    def limit(self, asked: Slot | None, where: str) -> Slot:
        """A slot for a page size: as asked within 1 to LIMIT_MAX, else the default."""
        if asked is None:
            return self.add(SlotSpec("fixed", INT, value=LIMIT_DEFAULT, where=where))
        return self.add(SlotSpec("value", INT, index=asked.number, minimum=1, maximum=LIMIT_MAX, where=where))

    def add(self, spec: SlotSpec) -> Slot:
        """The slot of `spec`; equal ones that do not come from a value are shared."""
        if spec.source != "value" and spec in self.specs:
            return Slot(self.specs.index(spec), spec.type, spec.many)
        if len(self.specs) >= SLOTS_MAX:
            raise TooLarge(f"the question holds more than {SLOTS_MAX} values", hint="ask in several requests")
        self.specs.append(spec)
        return Slot(len(self.specs) - 1, spec.type, spec.many)
