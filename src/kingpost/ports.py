"""What the rooms offer each other. Not public: these may change in a minor release."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from kingpost.call import Answer, Ask
from kingpost.model.manifest import Manifest
from kingpost.query.stages import Allowed, Plan, Rendering


class Store(Protocol):
    """Where entities are kept. `store/conformance.py` says what each method must do."""

    def compile(self, allowed: Allowed, rendering: Rendering) -> Plan:
        """Make the plan of a question: pure, no I/O."""

    async def run(self, ask: Ask) -> Answer:
        """Run a plan by its deadline."""

    async def open(self, manifest: Manifest) -> None:
        """Connect and check that what is stored fits the manifest (DeclarationError if not)."""

    async def create(self, manifest: Manifest) -> None:
        """Make empty tables for the manifest and note its storage hash; what was there is dropped."""

    async def load(self, entity: str, rows: Iterable[Mapping[str, object]]) -> int:
        """Add rows in bulk, defaults filled in, no policy asked; return how many. All or nothing."""

    def estimated_rows(self, entity: str) -> int:
        """About how many rows there are; may be minutes old."""

    async def ready(self) -> None:
        """Return if the store can serve now, else raise EngineUnavailable."""

    async def close(self) -> None:
        """Let go of everything; safe to call twice."""
