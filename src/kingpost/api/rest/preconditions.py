"""What a write supposes of the row: If-Match and If-None-Match (RFC 9110, 13.1), and how it wants to be answered."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from kingpost.api.message import HttpRequest
from kingpost.errors import Malformed, Stale

_TAGS = re.compile(rb'\s*(?:W/)?"[^"]*"\s*(?:,\s*(?:W/)?"[^"]*"\s*)*')
_TAG = re.compile(rb'(W/)?"([^"]*)"')
_KEY = re.compile(r'(?P<quote>"?)([\x21\x23-\x5b\x5d-\x7e]{1,255})(?P=quote)')


@dataclass(frozen=True, slots=True)
class Precondition:
    """What a write supposes of its row.

    Args:
        versions: those that it may have; None for any.
        there: it has to be there.
        new: it must not be there.
        others: versions that it must not have.
    """

    versions: tuple[int, ...] | None = None
    there: bool = False
    new: bool = False
    others: tuple[int, ...] = ()


ANY = Precondition()


def precondition(request: HttpRequest) -> Precondition:
    """What If-Match and If-None-Match say; both compare versions alone.

    Raises:
        Malformed: one does not parse.
        Stale: no row can be as they say.
    """
    match, none_match = request.headers.get(b"if-match"), request.headers.get(b"if-none-match")
    if none_match is None:
        return ANY if match is None else _matching(match)
    if none_match.strip() != b"*":
        # Weak comparison (RFC 9110, 13.1.2).
        others = _versions(none_match, "If-None-Match", weak=True)
        return replace(ANY if match is None else _matching(match), others=others)
    if match is not None:
        raise Stale(
            "no row is there and is not: If-Match and If-None-Match: * deny each other", hint="send one of them"
        )
    return Precondition(new=True)


def unconditional(request: HttpRequest, what: str) -> None:
    """Refuse preconditions where there is no row that they could be about; `what` is done says why.

    Raises:
        Malformed: there is one.
    """
    for name in ("If-Match", "If-None-Match"):
        if name.lower().encode() in request.headers:
            raise Malformed(f"{what} takes no {name}: there is no one row it could be about", where=name)


def minimal(request: HttpRequest) -> bool:
    """Whether the client prefers no body (RFC 7240, 4.2); of a preference that is given twice the first counts."""
    for preference in request.headers.get(b"prefer", b"").lower().split(b","):
        # Behind a semicolon stand parameters of the preference.
        name, _, value = preference.partition(b";")[0].partition(b"=")
        if name.strip() == b"return":
            return value.strip().strip(b'"') == b"minimal"
    return False


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
    return found[2]


def _matching(match: bytes) -> Precondition:
    if match.strip() == b"*":
        return Precondition(there=True)
    # Strong comparison: a weak tag never matches.
    versions = _versions(match, "If-Match", weak=False)
    if not versions:
        raise Stale("the row was changed since you read it", hint="read it again, and decide anew")
    return Precondition(versions, there=True)


def _versions(tags: bytes, where: str, *, weak: bool) -> tuple[int, ...]:
    if _TAGS.fullmatch(tags) is None:
        raise Malformed(f"{where} is no list of entity tags", hint='such as "3-0011223344556677"', where=where)
    found = (_version(tag) for mark, tag in _TAG.findall(tags) if weak or not mark)
    return tuple(dict.fromkeys(version for version in found if version is not None))


def _version(tag: bytes) -> int | None:
    number = tag.partition(b"-")[0]
    return int(number) if number.isdigit() and len(number) < 19 else None
