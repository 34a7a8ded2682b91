"""The floor: what a request costs when everything about it is written by hand. Raw ASGI and kept asyncpg connections.

It parses and checks the same parameters as the others, verifies the same token through a cache, applies the row filter
and the mask, and sets the same headers; but it knows only the questions of the benchmark.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from random import getrandbits
from typing import Any, TypeAlias
from urllib.parse import unquote_plus
from zoneinfo import ZoneInfo

import asyncpg
import msgspec
from asyncpg.prepared_stmt import PreparedStatement
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from bench.contenders import floor_sql as sql

Message: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Headers: TypeAlias = list[tuple[bytes, bytes]]

CONNECTIONS = int(os.environ.get("KINGPOST_CONNECTIONS", "10"))
LIMIT, LIMIT_MAX = 20, 100
TOKENS_MAX = 4096
ZONE = ZoneInfo("America/New_York")
KEY = OctKey.import_key(os.environ["KINGPOST_SECRET"])
INCLUDES = {"origin", "dest", "plane", "airline"}
GROUPED = {"group": "airline", "aggregate": "count,avg:dep_delay", "sort": "-avg:dep_delay"}
FLIGHTS_NEXT = "flights of airline"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
HAVING = re.compile(r"count\[gt\]=([0-9]{1,18})")


class Refused(Exception):
    """A request that is answered with a problem (RFC 9457)."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


@dataclass(frozen=True, slots=True)
class Caller:
    """What a verified token says, and until when (seconds since 1970) it does."""

    competitor: str | None
    staff: bool
    until: float


class FlightKeys(msgspec.Struct):
    """The sort keys of a flight, read from its JSON: decoded columns would cost a `datetime` and a `UUID` each row."""

    departs_at: str
    id: str


class AirlineKeys(msgspec.Struct):
    """The sort key of an airline."""

    carrier: str


read_flight = msgspec.json.Decoder(FlightKeys).decode
read_airline = msgspec.json.Decoder(AirlineKeys).decode
read_cursor = msgspec.json.Decoder(list[str]).decode
write_cursor = msgspec.json.Encoder().encode


# --- Connections -----------------------------------------------------------------------------------------------------


class Kept:
    """One connection and the statements it has prepared."""

    __slots__ = ("connection", "statements")

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self.connection = connection
        self.statements: dict[str, PreparedStatement[Any]] = {}


idle: list[Kept] = []
waiting: deque[asyncio.Future[Kept]] = deque()


async def connect() -> Kept:
    """Connect, with JSON as bytes and page costs of cached data, without which PostgreSQL plans R2 anew each time."""
    settings = {"jit": "off", "TimeZone": "UTC", "seq_page_cost": "0.1", "random_page_cost": "0.1"}
    made = await asyncpg.connect(os.environ["KINGPOST_DATABASE_URL"], server_settings=settings)
    await made.set_builtin_type_codec("json", schema="pg_catalog", codec_name="bytea", format="binary")
    return Kept(made)


async def fetch(statement: str, *values: object) -> list[Any]:
    """Run a statement on the connection that was used last, or the next that is given back."""
    if idle:
        kept = idle.pop()
    else:
        waiting.append(future := asyncio.get_running_loop().create_future())
        kept = await future
    try:
        prepared = kept.statements.get(statement)
        if prepared is None:
            prepared = kept.statements[statement] = await kept.connection.prepare(statement)
        return await prepared.fetch(*values)
    finally:
        while waiting:
            future = waiting.popleft()
            if not future.done():
                future.set_result(kept)
                break
        else:
            idle.append(kept)


# --- Who asks --------------------------------------------------------------------------------------------------------

callers: dict[bytes, Caller] = {}


def identify(credentials: bytes | None) -> Caller:
    """Verify a bearer token, once."""
    if credentials is None:
        raise Refused(401, "no credentials")
    caller = callers.get(credentials)
    if caller is None or caller.until < time.time():
        caller = verify(credentials)
        if len(callers) >= TOKENS_MAX:
            callers.clear()
        callers[credentials] = caller
    return caller


def verify(credentials: bytes) -> Caller:
    """Check the signature and the time of a token (RFC 7519)."""
    scheme, _, token = credentials.partition(b" ")
    try:
        claims = jwt.decode(token, KEY, algorithms=["HS256"]).claims
        jwt.JWTClaimsRegistry(exp={"essential": True}).validate(claims)
    except (JoseError, ValueError) as error:
        raise Refused(401, "no valid token") from error
    if scheme.lower() != b"bearer":
        raise Refused(401, "no bearer token")
    roles = claims.get("roles", ())
    return Caller(claims.get("competitor"), "dispatcher" in roles or "admin" in roles, claims["exp"])


