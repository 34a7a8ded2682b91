"""What the flights are: four tables, their relations, and who may do what with them."""

from datetime import datetime
from typing import Annotated, Literal

from kingpost import Index, Key, Many, Policy, Ref, Table, anyone, me, role, this, via
from kingpost.constraints import Ge


class Airline(Table):
    carrier: Key[str]  # IATA code
    name: str
    flights: Many["Flight"]
    policy = Policy(read=anyone)


class Airport(Table):
    faa: Key[str]
    name: str | None = None  # four destinations are known by code only
    lat: float | None = None
    lon: float | None = None
    departures: Many["Flight"] = via("origin")
    arrivals: Many["Flight"] = via("dest")
    policy = Policy(read=anyone)


class Plane(Table):
    tailnum: Key[str]
    manufacturer: str
    model: str
    seats: Annotated[int, Ge(1)]
    flights: Many["Flight"]
    policy = Policy(read=anyone)


class Flight(Table, scan_rows_max=1_000_000):  # no Key: a UUIDv7 `id`; whole-table group-by allowed
    airline: Ref[Airline]
    origin: Ref[Airport]
    dest: Ref[Airport]
    plane: Ref[Plane] | None  # 2,512 flights bear no tail number, 50,094 one that no plane bears
    tailnum: str | None
    number: Annotated[int, Ge(1)]
    departs_at: datetime
    dep_delay: int | None  # minutes
    status: Literal["scheduled", "boarding", "departed", "cancelled"] = "scheduled"
    remarks: str | None = None  # staff only

    indexes = [Index("origin", "-departs_at"), Index("airline", "departs_at"), Index("-dep_delay")]
    policy = Policy(
        read=anyone,
        create=role("dispatcher") & (this.airline == me.airline),
        update=role("dispatcher") & (this.airline == me.airline),
        delete=role("admin"),
        fields={"remarks": role("dispatcher") | role("admin")},
    )
