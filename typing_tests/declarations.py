"""What an editor must show for a declared entity: a Key is its value, a Ref is the entity it leads to."""

from __future__ import annotations

from typing import Annotated, assert_type

from kingpost import Key, Policy, Ref, Table, anyone
from kingpost.constraints import Ge


class Airline(Table):
    """An entity with a natural key."""

    carrier: Key[str]
    name: str | None = None
    policy = Policy(read=anyone)


class Flight(Table, scan_rows_max=1_000_000):
    """An entity that refers to another."""

    airline: Ref[Airline]
    codeshare: Ref[Airline] | None
    number: Annotated[int, Ge(1)]
    policy = Policy(read=anyone)


def what_an_editor_shows(flight: Flight) -> None:
    """Never run: the type checker reads it."""
    assert_type(flight.airline, Airline)
    assert_type(flight.airline.carrier, str)
    assert_type(flight.airline.name, str | None)
    assert_type(flight.codeshare, Airline | None)
    assert_type(flight.number, int)
