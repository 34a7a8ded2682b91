"""The floor's writes: one statement each, with the version check and the event row in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from random import getrandbits
from time import time_ns
from typing import Annotated, Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
from asyncpg import CharacterNotInRepertoireError, CheckViolationError, ForeignKeyViolationError
from msgspec import UNSET, Meta, UnsetType

from bench.contenders import floor_write_sql as sql
from bench.contenders.floor_callers import Caller, Refused
from bench.contenders.floor_connections import fetch

Response: TypeAlias = tuple[int, bytes, list[tuple[bytes, bytes]]]
Positive: TypeAlias = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Whole: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Status: TypeAlias = Literal["scheduled", "boarding", "departed", "cancelled"]

JSON_TYPE = (b"content-type", b"application/json")
NO_STORE = (b"cache-control", b"no-store")
ZONE = ZoneInfo("America/New_York")
ROWS_MAX = 1000
TAG = re.compile(rb'"(\d{1,18})-[^"]*"')
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class NewFlight(msgspec.Struct, forbid_unknown_fields=True):
    """What a new flight is given."""

    airline: str
    origin: str
    dest: str
    number: Positive
    departs_at: str
    plane: str | None = None
    tailnum: str | None = None
    dep_delay: Whole | None = None
    status: Status = "scheduled"
    remarks: str | None = None


class Changes(msgspec.Struct, forbid_unknown_fields=True):
    """What a merge patch (RFC 7396) may say of a flight."""

    airline: str | UnsetType = UNSET
    origin: str | UnsetType = UNSET
    dest: str | UnsetType = UNSET
    number: Positive | UnsetType = UNSET
    departs_at: str | UnsetType = UNSET
    plane: str | UnsetType | None = UNSET
    tailnum: str | UnsetType | None = UNSET
    dep_delay: Whole | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET
    remarks: str | UnsetType | None = UNSET


read_new = msgspec.json.Decoder(NewFlight).decode
read_several = msgspec.json.Decoder(Annotated[list[NewFlight], Meta(min_length=1, max_length=ROWS_MAX)]).decode
read_changes = msgspec.json.Decoder(Changes).decode


async def create(body: bytes, caller: Caller) -> Response:
    """W1, and W3 where the body is an array."""
    text = body.lstrip()
    if text[:1] == b"[":
        return await create_several(decoded(read_several, text), caller)
    new = decoded(read_new, text)
    check_airline(new.airline, caller)
    key = new_keys(1)[0]
    rows = await stored(sql.create(caller.staff), key, *values_of(new))
    location = (b"location", b"/v1/flights/" + key.encode())
    if not sees(new.airline, caller):
        return 201, b"", [location, NO_STORE]
    body, version = rows[0]
    return 201, body, [JSON_TYPE, NO_STORE, location, tag_of(version, body)]


async def create_several(new: Sequence[NewFlight], caller: Caller) -> Response:
    """W3: the rows as columns, in the order of their keys."""
    for one in new:
        check_airline(one.airline, caller)
    columns = zip(*map(values_of, new), strict=True)
    rows = await stored(sql.create_several(caller.staff), new_keys(len(new)), *map(list, columns))
    if not sees(new[0].airline, caller):
        return 201, b"", [NO_STORE]
    return 201, b'{"data":[%b]}' % b",".join([row[0] for row in rows]), [JSON_TYPE, NO_STORE]


async def update(key: str, body: bytes, if_match: bytes | None, caller: Caller) -> Response:
    """W2."""
    if not UUID.fullmatch(key):
        raise Refused(400, "not a UUID")
    version = version_of(if_match)
    changes = decoded(read_changes, body)
    given = {name: value for name in Changes.__struct_fields__ if (value := getattr(changes, name)) is not UNSET}
    if not given:
        raise Refused(422, "nothing to change")
    if "airline" in given:
        check_airline(given["airline"], caller)
    if "departs_at" in given:
        given["departs_at"] = instant(given["departs_at"])
    statement = sql.update(caller.staff, tuple(given))
    rows = await stored(statement, key, caller.competitor, caller.dispatches, version, *given.values())
    if not rows:
        raise await why_not(key, caller)
    changed, version = rows[0]
    return 200, changed, [JSON_TYPE, NO_STORE, tag_of(version, changed)]


async def why_not(key: str, caller: Caller) -> Refused:
    """Why nothing was updated: only who is refused pays for finding out."""
    found = await fetch(sql.WHY_NOT, key, caller.competitor, caller.dispatches)
    if not found:
        return Refused(404, "no such flight")
    if not found[0]["may"]:
        return Refused(403, "not your airline")
    return Refused(412, "the flight was changed since you read it")


def decoded(read: Any, body: bytes) -> Any:
    """The body in its type."""
    try:
        return read(body)
    except msgspec.ValidationError as error:
        raise Refused(422, str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(400, "not JSON") from error


def check_airline(airline: str, caller: Caller) -> None:
    """The policy of writing."""
    if caller.dispatches is None or airline != caller.dispatches:
        raise Refused(403, "not your airline")


def sees(airline: str, caller: Caller) -> bool:
    """The policy of reading."""
    return caller.competitor is not None and airline != caller.competitor


async def stored(statement: str, *values: object) -> list[Any]:
    """Run a write; a broken constraint, and text with U+0000, is the client's fault."""
    try:
        return await fetch(statement, *values)
    except (ForeignKeyViolationError, CheckViolationError, CharacterNotInRepertoireError) as error:
        raise Refused(422, str(error)) from error


def values_of(new: NewFlight) -> tuple[object, ...]:
    """In the order of `floor_write_sql.COLUMNS`."""
    return (
        *(new.airline, new.origin, new.dest, new.plane, new.tailnum),
        *(new.number, instant(new.departs_at), new.dep_delay, new.status, new.remarks),
    )


def instant(text: str) -> datetime:
    """A datetime of RFC 3339; without an offset it is meant in the zone of the app."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(422, "departs_at is no datetime") from error
    return at if at.tzinfo else at.replace(tzinfo=ZONE)


def version_of(if_match: bytes | None) -> int | None:
    """The version that If-Match (RFC 9110, 13.1.1) names, None for any."""
    if if_match is None or if_match == b"*":
        return None
    found = TAG.fullmatch(if_match)
    if found is None:
        raise Refused(400, "If-Match is no tag of ours")
    return int(found[1])


def tag_of(version: int, body: bytes) -> tuple[bytes, bytes]:
    """The ETag of a row."""
    return b"etag", b'"%d-%b"' % (version, blake2b(body, digest_size=8).hexdigest().encode())


def new_keys(count: int) -> list[str]:
    """UUIDs of version 7 (RFC 9562, 5.7), rising: within a millisecond `rand_a` counts."""
    milliseconds, first = time_ns() // 1_000_000, getrandbits(11)
    keys = []
    for number in range(first, first + count):
        text = f"{milliseconds:012x}7{number:03x}{2 << 62 | getrandbits(62):016x}"
        keys.append(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")
    return keys
