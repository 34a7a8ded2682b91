"""The composition root: the one file that knows every room. It wires; it does no work."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from kingpost.answer import Engine, answer
from kingpost.api.http import Door, Http, HttpOptions, Lifespan, Receive, Scope, Send
from kingpost.api.message import Route
from kingpost.api.rest.app import rest
from kingpost.auth.tokens import identify_by_token, token_rules
from kingpost.call import Answer, Call
from kingpost.errors import DeclarationError, EngineUnavailable
from kingpost.model.declare import Table
from kingpost.model.manifest import Manifest
from kingpost.model.read import read_manifest
from kingpost.observe import FLUSH_EVERY_S, JsonLog, Observer, ServerDraining, ServerStarted, ServerStopped
from kingpost.ports import Store
from kingpost.settings import Settings
from kingpost.store.postgres.store import PostgresStore

MakeStore = Callable[[Settings, Observer], Store]
# What is there at start stays, and a request leaves few cycles: at the usual 700 the collector looks every dozen.
YOUNG_OBJECTS_MAX = 20_000


class App:
    """One application: its entities, served over every protocol. It is an ASGI application.

    Args:
        name: what the app is called, in logs and contracts.
        entities: the declared classes.
        timezone: IANA name; where dates and times without an offset are meant.
        store: makes the store from the settings; PostgreSQL at `database_url` unless given.

    Raises:
        DeclarationError: a declaration is wrong; the message lists all faults with file and line.
    """

    def __init__(
        self, name: str, *, entities: Sequence[type[Table]], timezone: str = "UTC", store: MakeStore | None = None
    ) -> None:
        self.name = name
        self.manifest: Manifest = read_manifest(name, entities, timezone=timezone)
        self.store_for: MakeStore = store or _postgres
        self._wired: Wired | None = None

    def wire(self, settings: Settings, observe: Observer | None = None) -> Wired:
        """Put the rooms together under these settings; nothing is connected yet."""
        log = JsonLog(level=settings.log_level)
        observe = observe or log
        store = self.store_for(settings, observe)
        engine = Engine(self.manifest, store, store.run, observe, settings.cost_rows_max)

        def ask(call: Call) -> Awaitable[Answer]:
            return answer(call, engine)

        running = _Running(self.manifest, store, observe, log, f"{settings.host}:{settings.port}")
        door = Door(
            routes={"v1": Route("rest", rest(self.manifest, ask))},
            identify=identify_by_token(token_rules(settings), observer=observe),
            ready=running.ready,
            observe=observe,
            options=HttpOptions(
                settings.deadline_s, settings.body_bytes_max, settings.cors_origins, settings.trusted_proxies
            ),
            lifespan=Lifespan(running.start, running.stop),
        )
        return Wired(engine, Http(door), running.start, running.stop, running.drain)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope, by the settings of the process."""
        await (self._wired or self._wire()).http(scope, receive, send)

    def drain(self) -> None:
        """Let readiness say no from now on, so that no new request is sent here; all else goes on."""
        (self._wired or self._wire()).drain()

    def _wire(self) -> Wired:
        self._wired = self.wire(Settings.load())
        return self._wired


@dataclass(frozen=True, slots=True)
class Wired:
    """An app put together: what answers calls, what answers HTTP, and how both start, get ready to end, and stop."""

    engine: Engine
    http: Http
    start: Callable[[], Awaitable[None]]
    stop: Callable[[], Awaitable[None]]
    drain: Callable[[], None]


@dataclass(slots=True)
class _Running:
    """What lives while the app serves: the store's connections, and the task that flushes the log."""

    manifest: Manifest
    store: Store
    observe: Observer
    log: JsonLog
    address: str
    draining: bool = False
    flushing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.store.open(self.manifest)
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG_OBJECTS_MAX)
        self.flushing = asyncio.create_task(self._flush())
        self.observe(ServerStarted(self.manifest.app, self.address, os.getpid()))

    async def ready(self) -> None:
        if self.draining:
            raise EngineUnavailable("told to stop")
        await self.store.ready()

    def drain(self) -> None:
        if not self.draining:
            self.draining = True
            self.observe(ServerDraining(self.manifest.app, os.getpid()))

    async def stop(self) -> None:
        if self.flushing is not None:
            self.flushing.cancel()
            with suppress(asyncio.CancelledError):
                await self.flushing
        await self.store.close()
        self.observe(ServerStopped(self.manifest.app, os.getpid()))
        self.log.flush()

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            self.log.flush()


def _postgres(settings: Settings, observe: Observer) -> Store:
    if settings.database_url is None:
        raise DeclarationError(
            "there is no database to serve from",
            hint="set KINGPOST_DATABASE_URL, or run `kingpost dev`, which brings one along",
        )
    return PostgresStore(settings.database_url.reveal(), connections=settings.connections, observe=observe)
