"""The writes of FastAPI with SQLAlchemy: the ORM's own version counter, and the event row in the same transaction.

Runs in an environment of its own; this is the application to serve, reads included.
"""

from __future__ import annotations

import os
import re
import time
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Body, Header, HTTPException, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import DateTime, ForeignKey, Identity, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.orm.exc import StaleDataError

from bench.contenders.fastapi_app import Base, Caller, CallerOf, FlightOut, Out, SessionOf, app, standard

__all__ = ["app"]
ZONE = ZoneInfo("America/New_York")
ROWS_MAX = 1000
TAG = re.compile(r'"(\d{1,18})-[^"]*"')


# --- Tables ----------------------------------------------------------------------------------------------------------


class OwnFlight(Base):
    """A row of `fastapi_flight`: a flight that may be written."""

    __tablename__ = "fastapi_flight"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    airline_id: Mapped[str] = mapped_column("airline", ForeignKey("airline.carrier"))
    origin_id: Mapped[str] = mapped_column("origin", ForeignKey("airport.faa"))
    dest_id: Mapped[str] = mapped_column("dest", ForeignKey("airport.faa"))
    plane_id: Mapped[str | None] = mapped_column("plane", ForeignKey("plane.tailnum"))
    tailnum: Mapped[str | None]
    number: Mapped[int]
    departs_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    dep_delay: Mapped[int | None]
    status: Mapped[str]
    remarks: Mapped[str | None]
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}


class Event(Base):
    """A row of `fastapi_outbox`."""

    __tablename__ = "fastapi_outbox"
    seq: Mapped[int] = mapped_column(Identity(), primary_key=True)
    entity: Mapped[str]
    op: Mapped[str]
    key: Mapped[dict[str, Any]] = mapped_column(JSONB)
    old: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    new: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())


# --- Bodies ----------------------------------------------------------------------------------------------------------


def in_zone(at: datetime) -> datetime:
    """A datetime without an offset is meant in the zone of the app."""
    return at if at.tzinfo else at.replace(tzinfo=ZONE)


Instant = Annotated[datetime, AfterValidator(in_zone)]
Positive = Annotated[int, Field(strict=True, ge=1, le=2**63 - 1)]
Whole = Annotated[int, Field(strict=True, ge=-(2**63), le=2**63 - 1)]
Status = Literal["scheduled", "boarding", "departed", "cancelled"]


class Given(BaseModel):
    """A body; its aliases are the names in JSON."""

    model_config = ConfigDict(extra="forbid")


class NewFlight(Given):
    """What a new flight is given."""

    airline_id: str = Field(alias="airline")
    origin_id: str = Field(alias="origin")
    dest_id: str = Field(alias="dest")
    number: Positive
    departs_at: Instant
    plane_id: str | None = Field(None, alias="plane")
    tailnum: str | None = None
    dep_delay: Whole | None = None
    status: Status = "scheduled"
    remarks: str | None = None


class Changes(Given):
    """What a merge patch may say: of a field it does not name nothing is changed."""

    airline_id: str = Field("", alias="airline")
    origin_id: str = Field("", alias="origin")
    dest_id: str = Field("", alias="dest")
    number: Positive = 1
    departs_at: Instant = datetime.min
    plane_id: str | None = Field(None, alias="plane")
    tailnum: str | None = None
    dep_delay: Whole | None = None
    status: Status = "scheduled"
    remarks: str | None = None


class Logged(FlightOut):
    """A flight as its event tells of it."""

    version: int


class FlightsOut(Out):
    """Several new flights."""

    data: list[FlightOut]


# --- Routes ----------------------------------------------------------------------------------------------------------

Several = Annotated[list[NewFlight], Field(min_length=1, max_length=ROWS_MAX)]


