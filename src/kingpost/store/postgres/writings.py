"""The statements of one plan, each with parameters of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kingpost.model.manifest import Entity
from kingpost.query.stages import SlotSpec
from kingpost.store.postgres.expressions import Writing


@dataclass(frozen=True, slots=True)
class Writings:
    """Called for each statement: what its parts share."""

    entities: Mapping[str, Entity]
    slots: tuple[SlotSpec, ...]
    letters: str

    def __call__(self) -> Writing:
        return Writing(self.entities, self.slots, self.letters)
