"""Opens an app's store for a command that asks it something itself, without a server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from kingpost.answer import Engine
from kingpost.observe import JsonLog, Observer, nobody

if TYPE_CHECKING:
    from kingpost.app import App
    from kingpost.settings import Settings


@asynccontextmanager
async def opened(app: App, settings: Settings) -> AsyncIterator[Engine]:
    """What answers an app's questions, while in the block.

    Where this is no development environment, what goes past the policies is told in the log.

    Raises:
        DeclarationError, EngineError: the store cannot be opened.
    """
    log = JsonLog(level=settings.log_level)
    observe: Observer = nobody if settings.environment == "development" else log
    store = app.store_for(settings, observe)
    try:
        await store.open(app.manifest)
        yield Engine(app.manifest, store, store.run, observe, settings.cost_rows_max)
    finally:
        await store.close()
        log.flush()
