"""What the commands need of an app; `kingpost.App` is one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

from kingpost.model.manifest import Manifest
from kingpost.observe import Observer
from kingpost.ports import Store
from kingpost.settings import Settings

Scope: TypeAlias = MutableMapping[str, Any]


@runtime_checkable
class ServedApp(Protocol):
    """An ASGI app that was made of a manifest."""

    name: str

    @property
    def manifest(self) -> Manifest:
        """All that it serves."""

    def store_for(self, settings: Settings, observe: Observer, /) -> Store:
        """The store these settings name, not opened yet."""

    async def __call__(
        self,
        scope: Scope,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        """ASGI 3."""


@runtime_checkable
class Drains(Protocol):
    """An app that can say it is about to end."""

    def drain(self) -> None:
        """Let readiness say no from now on; everything else goes on."""
