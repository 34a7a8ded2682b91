"""FastAPI with SQLAlchemy's async ORM and pydantic, as a careful engineer writes it: typed models, no loading in loops.

Runs in an environment of its own and imports nothing of the project's.
"""

from __future__ import annotations

import os
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from secrets import token_hex
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request, Response
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, DateTime, ForeignKey, Select, func, select, true, tuple_
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, joinedload, mapped_column, relationship

KEY = OctKey.import_key(os.environ["KINGPOST_SECRET"])
ZONE = ZoneInfo("America/New_York")
LIMIT_MAX = 100

engine = create_async_engine(
    make_url(os.environ["KINGPOST_DATABASE_URL"]).set(drivername="postgresql+asyncpg"),
    pool_size=int(os.environ.get("KINGPOST_CONNECTIONS", "10")),
    max_overflow=0,
    connect_args={"server_settings": {"jit": "off", "TimeZone": "UTC"}},
)
sessions = async_sessionmaker(engine, expire_on_commit=False)


# --- Tables ----------------------------------------------------------------------------------------------------------


class Base(DeclarativeBase):
    """The tables' base."""


class Airline(Base):
    """A row of `airline`."""

    __tablename__ = "airline"
    carrier: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class Airport(Base):
    """A row of `airport`."""

    __tablename__ = "airport"
    faa: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    lat: Mapped[float | None]
    lon: Mapped[float | None]


class Plane(Base):
    """A row of `plane`."""

    __tablename__ = "plane"
    tailnum: Mapped[str] = mapped_column(primary_key=True)
    manufacturer: Mapped[str]
    model: Mapped[str]
    seats: Mapped[int]


class Flight(Base):
    """A row of `flight`."""

    __tablename__ = "flight"
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
    version: Mapped[int]

    airline: Mapped[Airline] = relationship(foreign_keys=airline_id)
    origin: Mapped[Airport] = relationship(foreign_keys=origin_id)
    dest: Mapped[Airport] = relationship(foreign_keys=dest_id)
    plane: Mapped[Plane | None] = relationship(foreign_keys=plane_id)


# --- Answers ---------------------------------------------------------------------------------------------------------

Instant = Annotated[datetime, PlainSerializer(lambda at: at.astimezone(UTC).isoformat(), return_type=str)]
Amount = Annotated[Decimal, PlainSerializer(str, return_type=str)]


class Out(BaseModel):
    """An answer made from a row."""

    model_config = ConfigDict(from_attributes=True)


class AirlineOut(Out):
    """An airline."""

    carrier: str
    name: str


class AirportOut(Out):
    """An airport."""

    faa: str
    name: str | None
    lat: float | None
    lon: float | None


class PlaneOut(Out):
    """A plane."""

    tailnum: str
    manufacturer: str
    model: str
    seats: int


class FlightBase(Out):
    """What every form of a flight shows."""

    id: UUID
    tailnum: str | None
    number: int
    departs_at: Instant
    dep_delay: int | None
    status: str
    remarks: str | None


class FlightOut(FlightBase):
    """A flight with the keys of what it refers to."""

    airline: str = Field(validation_alias="airline_id")
    origin: str = Field(validation_alias="origin_id")
    dest: str = Field(validation_alias="dest_id")
    plane: str | None = Field(validation_alias="plane_id")


class FlightWithAll(FlightBase):
    """A flight with what it refers to."""

    airline: AirlineOut
    origin: AirportOut
    dest: AirportOut
    plane: PlaneOut | None


class FlightWithPlane(FlightBase):
    """A flight with its plane."""

    airline: str = Field(validation_alias="airline_id")
    origin: str = Field(validation_alias="origin_id")
    dest: str = Field(validation_alias="dest_id")
    plane: PlaneOut | None


class AirlineWithFlights(AirlineOut):
    """An airline with the first of its flights."""

    flights: list[FlightWithPlane]
    flights_next: str | None


class DelayOut(Out):
    """Flights and mean delay of an airline."""

    airline: str
    count: int
    avg_dep_delay: Amount | None


Item = TypeVar("Item", bound=Out)


class Page(BaseModel, Generic[Item]):
    """A list of one page."""

    data: list[Item]
    next: str | None = None
    prev: str | None = None


# --- Who asks, and for which page ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Caller:
    """What a verified token says; whose flights they may write is `dispatches`."""

    competitor: str | None
    staff: bool
    dispatches: str | None
    until: float

    @property
    def sees(self) -> ColumnElement[bool]:
        """The row filter on flights."""
        return Flight.airline_id != self.competitor if self.competitor is not None else ~true()

    @property
    def hidden(self) -> Any:
        """The mask, as pydantic takes it."""
        return None if self.staff else {"remarks"}


callers: dict[str, Caller] = {}


async def identify(authorization: Annotated[str | None, Header()] = None) -> Caller:
    """Verify a bearer token, once."""
    if authorization is None:
        raise HTTPException(401, "no credentials")
    caller = callers.get(authorization)
    if caller is None or caller.until < time.time():
        caller = callers[authorization] = verify(authorization)
    return caller