# --- What is asked ---------------------------------------------------------------------------------------------------


def parameters(query: str, known: frozenset[str]) -> dict[str, str]:
    """The parameters of a query, each given once and known."""
    given: dict[str, str] = {}
    if not query:
        return given
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if "%" in part or "+" in part:
            name, value = unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict")
        if name not in known:
            raise Refused(400, f"unknown parameter {name}")
        if name in given:
            raise Refused(400, f"{name} is given twice")
        given[name] = value
    return given


def limit_of(given: dict[str, str], name: str = "limit") -> int:
    """A limit within its bounds."""
    text = given.get(name)
    if text is None:
        return LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= LIMIT_MAX):
        raise Refused(400, f"{name} has to be from 1 to {LIMIT_MAX}")
    return int(text)


@lru_cache(1024)
def instant(text: str) -> datetime:
    """A datetime of RFC 3339; a bare date means midnight in the zone of the app."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(400, "not a datetime") from error
    return (at if at.tzinfo else at.replace(tzinfo=ZONE)).astimezone(UTC)


def turn(cursor: str | None, fingerprint: str, keys: int) -> tuple[str, list[str]]:
    """Which way a cursor turns the page, and its keys."""
    if cursor is None:
        return "", []
    try:
        read = read_cursor(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (NotBase64, ValueError) as error:
        raise Refused(400, "not a cursor") from error
    if len(read) != keys + 2 or read[0] != fingerprint or read[1] not in ("next", "prev"):
        raise Refused(400, "a cursor of another question")
    return read[1], read[2:]


def cursor_of(fingerprint: str, way: str, *keys: str) -> bytes:
    """A cursor: base64url of a JSON array."""
    return urlsafe_b64encode(write_cursor([fingerprint, way, *keys])).rstrip(b"=")


# --- Answers ---------------------------------------------------------------------------------------------------------

FLIGHTS = frozenset({"airline", "departs_at[gte]", "sort", "limit", "cursor", "include"})
GROUPS = frozenset({"group", "aggregate", "having", "sort", "limit"})
AIRLINES = frozenset({"include", "flights.limit", "flights.sort", "limit", "cursor"})
JSON = (b"content-type", b"application/json")
PROBLEM = (b"content-type", b"application/problem+json")
VARY = (b"vary", b"Authorization, Accept-Encoding")


async def one_flight(key: str, caller: Caller, unless: bytes | None) -> tuple[int, bytes, Headers]:
    """R1."""
    if not UUID.fullmatch(key):
        raise Refused(400, "not a UUID")
    rows = await fetch(sql.one_flight(caller.staff), key, caller.competitor)
    if not rows:
        raise Refused(404, "no such flight")
    body, version = rows[0]
    tag = f'"{version}-{blake2b(body, digest_size=8).hexdigest()}"'.encode()
    if unless is not None and (unless == b"*" or tag in unless):
        return 304, b"", [(b"etag", tag)]
    return 200, body, [(b"etag", tag), JSON]


async def flights(query: str, caller: Caller) -> tuple[int, bytes, Headers]:
    """R2 and the first request of R3."""
    given = parameters(query, FLIGHTS)
    sort, limit = given.get("sort", "departs_at"), limit_of(given)
    if sort not in ("departs_at", "-departs_at"):
        raise Refused(400, "sort by departs_at or -departs_at")
    included = set(given["include"].split(",")) if "include" in given else set()
    if included and included != INCLUDES:
        raise Refused(400, "include all of origin, dest, plane and airline, or none")
    values: list[object] = [given.get("airline"), caller.competitor]
    since = given.get("departs_at[gte]")
    if since is not None:
        values.append(instant(since))
    fingerprint = f"flights {sort} {since is not None} {bool(included)}"
    way, keys = turn(given.get("cursor"), fingerprint, 2)
    if keys:
        if not UUID.fullmatch(keys[1]):
            raise Refused(400, "not a cursor")
        values += (instant(keys[0]), keys[1])
    down = sort[0] == "-"
    rows = await fetch(sql.flights(caller.staff, down, since is not None, bool(included), way, limit + 1), *values)
    items, following, previous = page([row[0] for row in rows], way, limit)
    if following:
        last = read_flight(items[-1])
        following = cursor_of(fingerprint, "next", last.departs_at, last.id)
    if previous:
        first = read_flight(items[0])
        previous = cursor_of(fingerprint, "prev", first.departs_at, first.id)
    return listed("/v1/flights", query, items, following, previous)


async def airlines(query: str, caller: Caller) -> tuple[int, bytes, Headers]:
    """The second request of R3."""
    given = parameters(query, AIRLINES)
    if given.get("include") != "flights.plane" or given.get("flights.sort", "departs_at") != "departs_at":
        raise Refused(400, "include flights.plane, sorted by departs_at")
    limit, flights_limit = limit_of(given), limit_of(given, "flights.limit")
    way, keys = turn(given.get("cursor"), "airlines", 1)
    statement = sql.airlines(caller.staff, way, limit, flights_limit, FLIGHTS_NEXT)
    rows = await fetch(statement, caller.competitor, *keys)
    items, following, previous = page([row[0] for row in rows], way, limit)
    if following:
        following = cursor_of("airlines", "next", read_airline(items[-1]).carrier)
    if previous:
        previous = cursor_of("airlines", "prev", read_airline(items[0]).carrier)
    return listed("/v1/airlines", query, items, following, previous)


async def grouped(query: str, caller: Caller) -> tuple[int, bytes, Headers]:
    """R4."""
    given = parameters(query, GROUPS)
    having = HAVING.fullmatch(given.get("having", ""))
    if having is None or any(given.get(name) != value for name, value in GROUPED.items()):
        raise Refused(400, "group by airline, with count and mean delay")
    rows = await fetch(sql.delays_by_airline(limit_of(given) + 1), caller.competitor, int(having[1]))
    return listed("/v1/flights", query, [row[0] for row in rows], b"", b"")


def page(items: list[bytes], way: str, limit: int) -> tuple[list[bytes], bytes, bytes]:
    """Cut to the limit and into the client's order; say by a mark whether there are pages after and before."""
    more = b"more" if len(items) > limit else b""
    items = items[:limit]
    if way == "prev":
        items.reverse()
        return items, (b"more" if items else b""), more
    return items, more, (b"more" if way and items else b"")


