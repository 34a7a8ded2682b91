"""Kingpost: the flights with a row filter by claim and a mask by role (`app`), and with neither (`open_app`)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

from kingpost import App, Index, Key, Many, Policy, Ref, Table, anyone, me, role, this, via
from kingpost.constraints import Ge
from kingpost.model.expressions import TRUE
from kingpost.model.manifest import Policy as BoundPolicy
from kingpost.wiring import Declared


class Airline(Table):
    """As in the example."""

    carrier: Key[str]
    name: str
    flights: Many[Flight]
    policy = Policy(read=anyone)


class Airport(Table):
    """As in the example."""

    faa: Key[str]
    name: str | None = None
    lat: float | None = None
    lon: float | None = None
    departures: Many[Flight] = via("origin")
    arrivals: Many[Flight] = via("dest")
    policy = Policy(read=anyone)


class Plane(Table):
    """As in the example."""

    tailnum: Key[str]
    manufacturer: str
    model: str
    seats: Annotated[int, Ge(1)]
    flights: Many[Flight]
    policy = Policy(read=anyone)


class Flight(Table, scan_rows_max=1_000_000):
    """As in the example, but hidden from a competitor."""

    airline: Ref[Airline]
    origin: Ref[Airport]
    dest: Ref[Airport]
    plane: Ref[Plane] | None
    tailnum: str | None
    number: Annotated[int, Ge(1)]
    departs_at: datetime
    dep_delay: int | None
    status: Literal["scheduled", "boarding", "departed", "cancelled"] = "scheduled"
    remarks: str | None = None

    indexes = [Index("origin", "-departs_at"), Index("airline", "departs_at"), Index("-dep_delay")]
    policy = Policy(
        read=this.airline != me.competitor,
        create=role("dispatcher") & (this.airline == me.airline),
        update=role("dispatcher") & (this.airline == me.airline),
        fields={"remarks": role("dispatcher") | role("admin")},
    )


class Open(App):
    """The same with nothing to filter or mask; `remarks` is private instead, so that the answers are equal."""

    @property
    def declared(self) -> Declared:
        """As declared, but for the flights."""
        found = super().declared
        flight = found.manifest.entities["Flight"]
        fields = {**flight.fields, "remarks": replace(flight.fields["remarks"], private=True)}
        flight = replace(flight, policy=BoundPolicy(read=TRUE), fields=fields)
        return replace(found, manifest=replace(found.manifest, entities={**found.manifest.entities, "Flight": flight}))


ENTITIES = [Airline, Airport, Plane, Flight]
app = App("flights", timezone="America/New_York", entities=ENTITIES)
open_app = Open("flights", timezone="America/New_York", entities=ENTITIES)