def verify(authorization: str) -> Caller:
    """Check the signature and the time of a token."""
    scheme, _, token = authorization.partition(" ")
    try:
        claims = jwt.decode(token, KEY, algorithms=["HS256"]).claims
        jwt.JWTClaimsRegistry(exp={"essential": True}).validate(claims)
    except (JoseError, ValueError) as error:
        raise HTTPException(401, "no valid token") from error
    if scheme.lower() != "bearer":
        raise HTTPException(401, "no bearer token")
    roles = {*claims.get("roles", ())}
    dispatches = claims.get("airline") if "dispatcher" in roles else None
    return Caller(claims.get("competitor"), bool({"dispatcher", "admin"} & roles), dispatches, claims["exp"])


async def session() -> AsyncIterator[AsyncSession]:
    """A session for one request."""
    async with sessions() as one:
        yield one


FlightKey = TypeAdapter(tuple[Literal["flights"], str, datetime, UUID])
AirlineKey = TypeAdapter(tuple[Literal["airlines"], str])


def write_cursor(adapter: TypeAdapter[Any], *keys: object) -> str:
    """A cursor: base64url of a JSON array."""
    return urlsafe_b64encode(adapter.dump_json(keys)).rstrip(b"=").decode()


def read_cursor(adapter: TypeAdapter[Any], cursor: str) -> Any:
    """The keys of a cursor."""
    try:
        return adapter.validate_json(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValidationError, ValueError) as error:
        raise HTTPException(400, "not a cursor of this list") from error


# --- Routes ----------------------------------------------------------------------------------------------------------

app = FastAPI()
CallerOf = Annotated[Caller, Depends(identify)]
SessionOf = Annotated[AsyncSession, Depends(session)]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]


class FlightsAsked(BaseModel):
    """The parameters of a list of flights."""

    model_config = ConfigDict(extra="forbid")

    airline: str | None = None
    departs_at_gte: datetime | None = Field(None, alias="departs_at[gte]")
    sort: Literal["departs_at", "-departs_at", "-avg:dep_delay"] = "departs_at"
    limit: int = Field(20, ge=1, le=LIMIT_MAX)
    cursor: str | None = None
    include: Literal["origin,dest,plane,airline"] | None = None
    group: Literal["airline"] | None = None
    aggregate: Literal["count,avg:dep_delay"] | None = None
    having: str | None = Field(None, pattern=r"^count\[gt\]=[0-9]{1,18}$")


class AirlinesAsked(BaseModel):
    """The parameters of a list of airlines."""

    model_config = ConfigDict(extra="forbid")

    include: Literal["flights.plane"] | None = None
    limit: int = Field(20, ge=1, le=LIMIT_MAX)
    cursor: str | None = None
    flights_limit: int = Field(20, ge=1, le=LIMIT_MAX, alias="flights.limit")
    flights_sort: Literal["departs_at"] = Field("departs_at", alias="flights.sort")


