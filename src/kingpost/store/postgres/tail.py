"""The tail: every event once and in order, for as long as somebody asks, whatever becomes of the connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from random import SystemRandom

from kingpost.errors import EngineFailed
from kingpost.model.manifest import Manifest
from kingpost.observe import EngineLost, EngineRecovered, EngineRefused, Observer
from kingpost.ports import ChangeEvent
from kingpost.store.postgres.failures import ENGINE, Failure, is_gone, sqlstate, translated, unavailable
from kingpost.store.postgres.kept import CONNECT_TIMEOUT_S, Kept, Settings, connect
from kingpost.store.postgres.outbox_reader import BATCH, POLL_S, Reader

QUIET_LOOKS = 10
"""So often it is looked in vain before going to sleep: who writes is likely to write again."""
BLOCKED_MAX_S = 0.1
RECONNECT_MIN_S, RECONNECT_MAX_S = 0.05, 2.0
_chance = SystemRandom()
_SETTINGS = Settings(size=1, application_name="kingpost tail")


async def tail(url: str, manifest: Manifest, after: str | None, observe: Observer) -> AsyncGenerator[ChangeEvent, None]:
    """Every event after a token; see `ports.Tail`. It has a connection of its own.

    Args:
        url: of the server; with a pooler in between, past it.
        manifest: whose entities the events are of.
        after: a token, OLDEST, or None for from now on.
        observe: is told when the server is lost and is back.

    Raises:
        Malformed, HistoryGone: there is no going on from `after`.
        EngineUnavailable: the server cannot be reached at the start; later on it is waited for.
        EngineFailed: it refuses what we ask.
    """
    loop = asyncio.get_running_loop()
    lost_at: float | None = None
    started, pause_s = False, RECONNECT_MIN_S
    while True:
        kept: Kept | None = None
        try:
            kept = await connect(url, _SETTINGS, CONNECT_TIMEOUT_S)
            reader = Reader(kept, manifest)
            after = await reader.start(after)
            if lost_at is not None:
                observe(EngineRecovered(ENGINE, loop.time() - lost_at))
            started, lost_at, pause_s = True, None, RECONNECT_MIN_S
            async with aclosing(_followed(reader)) as changes:
                async for change in changes:
                    after = change.token
                    yield change
        except Failure as error:
            _raise_unless_passing(error, started, observe)
            if lost_at is None:
                lost_at = loop.time()
                observe(EngineLost(ENGINE, f"{sqlstate(error)} {type(error).__name__}"))
        finally:
            if kept is not None:
                kept.connection.terminate()  # it may be broken, or within a statement; nothing on it is worth a wait
        # Many nodes come back to one server: not all at once.
        await asyncio.sleep(pause_s * _chance.uniform(0.5, 1.0))
        pause_s = min(pause_s * 2, RECONNECT_MAX_S)


async def _followed(reader: Reader) -> AsyncGenerator[ChangeEvent, None]:
    """What a reader finds, for ever."""
    quiet, pause_s = 0, POLL_S
    while True:
        changes = await reader.read()
        for change in changes:
            yield change
        if changes:
            quiet, pause_s = 0, POLL_S
            await asyncio.sleep(0 if len(changes) == BATCH else POLL_S)
        elif reader.blocked:
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, BLOCKED_MAX_S)
        elif quiet < QUIET_LOOKS:
            quiet += 1
            await asyncio.sleep(POLL_S)
        else:
            await reader.sleep()


def _raise_unless_passing(error: BaseException, started: bool, observe: Observer) -> None:
    """A server that is lost, or silent, once it was found is waited for; all else is raised."""
    silent = isinstance(error, TimeoutError)
    if started and (silent or is_gone(error)):
        return
    found = unavailable("it does not answer") if silent else translated(error)
    if isinstance(found, EngineFailed):
        observe(EngineRefused(ENGINE, sqlstate(error), found.message))
    raise found from error
