"""What the commands need of an app; `kingpost.App` is one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

from kingpost.call import Actor
from kingpost.model.manifest import Manifest
from kingpost.observe import Observer
from kingpost.ports import Store
from kingpost.query.operations import Operation
from kingpost.query.stages import Allowed, Bound
from kingpost.settings import Settings

Scope: TypeAlias = MutableMapping[str, Any]


class Explanation(Protocol):
    """What one request becomes, stage by stage. `database_plan` are the lines of PostgreSQL's EXPLAIN."""

    @property
    def skeleton(self) -> tuple[str, ...]: ...

    @property
    def operation(self) -> Operation: ...

    @property
    def bound(self) -> Bound: ...

    @property
    def allowed(self) -> Allowed: ...

    @property
    def sql(self) -> str: ...

    @property
    def arguments(self) -> Sequence[object]: ...

    @property
    def database_plan(self) -> Sequence[str]: ...


@runtime_checkable
class ServedApp(Protocol):
    """An ASGI app that was made of a manifest."""

    name: str
    manifest: Manifest

    def store_for(self, settings: Settings, observe: Observer, /) -> Store:
        """The store these settings name, not opened yet."""

    async def __call__(
        self,
        scope: Scope,
        receive: Callable[[], Awaitable[Mapping[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """ASGI 3."""


@runtime_checkable
class Explains(Protocol):
    """An app that can say what a request becomes."""

    async def explain(self, settings: Settings, method: str, target: str, actor: Actor) -> Explanation:
        """What `target` becomes for this actor; nothing is answered."""


@runtime_checkable
class Drains(Protocol):
    """An app that can say it is about to end."""

    def drain(self) -> None:
        """Let readiness say no from now on; everything else goes on."""
