"""The shared domain behind the HTTP edge, without sockets: whoever asks says so plainly."""

from __future__ import annotations

import json

from kingpost.answer import Engine
from kingpost.api.http import Door, Http
from kingpost.api.message import Route
from kingpost.api.rest.app import rest
from kingpost.call import Actor
from kingpost.observe import Event
from kingpost.perform import Performer
from tests import domain
from tests.asgi import Got, fetch
from tests.asking import BOB, BOSS, DEE, NOBODY

ADMIN = Actor("9", frozenset({"admin", "boss", "member"}), {"org": "acme"})
UMA = Actor("uma", frozenset({"dispatcher"}), {"airline": "UA"})
PEOPLE = {"boss": BOSS, "bob": BOB, "dee": DEE, "admin": ADMIN, "uma": UMA}


class RestDesk:
    """An engine over REST; `events` are what was observed."""

    def __init__(self, engine: Engine, classes: dict[str, type] | None = None) -> None:
        self.engine = engine
        self.events: list[Event] = []
        known = classes or {cls.__name__: cls for cls in domain.ENTITIES}
        route = Route("rest", rest(engine.manifest, Performer(engine, known).ask))
        self.http = Http(Door({"v1": route}, _identify, _ready, self.events.append))

    async def __call__(self, method: str, path: str, body: object = None, who: str = "boss", **headers: str) -> Got:
        """Ask as `who` ("" for nobody); `body` is JSON to be, or bytes as they are; headers by name, _ for -."""
        given = {name.replace("_", "-"): value for name, value in headers.items()} | (
            {"authorization": who} if who else {}
        )
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        return await fetch(self.http, path, method, headers=given, body=raw)


def _identify(credentials: str | None) -> Actor:
    return PEOPLE.get(credentials or "", NOBODY)


async def _ready() -> None:
    """Nothing to wait for."""
