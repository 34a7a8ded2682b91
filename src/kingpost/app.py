"""What a team writes: one App with its entities, actions, endpoints and mounts. It is an ASGI application."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Concatenate, TypeVar

from kingpost.api.http import refuse_start
from kingpost.api.message import Receive, Scope, Send
from kingpost.api.own_routes import AsgiApp, WrittenMount, WrittenRoute, read_mounts, read_routes
from kingpost.api.response import Response
from kingpost.call import Actor
from kingpost.context import Context
from kingpost.errors import DeclarationError, KingpostError
from kingpost.model.declare import DefaultAction, Table, WrittenAction
from kingpost.model.faults import Faults
from kingpost.model.manifest import Isolation, Manifest
from kingpost.model.read import read_manifest
from kingpost.model.read_actions import with_actions
from kingpost.model.read_arguments import Known
from kingpost.model.terms import Term, anyone
from kingpost.observe import Observer
from kingpost.perform.seeding import WrittenSeed, read_development
from kingpost.settings import Settings
from kingpost.wiring import Declared, MakeStore, Wired, postgres, wire

Action = TypeVar("Action", bound=Callable[Concatenate[Context, ...], Awaitable[Any]])
Endpoint = TypeVar("Endpoint", bound=Callable[Concatenate[Context, ...], Awaitable[Response]])
Seed = TypeVar("Seed", bound=Callable[[Context], Awaitable[None]])


class App:
    """One application: its entities, served over every protocol. It is an ASGI application.

    Args:
        name: what the app is called, in logs and contracts.
        entities: the declared classes.
        timezone: IANA name; where dates and times without an offset are meant.
        store: makes the store from the settings; PostgreSQL at `database_url` unless given.
        actors: as whom one can call while developing: `{"uma": Actor("uma", frozenset({"dispatcher"}))}`.

    Raises:
        DeclarationError: a declaration is wrong; the message lists all faults with file and line.
    """

    def __init__(
        self,
        name: str,
        *,
        entities: Sequence[type[Table]],
        timezone: str = "UTC",
        store: MakeStore | None = None,
        actors: Mapping[str, Actor] | None = None,
    ) -> None:
        self.name = name
        self.store_for: MakeStore = store or postgres
        self._entities = tuple(entities)
        self._stored = read_manifest(name, entities, timezone=timezone)
        self._actions: list[WrittenAction] = []
        self._routes: list[WrittenRoute] = []
        self._mounts: list[WrittenMount] = []
        self._seeds: list[WrittenSeed] = []
        self._actors = dict(actors or {})
        self._declared: Declared | None = None
        self._wired: Wired | None = None

    def action(
        self,
        *,
        policy: Term | None = None,
        replaces: DefaultAction | None = None,
        on: type[Table] | None = None,
        isolation: Isolation = "read committed",
        retry: int = 0,
        name: str | None = None,
    ) -> Callable[[Action], Action]:
        """Make a function an action, which every protocol offers; it stays the function it is.

            @app.action(policy=role("dispatcher") & (this.airline == me.airline))
            async def delay(ctx: Context, flight: Flight, minutes: Annotated[int, Gt(0)]) -> Flight: ...

        The first entity among its arguments is what it is done to, and `this` of its policy: `flight: Flight` one
        row, `POST /v1/flights/{id}:delay`; `flights: list[Flight]` a set, `POST /v1/flights:rescore`. Without one it is
        done to nothing, `POST /v1/rescore-all`. Rows are given by key and loaded; `flight: New[Flight]` is what a
        caller gives for a row that is not there yet. It returns an entity, a list of one, a value, or None.

        Args:
            policy: who may; nobody without one, or with `replaces` who might what is replaced.
            replaces: the default action whose place it takes, `Flight.create`.
            on: whose collection it belongs to, where it is done to nothing: `POST /v1/flights:import`.
            isolation: of its transaction.
            retry: how many times more it is run after a serialization failure or a deadlock.
            name: where it is not to be called as the function is.

        Raises:
            DeclarationError: the app is in use already. All else that is wrong is told at first use, all at once.
        """
        self._check_open("an action")

        def decorate(function: Action) -> Action:
            file, line = _caller()
            self._actions.append(WrittenAction(function, file, line, policy, replaces, on, isolation, retry, name))
            return function

        return decorate

    def route(self, method: str, path: str, *, policy: Term = anyone) -> Callable[[Endpoint], Endpoint]:
        """Make a function an endpoint of its own over HTTP: `@app.route("GET", "/board/{origin}")`.

        Its parameters named in braces come from the path, others from the query; `body: bytes` is the body. What it
        does through the Context is under the policies of the entities, as all else.

        Args:
            method: GET, POST, PUT, PATCH or DELETE.
            path: begins with a word that is not Kingpost's own.
            policy: who may call it: role(…) and me, there is no row.

        Raises:
            DeclarationError: as `action`.
        """
        self._check_open("an endpoint")

        def decorate(function: Endpoint) -> Endpoint:
            self._routes.append(WrittenRoute(method, path, policy, function, *_caller()))
            return function

        return decorate

    def mount(self, prefix: str, app: AsgiApp) -> None:
        """Let another ASGI application answer all below `prefix`; it checks by itself who asks.

        Raises:
            DeclarationError: as `action`.
        """
        self._check_open("a mount")
        file, line = _caller()
        self._mounts.append(WrittenMount(prefix, app, f"{file}:{line}"))

    def seed(self, function: Seed) -> Seed:
        """Make a function the one that fills a development database, by `kingpost seed`: `async def seed(ctx: Context)`.

        It runs in one transaction, past every policy. It may be run again, so it looks for what it made before.

        Raises:
            DeclarationError: as `action`.
        """
        self._check_open("a seed")
        self._seeds.append(WrittenSeed(function, *_caller()))
        return function

    @property
    def classes(self) -> Mapping[str, type]:
        """The declared classes by name."""
        return {cls.__name__: cls for cls in self._entities}

    @property
    def manifest(self) -> Manifest:
        """All that was declared; from the first time it is asked for, nothing more can be.

        Raises:
            DeclarationError: an action, endpoint or mount is wrong; all faults at once.
        """
        return self.declared.manifest

    @property
    def declared(self) -> Declared:
        """The manifest, and what is of HTTP alone. Raises as `manifest`."""
        if self._declared is None:
            faults = Faults()
            manifest = with_actions(self._stored, self._entities, self._actions, Context, faults)
            known = Known(manifest.entities, self.classes, Context)
            routes = read_routes(self._routes, known, faults)
            mounts = read_mounts(self._mounts, routes, faults)
            development = read_development(self._seeds, self._actors, known, faults)
            faults.raise_any()
            self._declared = Declared(manifest, self.classes, routes, mounts, development)
        return self._declared

    def _check_open(self, what: str) -> None:
        if self._declared is not None:
            message = f"{what} is declared after the app {self.name!r} was put to use"
            hint = "declare it in a module that is imported before the app is served or its manifest read"
            raise DeclarationError(message, hint=hint)

    def wire(self, settings: Settings, observe: Observer | None = None) -> Wired:
        """Put the rooms together under these settings; nothing is connected yet."""
        return wire(self.declared, self.store_for, settings, observe)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope, by the settings of the process.

        Raises:
            KingpostError: something is declared or set wrongly, and the server has no lifespan in which to be told so.
        """
        try:
            wired = self._wired or self._wire()
        except KingpostError as error:
            if scope["type"] != "lifespan":
                raise
            await refuse_start(error, receive, send)
            return
        await wired.http.__call__(scope, receive, send)  # by its type: a call more

    def drain(self) -> None:
        """Let readiness say no from now on, so that no new request is sent here; all else goes on."""
        (self._wired or self._wire()).drain()

    def _wire(self) -> Wired:
        self._wired = self.wire(Settings.load())
        return self._wired


def _caller() -> tuple[str, int]:
    """The file and line that called the function that asks."""
    frame = sys._getframe(2)
    return frame.f_code.co_filename, frame.f_lineno
