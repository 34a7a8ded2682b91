"""The composition root: the one file that knows every room. It wires; it does no work."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from kingpost.answer import Engine
from kingpost.api.http import Door, Http, HttpOptions, Lifespan
from kingpost.api.message import Route
from kingpost.api.own_routes import Mount, OwnRoute
from kingpost.api.own_serve import Serving, own_endpoints
from kingpost.api.response import plain_of
from kingpost.api.rest.app import contract, rest
from kingpost.auth.tokens import identify_by_token, token_rules
from kingpost.errors import DeclarationError, EngineUnavailable
from kingpost.model.manifest import Manifest
from kingpost.observe import FLUSH_EVERY_S, JsonLog, Observer, ServerDraining, ServerStarted, ServerStopped
from kingpost.perform import Performer
from kingpost.perform.seeding import Development
from kingpost.policy.acting import admits
from kingpost.ports import Store
from kingpost.settings import Settings
from kingpost.store.postgres.store import PostgresStore

MakeStore = Callable[[Settings, Observer], Store]
# What is there at start stays, and a request leaves few cycles: at the usual 700 the collector looks every dozen.
YOUNG_OBJECTS_MAX = 20_000


def wire(declared: Declared, store_for: MakeStore, settings: Settings, observe: Observer | None = None) -> Wired:
    """Put the rooms together under these settings; nothing is connected yet."""
    log = JsonLog(level=settings.log_level)
    observe = observe or log.__call__
    manifest = declared.manifest
    store = store_for(settings, observe)
    engine = Engine(manifest, store, store.run, observe, settings.cost_rows_max)
    performer = Performer(engine, declared.classes)
    running = _Running(manifest, store, observe, log, f"{settings.host}:{settings.port}")
    serving = Serving(
        invoke=performer.endpoint,
        admitted=lambda policy, call: admits(policy, call, manifest.timezone),
        plain=plain_of(manifest, declared.classes),
        timezone=manifest.timezone,
    )
    door = Door(
        routes={**own_endpoints(declared.routes, serving), "v1": Route("rest", rest(manifest, performer.ask))},
        identify=identify_by_token(token_rules(settings), observer=observe),
        ready=running.ready,
        observe=observe,
        options=HttpOptions(
            settings.deadline_s, settings.body_bytes_max, settings.cors_origins, settings.trusted_proxies
        ),
        lifespan=Lifespan(running.start, running.stop),
        mounts=declared.mounts,
        documents={"/openapi.json": contract(manifest)},
    )
    return Wired(engine, performer, Http(door), running.start, running.stop, running.drain)


@dataclass(frozen=True, slots=True)
class Declared:
    """All that an app declares: what every protocol reads, what is of HTTP alone, and what is for development."""

    manifest: Manifest
    classes: Mapping[str, type]
    routes: tuple[OwnRoute, ...]
    mounts: tuple[Mount, ...]
    development: Development = field(default_factory=Development)


@dataclass(frozen=True, slots=True)
class Wired:
    """An app put together: what answers calls, what answers HTTP, and how both start, get ready to end, and stop."""

    engine: Engine
    performer: Performer
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


def postgres(settings: Settings, observe: Observer) -> Store:
    """The store in PostgreSQL, at the settings' `database_url`."""
    if settings.database_url is None:
        raise DeclarationError(
            "there is no database to serve from",
            hint="set KINGPOST_DATABASE_URL, or run `kingpost dev`, which brings one along",
        )
    return PostgresStore(
        settings.database_url.reveal(),
        connections=settings.connections,
        events_keep_s=settings.events_keep_s,
        observe=observe,
    )
