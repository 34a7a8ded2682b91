"""The example's own action and seed, tested as its team would: on the memory store, without a server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from examples.flights.app import TRY_WRITE, app, delay
from examples.flights.model import Airline, Airport, Flight
from examples.flights.seed import SCHEDULED, seed
from kingpost import Context, this
from kingpost.auth.tokens import mint
from kingpost.errors import Forbidden
from kingpost.settings import Settings
from kingpost.store.memory import MemoryStore
from kingpost.testing import context
from tests.asgi import fetch
from tests.flights_database import SECRET

UNITED: dict[str, Any] = {"id": "uma", "roles": {"dispatcher"}, "claims": {"airline": "UA"}}
DELTA: dict[str, Any] = {"id": "dan", "roles": {"dispatcher"}, "claims": {"airline": "DL"}}
AT = datetime(2014, 1, 1, 13, tzinfo=UTC)


async def a_flight(ctx: Context, dep_delay: int | None = None) -> Flight:
    """A flight of United's, and all that it refers to."""
    await ctx.system.create(Airline, carrier="UA", name="United")
    for code in ("JFK", "SFO"):
        await ctx.system.create(Airport, faa=code)
    return await ctx.system.create(
        Flight, airline="UA", origin="JFK", dest="SFO", number=1, departs_at=AT, dep_delay=dep_delay
    )


@pytest.mark.parametrize(("before", "after"), [(None, 20), (5, 25), (-3, 17)])
async def test_a_delay_adds_to_the_one_there_was_and_says_why(before: int | None, after: int) -> None:
    async with context(app, **UNITED) as ctx:
        delayed = await delay(ctx, await a_flight(ctx, before), minutes=20, reason="fog")
        assert (delayed.dep_delay, delayed.remarks, delayed.status) == (after, "fog", "scheduled")
        assert (await ctx.get(Flight, delayed.id)).dep_delay == after


@pytest.mark.parametrize("who", [DELTA, {"id": "ron"}, {"id": "ada", "roles": {"admin"}}])
async def test_nobody_delays_a_flight_of_another_airline(who: dict[str, Any]) -> None:
    async with context(app, **who) as ctx:
        flight = await a_flight(ctx)
        with pytest.raises(Forbidden):
            await delay(ctx, flight, minutes=20, reason="fog")
        assert (await ctx.get(Flight, flight.id)).dep_delay is None


async def test_the_seed_schedules_flights_once_however_often_it_runs() -> None:
    async with context(app) as ctx:
        for _ in range(2):
            await seed(ctx.system)
        flights = await ctx.find(Flight, this.status == "scheduled", sort=["departs_at"])
        assert [(one.airline, one.number, one.origin, one.dest) for one in flights] == SCHEDULED


async def test_each_dispatcher_has_seeded_flights_to_delay() -> None:
    for name in ("uma", "dan"):
        actor = app.declared.development.actors[name]
        async with context(app, id=actor.id, roles=actor.roles, claims=actor.claims) as ctx:
            await seed(ctx.system)
            flights = await ctx.find(Flight, this.airline == actor.claims["airline"])
            assert (await delay(ctx, flights[0], minutes=1, reason="ice")).dep_delay == 1


@pytest.mark.parametrize(("name", "status"), [("uma", 200), ("dan", 403), ("ada", 403), ("ron", 403)])
async def test_what_the_first_screen_offers_to_write_is_for_its_actor_alone(
    name: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()
    monkeypatch.setattr(app, "store_for", lambda *_: store)
    wired = app.wire(Settings(environment="development", secret=SECRET, log_level="error"))
    who, path, body = TRY_WRITE
    await store.create(app.manifest)
    await store.load("Airline", [{"carrier": "UA", "name": "United"}])
    await store.load("Airport", [{"faa": code} for code in ("EWR", "IAH")])
    first = {"id": UUID(path.rpartition("/")[2].partition(":")[0]), "number": 1545, "departs_at": AT, "dep_delay": 2}
    await store.load("Flight", [{**first, "airline": "UA", "origin": "EWR", "dest": "IAH"}])
    actor = app.declared.development.actors[name]
    token = mint(SECRET, sub=actor.id, roles=sorted(actor.roles), claims=dict(actor.claims))
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    got = await fetch(wired.http, path, "POST", headers=headers, body=body.encode())
    assert (got.status, name == who) == (status, status == 200), got.body


async def test_the_actors_are_two_dispatchers_an_admin_and_a_reader() -> None:
    actors = app.declared.development.actors
    assert {name: sorted(actor.roles) for name, actor in actors.items()} == {
        "uma": ["dispatcher"],
        "dan": ["dispatcher"],
        "ada": ["admin"],
        "ron": [],
    }
    assert [actors[name].claims["airline"] for name in ("uma", "dan")] == ["UA", "DL"]
