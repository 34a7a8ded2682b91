"""What a write supposes of the row: If-Match and If-None-Match (RFC 9110, 13.1), and how it wants to be answered."""

from __future__ import annotations

import re

from msgspec import Struct, structs

from kingpost.api.message import HttpRequest
from kingpost.errors import Malformed, Stale

_PRECONDITIONS = ((b"if-match", "If-Match"), (b"if-none-match", "If-None-Match"))
_TAGS = re.compile(rb'\s*(?:W/)?"[^"]*"\s*(?:,\s*(?:W/)?"[^"]*"\s*)*')
_TAG = re.compile(rb'(W/)?"([^"]*)"')
_OURS = re.compile(rb'"([0-9]{1,18})-[0-9a-f]{16}"')


class Precondition(Struct, frozen=True):
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
        if match is not None and (ours := _OURS.fullmatch(match)):  # what nearly everybody sends
            return Precondition((int(ours[1]),), True)
        return ANY if match is None else _matching(match)
    if none_match.strip() != b"*":
        # Weak comparison (RFC 9110, 13.1.2).
        others = _versions(none_match, "If-None-Match", weak=True)
        return structs.replace(ANY if match is None else _matching(match), others=others)
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
    for header, name in _PRECONDITIONS:
        if header in request.headers:
            raise Malformed(f"{what} takes no {name}: there is no one row it could be about", where=name)


def minimal(request: HttpRequest) -> bool:
    """Whether the client prefers no body (RFC 7240, 4.2); of a preference that is given twice the first counts."""
    given = request.headers.get(b"prefer")
    if given is None:
        return False
    for preference in given.lower().split(b","):
        # Behind a semicolon stand parameters of the preference.
        name, _, value = preference.partition(b";")[0].partition(b"=")
        if name.strip() == b"return":
            return value.strip().strip(b'"') == b"minimal"
    return False


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
