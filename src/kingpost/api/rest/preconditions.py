"""What a write supposes of the row: If-Match and If-None-Match (RFC 9110, 13.1), and how it wants to be answered."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kingpost.api.message import HttpRequest
from kingpost.errors import Malformed, Stale

_TAGS = re.compile(rb'\s*(?:W/)?"[^"]*"\s*(?:,\s*(?:W/)?"[^"]*"\s*)*')
_TAG = re.compile(rb'(W/)?"([^"]*)"')
_KEY = re.compile(r'"?([\x21\x23-\x5b\x5d-\x7e]{1,255})"?')


@dataclass(frozen=True, slots=True)
class Precondition:
    """The versions the row may have (None: any), whether it has to be there, and whether it must not be."""

    versions: tuple[int, ...] | None = None
    there: bool = False
    new: bool = False


ANY = Precondition()


def precondition(request: HttpRequest) -> Precondition:
    """What If-Match and If-None-Match say.

    Raises:
        Malformed: one does not parse, or If-None-Match names tags, which writes do not take.
        Stale: no tag of If-Match can be a row's.
    """
    match, none_match = request.headers.get(b"if-match"), request.headers.get(b"if-none-match")
    if none_match is not None:
        if none_match.strip() != b"*":
            raise Malformed(
                "a write takes If-None-Match only as *", hint="use If-Match for a version", where="If-None-Match"
            )
        return Precondition(new=True)
    if match is None:
        return ANY
    if match.strip() == b"*":
        return Precondition(there=True)
    if _TAGS.fullmatch(match) is None:
        raise Malformed("If-Match is no list of entity tags", hint='such as "3-0011223344556677"', where="If-Match")
    # Strong comparison: a weak tag never matches.
    versions = tuple(
        version for weak, tag in _TAG.findall(match) if not weak and (version := _version(tag)) is not None
    )
    if not versions:
        raise Stale("the row was changed since you read it", hint="read it again, and decide anew")
    return Precondition(versions, there=True)


def minimal(request: HttpRequest) -> bool:
    """Whether the client prefers no body (RFC 7240, 4.2)."""
    prefer = request.headers.get(b"prefer", b"").lower()
    return any(part.strip().replace(b" ", b"") == b"return=minimal" for part in re.split(rb"[,;]", prefer))


def idempotency_key(request: HttpRequest) -> str:
    """The Idempotency-Key (IETF httpapi draft), "" without one.

    Raises:
        Malformed: it is empty, too long or holds other than visible ASCII.
    """
    given = request.headers.get(b"idempotency-key")
    if given is None:
        return ""
    found = _KEY.fullmatch(given.decode("latin-1").strip())
    if found is None:
        raise Malformed(
            "the Idempotency-Key is not 1 to 255 visible ASCII characters", hint="take a UUID", where="Idempotency-Key"
        )
    return found[1]


def _version(tag: bytes) -> int | None:
    number = tag.partition(b"-")[0]
    return int(number) if number.isdigit() and len(number) < 19 else None
