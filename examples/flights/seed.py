"""Flights that are still to leave, so that dispatchers have something to do; the year's other flights have long left."""

from datetime import UTC, datetime, timedelta

from examples.flights.load import identity
from examples.flights.model import Airline, Airport, Flight
from kingpost import Context, Table, this

# The day after the last of the data; each leaves an hour after the one before.
FIRST_AT = datetime(2014, 1, 1, 13, tzinfo=UTC)
AIRLINES = {"UA": "United Air Lines Inc.", "DL": "Delta Air Lines Inc."}
SCHEDULED = [
    ("UA", 1701, "EWR", "SFO"),
    ("UA", 1702, "EWR", "ORD"),
    ("UA", 1703, "LGA", "IAH"),
    ("DL", 2801, "JFK", "ATL"),
    ("DL", 2802, "JFK", "LAX"),
    ("DL", 2803, "LGA", "MSP"),
]


async def seed(ctx: Context) -> None:
    """Schedule them, unless they are there; where the data were not loaded, also what they refer to."""
    await _add(ctx, Airline, "carrier", [{"carrier": code, "name": name} for code, name in AIRLINES.items()])
    codes = sorted({code for _, _, *ends in SCHEDULED for code in ends})
    await _add(ctx, Airport, "faa", [{"faa": code} for code in codes])
    await _add(ctx, Flight, "id", [_flight(number) for number in range(len(SCHEDULED))])


async def _add(ctx: Context, entity: type[Table], key: str, rows: list[dict[str, object]]) -> None:
    """Create those of the rows that are not there."""
    there = await ctx.find(entity, getattr(this, key).in_([row[key] for row in rows]))
    known = {getattr(row, key) for row in there}
    for row in rows:
        if row[key] not in known:
            await ctx.create(entity, **row)


def _flight(which: int) -> dict[str, object]:
    airline, number, origin, dest = SCHEDULED[which]
    departs_at = FIRST_AT + timedelta(hours=which)
    name = f"{airline} {number} {origin} {dest}"
    return {
        "id": identity(int(departs_at.timestamp()) * 1000, name),
        "airline": airline,
        "origin": origin,
        "dest": dest,
        "number": number,
        "departs_at": departs_at,
        "status": "scheduled",
    }