@app.post("/v1/flights")
async def create(given: Annotated[NewFlight | Several, Body()], caller: CallerOf, session: SessionOf) -> Response:
    """W1, and W3 where the body is an array."""
    several = isinstance(given, list)
    new = given if isinstance(given, list) else [given]
    if any(one.airline_id != caller.dispatches for one in new):
        raise HTTPException(403, "not your airline")
    made = [OwnFlight(id=key, **one.model_dump()) for key, one in zip(new_keys(len(new)), new, strict=True)]
    session.add_all(made)
    await flush(session)
    session.add_all(event("create", None, logged(one)) for one in made)
    await session.commit()
    headers = standard("no-store") | ({} if several else {"location": f"/v1/flights/{made[0].id}"})
    if made[0].airline_id == caller.competitor:
        return Response(status_code=201, headers=headers)
    if not several:
        return shown(made[0], caller, 201, headers)
    body = FlightsOut(data=[FlightOut.model_validate(one) for one in made])
    hidden = {"data": {"__all__": caller.hidden}} if caller.hidden else None
    return Response(body.model_dump_json(exclude=hidden), 201, headers, "application/json")


@app.patch("/v1/flights/{key}")
async def update(
    key: UUID, changes: Changes, caller: CallerOf, session: SessionOf, if_match: Annotated[str | None, Header()] = None
) -> Response:
    """W2."""
    version = version_of(if_match)
    flight = await session.scalar(
        select(OwnFlight).where(OwnFlight.id == key, OwnFlight.airline_id != caller.competitor)
    )
    if flight is None:
        raise HTTPException(404, "no such flight")
    given = changes.model_dump(exclude_unset=True)
    airlines = {flight.airline_id, given.get("airline_id", flight.airline_id)}
    if airlines != {caller.dispatches}:
        raise HTTPException(403, "not your airline")
    if version is not None and version != flight.version:
        raise HTTPException(412, "the flight was changed since you read it")
    old = logged(flight)
    for name, value in given.items():
        setattr(flight, name, value)
    await flush(session)
    session.add(event("update", old, logged(flight)))
    await session.commit()
    return shown(flight, caller, 200, standard("no-store"))


async def flush(session: AsyncSession) -> None:
    """Write what is pending; what a constraint refuses is the client's fault."""
    try:
        await session.flush()
    except StaleDataError as error:
        raise HTTPException(412, "the flight was changed since you read it") from error
    except IntegrityError as error:
        raise HTTPException(422, "a constraint is broken") from error
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == "22021":
            raise HTTPException(422, "text holds U+0000") from error
        raise


def shown(flight: OwnFlight, caller: Caller, status: int, headers: dict[str, str]) -> Response:
    """A flight with its ETag."""
    body = FlightOut.model_validate(flight).model_dump_json(exclude=caller.hidden).encode()
    headers = headers | {"etag": f'"{flight.version}-{blake2b(body, digest_size=8).hexdigest()}"'}
    return Response(body, status, headers, "application/json")


def logged(flight: OwnFlight) -> dict[str, Any]:
    """What an event tells of a flight."""
    return Logged.model_validate(flight).model_dump(mode="json")


def event(op: str, old: dict[str, Any] | None, new: dict[str, Any]) -> Event:
    """The event of one changed row."""
    return Event(entity="Flight", op=op, key={"id": new["id"]}, old=old, new=new)


def version_of(if_match: str | None) -> int | None:
    """The version that If-Match names, None for any."""
    if if_match is None or if_match == "*":
        return None
    found = TAG.fullmatch(if_match)
    if found is None:
        raise HTTPException(400, "If-Match is no tag of ours")
    return int(found[1])


def new_keys(count: int) -> list[UUID]:
    """UUIDs of version 7 (RFC 9562, 5.7), rising: within a millisecond `rand_a` counts."""
    random = int.from_bytes(os.urandom(10), "big")
    base = time.time_ns() // 1_000_000 << 80 | 7 << 76 | 2 << 62 | random & (1 << 62) - 1
    return [UUID(int=base | (random >> 69) + number << 64) for number in range(count)]