def listed(path: str, query: str, items: list[bytes], following: bytes, previous: bytes) -> tuple[int, bytes, Headers]:
    """The envelope of a list and its Link (RFC 8288)."""
    body = b'{"data":[%b],"next":%b,"prev":%b}' % (
        b",".join(items),
        b'"%b"' % following if following else b"null",
        b'"%b"' % previous if previous else b"null",
    )
    if not following and not previous:
        return 200, body, [JSON]
    base = "&".join(part for part in query.split("&") if not part.startswith("cursor="))
    address = f"{path}?{base}&cursor=".encode()
    links = [b'<%b%b>; rel="next"' % (address, following)] if following else []
    if previous:
        links.append(b'<%b%b>; rel="prev"' % (address, previous))
    return 200, body, [JSON, (b"link", b", ".join(links))]


# --- ASGI ------------------------------------------------------------------------------------------------------------


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """The ASGI application."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    try:
        status, body, headers = await answer(scope)
    except Refused as refused:
        status, headers = refused.status, [PROBLEM]
        body = write_cursor({"status": status, "detail": refused.detail})
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        print(f"floor: {error!r}", flush=True)
        status, headers, body = 503, [PROBLEM, (b"retry-after", b"1")], b'{"status":503}'
    headers.append((b"content-length", b"%d" % len(body)))
    headers.append(VARY)
    headers.append((b"x-request-id", b"%016x" % getrandbits(64)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def answer(scope: Message) -> tuple[int, bytes, Headers]:
    """Find out who asks for what, and answer it."""
    credentials = unless = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            credentials = value
        elif name == b"if-none-match":
            unless = value
    caller = identify(credentials)
    path: str = scope["path"]
    query = scope["query_string"].decode("ascii")
    if scope["method"] != "GET":
        raise Refused(405, "only GET")
    if path.startswith("/v1/flights/"):
        if query:
            raise Refused(400, "no parameters here")
        return await one_flight(path[12:], caller, unless)
    if path == "/v1/flights":
        return await (grouped if query.startswith("group=") else flights)(query, caller)
    if path == "/v1/airlines":
        return await airlines(query, caller)
    raise Refused(404, "no such path")


async def lifespan(receive: Receive, send: Send) -> None:
    """Connect before the first request, disconnect after the last."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            idle.extend(await asyncio.gather(*(connect() for _ in range(CONNECTIONS))))
            await send({"type": "lifespan.startup.complete"})
        else:
            await asyncio.gather(*(kept.connection.close() for kept in idle))
            await send({"type": "lifespan.shutdown.complete"})
            return