@app.get("/v1/flights/{key}")
async def one_flight(
    key: UUID, caller: CallerOf, session: SessionOf, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """R1."""
    flight = await session.scalar(select(Flight).where(Flight.id == key, caller.sees))
    if flight is None:
        raise HTTPException(404, "no such flight")
    body = FlightOut.model_validate(flight).model_dump_json(exclude=caller.hidden).encode()
    headers = standard() | {"etag": f'"{flight.version}-{blake2b(body, digest_size=8).hexdigest()}"'}
    if if_none_match is not None and headers["etag"] in if_none_match:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


@app.get("/v1/flights")
async def flights(
    asked: Annotated[FlightsAsked, Query()], request: Request, caller: CallerOf, session: SessionOf
) -> Response:
    """R2, R4 and the first request of R3."""
    if asked.group is not None:
        return await delays(asked, request, caller, session)
    order = (Flight.departs_at, Flight.id)
    down = asked.sort == "-departs_at"
    query = select(Flight).where(caller.sees).limit(asked.limit + 1)
    query = query.order_by(*(key.desc() if down else key for key in order))
    if asked.airline is not None:
        query = query.where(Flight.airline_id == asked.airline)
    if (since := asked.departs_at_gte) is not None:
        query = query.where(Flight.departs_at >= (since if since.tzinfo else since.replace(tzinfo=ZONE)))
    if asked.include is not None:
        related = (Flight.origin, Flight.dest, Flight.plane, Flight.airline)
        query = query.options(*(joinedload(one) for one in related))
    if asked.cursor is not None:
        _, sort, *after = read_cursor(FlightKey, asked.cursor)
        if sort != asked.sort:
            raise HTTPException(400, "not a cursor of this list")
        keys = tuple_(*order)
        query = query.where(keys < tuple(after) if down else keys > tuple(after))
    found = (await session.scalars(query)).all()
    shown, more = found[: asked.limit], len(found) > asked.limit
    kind: type[FlightBase] = FlightOut if asked.include is None else FlightWithAll
    ends = (shown[0], shown[-1]) if shown else None
    cursors = ends and [write_cursor(FlightKey, "flights", asked.sort, one.departs_at, one.id) for one in ends]
    return answer(
        Page[kind](  # type: ignore[valid-type]  # pydantic makes the class at run time, mypy cannot
            data=[kind.model_validate(one) for one in shown],
            next=cursors[1] if cursors and more else None,
            prev=cursors[0] if cursors and asked.cursor is not None else None,
        ),
        request,
        caller,
    )


async def delays(asked: FlightsAsked, request: Request, caller: Caller, session: AsyncSession) -> Response:
    """R4."""
    if asked.having is None or asked.aggregate is None or asked.sort != "-avg:dep_delay":
        raise HTTPException(400, "ask for count and mean delay, with a least count, sorted by delay")
    flights, delay = func.count().label("count"), func.avg(Flight.dep_delay).label("avg_dep_delay")
    query = (
        select(Flight.airline_id.label("airline"), flights, delay)
        .where(caller.sees)
        .group_by(Flight.airline_id)
        .having(flights > int(asked.having.partition("=")[2]))
        .order_by(delay.desc().nulls_last(), Flight.airline_id.desc())
        .limit(asked.limit + 1)
    )
    found = (await session.execute(query)).all()
    return answer(Page[DelayOut](data=[DelayOut.model_validate(row) for row in found[: asked.limit]]), request, caller)


@app.get("/v1/airlines")
async def airlines(
    asked: Annotated[AirlinesAsked, Query()], request: Request, caller: CallerOf, session: SessionOf
) -> Response:
    """The second request of R3: two statements, the second for the flights of all airlines of the page."""
    query = select(Airline).order_by(Airline.carrier).limit(asked.limit + 1)
    if asked.cursor is not None:
        query = query.where(Airline.carrier > read_cursor(AirlineKey, asked.cursor)[1])
    found = (await session.scalars(query)).all()
    shown, more = found[: asked.limit], len(found) > asked.limit
    by_airline: dict[str, list[Flight]] = {one.carrier: [] for one in shown}
    if asked.include is not None:
        for flight in await session.scalars(first_flights(list(by_airline), asked.flights_limit + 1, caller)):
            by_airline[flight.airline_id].append(flight)
    data = [with_flights(one, by_airline[one.carrier], asked.flights_limit) for one in shown]
    following = write_cursor(AirlineKey, "airlines", shown[-1].carrier) if more else None
    previous = write_cursor(AirlineKey, "airlines", shown[0].carrier) if shown and asked.cursor else None
    return answer(Page[AirlineWithFlights](data=data, next=following, prev=previous), request, caller)


def first_flights(carriers: Sequence[str], limit: int, caller: Caller) -> Select[tuple[Flight]]:
    """The first flights of each of these airlines, by a lateral join, so that only they are read."""
    first = (
        select(Flight)
        .where(Flight.airline_id == Airline.carrier, caller.sees)
        .order_by(Flight.departs_at, Flight.id)
        .limit(limit)
        .correlate(Airline)
        .lateral("first")
    )
    flight = aliased(Flight, first)
    return (
        select(flight)
        .select_from(Airline)
        .join(first, true())
        .where(Airline.carrier.in_(carriers), Airline.carrier != caller.competitor)
        .options(joinedload(flight.plane))
        .order_by(flight.departs_at, flight.id)
    )


def with_flights(airline: Airline, flights: Sequence[Flight], limit: int) -> AirlineWithFlights:
    """An airline with a page of flights."""
    shown = flights[:limit]
    following = None
    if len(flights) > limit:
        following = write_cursor(FlightKey, "flights", "departs_at", shown[-1].departs_at, shown[-1].id)
    return AirlineWithFlights(
        carrier=airline.carrier,
        name=airline.name,
        flights=[FlightWithPlane.model_validate(one) for one in shown],
        flights_next=following,
    )


def answer(page: Page[Any], request: Request, caller: Caller) -> Response:
    """A page with its Link (RFC 8288)."""
    hidden = None
    if caller.hidden:
        hidden = {"data": {"__all__": {"remarks": True, "flights": {"__all__": {"remarks"}}}}}
    headers = standard()
    links = [
        f'<{request.url.include_query_params(cursor=cursor)}>; rel="{way}"'
        for way, cursor in (("next", page.next), ("prev", page.prev))
        if cursor is not None
    ]
    if links:
        headers["link"] = ", ".join(links)
    body = page.model_dump_json(exclude=hidden)
    return Response(body, media_type="application/json", headers=headers)


def standard(cached: str = "private, no-cache") -> dict[str, str]:
    """The headers of every answer."""
    return {"vary": "Authorization, Accept-Encoding", "x-request-id": token_hex(8), "cache-control": cached}
