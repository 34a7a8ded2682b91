"""Ask the shared domain as a caller would, without sockets: `/v1/people?sort=last` as somebody, and the parsed body."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

from kingpost.answer import Engine, answer
from kingpost.api.rest.read import reader
from kingpost.api.rest.skeleton import split
from kingpost.call import ANONYMOUS, Actor, Answer, Call
from kingpost.observe import nobody
from kingpost.store.memory import MemoryStore
from tests import domain

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
BOSS = Actor("1", frozenset({"boss", "member"}), {"org": "acme"})
BOB = Actor("2", frozenset({"member"}), {"org": "acme"})
DEE = Actor("4", frozenset({"member"}), {"org": "umbra"})
NOBODY = ANONYMOUS


async def domain_in_memory() -> Engine:
    """The shared domain with its rows, in memory."""
    manifest, store = domain.manifest(), MemoryStore()
    await store.create(manifest)
    for entity, rows in domain.rows().items():
        await store.load(entity, rows)
    return Engine(manifest, store, store.run, nobody, 100_000)


async def ask(engine: Engine, target: str, actor: Actor = BOSS) -> Answer:
    """The answer to a GET of `target`."""
    path, _, query = target.partition("?")
    skeleton, values = split(path, query.encode())
    call = Call(skeleton, values, reader(engine.manifest), actor, NOW, time.monotonic() + 10)
    return await answer(call, engine)


async def get(engine: Engine, target: str, actor: Actor = BOSS) -> Any:
    """The parsed body of that answer."""
    found = await ask(engine, target, actor)
    return None if found.body is None else json.loads(found.body)
