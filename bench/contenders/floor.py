"""The floor: what a request costs when everything about it is written by hand. Raw ASGI and kept asyncpg connections.

It parses and checks the same parameters as the others, verifies the same token through a cache, applies the row filter
and the mask, and sets the same headers; but it knows only the questions of the benchmark.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from random import getrandbits
from typing import Any, TypeAlias
from urllib.parse import unquote_plus
from zoneinfo import ZoneInfo

import asyncpg
import msgspec

from bench.contenders import floor_sql as sql
from bench.contenders.floor_callers import Caller, Refused, identify
from bench.contenders.floor_connections import close_all, fetch, open_all
from bench.contenders.floor_writes import JSON_TYPE, UUID, create, update

Message: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Headers: TypeAlias = list[tuple[bytes, bytes]]

LIMIT, LIMIT_MAX = 20, 100
ZONE = ZoneInfo("America/New_York")
INCLUDES = {"origin", "dest", "plane", "airline"}
GROUPED = {"group": "airline", "aggregate": "count,avg:dep_delay", "sort": "-avg:dep_delay"}
FLIGHTS_NEXT = "flights of airline"
BODY_BYTES_MAX = 1_048_576
PATCHES = (b"application/merge-patch+json", b"application/json")
HAVING = re.compile(r"count\[gt\]=([0-9]{1,18})")


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
PROBLEM = (b"content-type", b"application/problem+json")
VARY = (b"vary", b"Authorization, Accept-Encoding")
PRIVATE = (b"cache-control", b"private, no-cache")


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
        return 304, b"", [(b"etag", tag), PRIVATE]
    return 200, body, [(b"etag", tag), JSON_TYPE, PRIVATE]


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
        return 200, body, [JSON_TYPE, PRIVATE]
    base = "&".join(part for part in query.split("&") if not part.startswith("cursor="))
    address = f"{path}?{base}&cursor=".encode()
    links = [b'<%b%b>; rel="next"' % (address, following)] if following else []
    if previous:
        links.append(b'<%b%b>; rel="prev"' % (address, previous))
    return 200, body, [JSON_TYPE, PRIVATE, (b"link", b", ".join(links))]


# --- ASGI ------------------------------------------------------------------------------------------------------------


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """The ASGI application."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    try:
        status, body, headers = await answer(scope, receive)
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


async def answer(scope: Message, receive: Receive) -> tuple[int, bytes, Headers]:
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
        return await change(scope, receive, caller)
    if path.startswith("/v1/flights/"):
        if query:
            raise Refused(400, "no parameters here")
        return await one_flight(path[12:], caller, unless)
    if path == "/v1/flights":
        return await (grouped if query.startswith("group=") else flights)(query, caller)
    if path == "/v1/airlines":
        return await airlines(query, caller)
    raise Refused(404, "no such path")


async def change(scope: Message, receive: Receive, caller: Caller) -> tuple[int, bytes, Headers]:
    """Answer a write."""
    path, method = scope["path"], scope["method"]
    if scope["query_string"]:
        raise Refused(400, "no parameters here")
    headers = dict(scope["headers"])
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if path == "/v1/flights" and method == "POST":
        if kind != b"application/json":
            raise Refused(415, "send application/json")
        return await create(await body_of(receive), caller)
    if path.startswith("/v1/flights/") and method == "PATCH":
        if kind not in PATCHES:
            raise Refused(415, "send application/merge-patch+json")
        return await update(path[12:], await body_of(receive), headers.get(b"if-match"), caller)
    raise Refused(405, "not offered here")


async def body_of(receive: Receive) -> bytes:
    """The whole body, within its bound."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
        if len(body) > BODY_BYTES_MAX:
            raise Refused(413, "too long")
    return body


async def lifespan(receive: Receive, send: Send) -> None:
    """Connect before the first request, disconnect after the last."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await open_all()
            await send({"type": "lifespan.startup.complete"})
        else:
            await close_all()
            await send({"type": "lifespan.shutdown.complete"})
            return
