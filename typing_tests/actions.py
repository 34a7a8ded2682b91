"""What an editor must show for actions and endpoints: a decorated function stays what it is, and rows have their fields."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, assert_type

from kingpost import App, Context, Key, New, Policy, Ref, Response, Table, anyone, me, role, this
from kingpost.constraints import Ge, Gt
from kingpost.model.declare import DefaultAction


class Airline(Table):
    """An entity with a natural key."""

    carrier: Key[str]
    policy = Policy(read=anyone)


class Flight(Table):
    """What the actions are about."""

    airline: Ref[Airline]
    number: Annotated[int, Ge(1)]
    dep_delay: int | None = None
    policy = Policy(read=anyone)


app = App("flights", entities=[Airline, Flight])


@app.action(policy=role("dispatcher") & (this.airline == me.airline), isolation="serializable", retry=3)
async def delay(ctx: Context, flight: Flight, minutes: Annotated[int, Gt(0)], reason: str = "") -> Flight:
    """A row, and plain values."""
    assert_type(flight.dep_delay, int | None)
    assert_type((ctx, minutes, reason), tuple[Context, int, str])
    return flight


@app.action(replaces=Flight.create)
async def schedule_flight(ctx: Context, flight: New[Flight]) -> Flight:
    """A new row has the fields of its entity."""
    assert_type((ctx, flight.number), tuple[Context, int])
    return flight


@app.action(on=Flight)
async def rescore(ctx: Context, flights: list[Flight]) -> None:
    """A set."""


@app.route("GET", "/board/{origin}", policy=anyone)
async def board(ctx: Context, origin: str) -> Response:
    """An endpoint."""
    assert_type(ctx, Context)
    return Response({"origin": origin}, headers={"Cache-Control": "no-store"})


async def what_an_editor_shows(ctx: Context, flight: Flight) -> None:
    """Never run: the type checker reads it."""
    assert_type(await delay(ctx, flight, 10, reason="fog"), Flight)
    assert_type(await schedule_flight(ctx, flight), Flight)
    assert_type(await board(ctx, "JFK"), Response)
    assert_type(Flight.create, DefaultAction)
    as_declared: Callable[[Context, str], Coroutine[Any, Any, Response]] = board
    assert_type(await as_declared(ctx, "JFK"), Response)
