"""What the rooms offer each other. Not public: these may change in a minor release."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from msgspec import Struct

from kingpost.call import Answer, Ask
from kingpost.model.manifest import Manifest
from kingpost.query.stages import Allowed, Plan, Rendering


class Transaction(Protocol):
    """Several plans as one: all of it is kept at the end, or nothing. Made by `Store.begin`; one call at a time."""

    async def run(self, ask: Ask) -> Answer:
        """Run a plan; it sees what ran before it in here."""

    async def lock(self, entity: str, keys: Sequence[tuple[object, ...]], deadline: float, /) -> None:
        """Lock those of these rows that exist, in the order of their keys, so that transactions cannot deadlock."""

    async def claim(self, scope: str, key: str, deadline: float, /) -> bytes | None:
        """Take an idempotency key for this transaction; return what was remembered under it, if it was used before.

        Raises StillRunning where another transaction holds it.
        """

    async def remember(self, scope: str, key: str, record: bytes, keep_s: float, /) -> None:
        """Keep a record under a claimed key, in this transaction, for `keep_s` seconds."""

    async def sql(self, statement: str, arguments: Sequence[object], deadline: float, /) -> list[dict[str, object]]:
        """Run a statement of the engine's own language; EngineLacks where there is none."""


Isolation: TypeAlias = Literal["read committed", "repeatable read", "serializable"]


Op: TypeAlias = Literal["created", "updated", "deleted"]

OLDEST = "oldest"
"""In place of a token: the oldest event that is still kept."""


class ChangeEvent(Struct, frozen=True):
    """One event: a row was written. For use inside: nothing of it is hidden, private fields neither.

    Args:
        token: where to go on after this event; opaque, and good in this database alone.
        entity: the entity's name.
        op: what happened to the row; one that is marked as deleted was deleted.
        key: the values of the row's key.
        old: the row before, by field name; None if there was none.
        new: the row after; None if there is none.
        version: the row's version after, of one that is gone its last.
        transaction: equal for what was written together.
        at: when the transaction ended, to within the time its end took.
    """

    token: str
    entity: str
    op: Op
    key: tuple[object, ...]
    old: Mapping[str, object] | None
    new: Mapping[str, object] | None
    version: int
    transaction: str
    at: datetime


@runtime_checkable
class Tail(Protocol):
    """What a store that captures its changes can tell of them."""

    def tail(self, after: str | None = None) -> AsyncGenerator[ChangeEvent, None]:
        """Every event after that token, once, those of a row in the order of their commits; then waits for more.

        `after` is a ChangeEvent's token, OLDEST, or None for what is committed from now on. Raises HistoryGone where events
        that come next are not kept any more, Malformed where `after` is no token.
        """


class Store(Protocol):
    """Where entities are kept. `store/conformance.py` says what each method must do."""

    def compile(self, allowed: Allowed, rendering: Rendering) -> Plan:
        """Make the plan of a question: pure, no I/O."""

    async def run(self, ask: Ask) -> Answer:
        """Run a plan by its deadline; a write is committed when this returns."""

    def begin(
        self, deadline: float, isolation: Isolation = "read committed", /
    ) -> AbstractAsyncContextManager[Transaction]:
        """A transaction: committed where the block ends, rolled back where it raises.

        Raises UnknownOutcome where the connection is lost while committing, Contended where it may be run again.
        """

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
