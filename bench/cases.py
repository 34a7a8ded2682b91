"""The requests of each case, the token they all bear, and the goals they are held to."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from joserfc import jwt
from joserfc.jwk import OctKey

SECRET = "a secret of the bench only, long enough"  # of 256 bits or more, as HS256 wants
COMPETITOR = "AA"
WRITER = "UA"
LIFETIME_S = 24 * 60 * 60

_FILTERED = "/v1/flights?airline={}&departs_at[gte]=2013-07-01&sort=-departs_at&limit=20"


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the benchmark.

    Args:
        paths: requested in turn, evenly; none for a write, whose requests are made as it goes.
        turned: those whose second page, by the returned cursor, is requested in turn with them.
        goals: the least ratio of Kingpost's rate to that of each contender.
        contenders: who takes part.
        work: whether it reads, creates one row, updates one, or creates a batch of rows.
    """

    id: str
    title: str
    paths: tuple[str, ...]
    turned: tuple[str, ...] = ()
    goals: MappingProxyType[str, float] = field(default_factory=lambda: MappingProxyType({}))
    contenders: tuple[str, ...] = ("kingpost", "floor", "fastapi")
    work: Literal["read", "create", "update", "batch"] = "read"


def cases(ids: tuple[str, ...]) -> tuple[Case, ...]:
    """Every case.

    Args:
        ids: the keys of the flights that R1 reads.
    """
    flights = tuple(f"/v1/flights/{one}" for one in ids)
    pages = (_FILTERED.format("UA"), _FILTERED.format("OO"))
    including = "/v1/flights?airline=UA&sort=departs_at&limit=20&include=origin,dest,plane,airline"
    nested = "/v1/airlines?include=flights.plane&flights.limit=10&flights.sort=departs_at&limit=5"
    grouped = "/v1/flights?group=airline&aggregate=count,avg:dep_delay&having=count[gt]=1000&sort=-avg:dep_delay"
    return (
        Case("R1", "one flight by key", flights, goals=_goals(floor=0.8, fastapi=10)),
        Case("R2", "20 flights, filtered, sorted, paged", pages, pages, _goals(floor=0.8, fastapi=8)),
        Case("R3", "20 flights with 4 includes; 5 x 10 nested", (including, nested), (), _goals(floor=0.8, fastapi=10)),
        Case("R4", "group-by with having over all flights", (grouped,)),
        Case("O1", "R1 with row filter and mask, and without", flights, (), _goals(open=0.85), ("kingpost", "open")),
        Case("W1", "create one flight", (), goals=_goals(floor=0.7), work="create"),
        Case("W2", "update one flight, with If-Match", (), goals=_goals(floor=0.7), work="update"),
        Case("W3", "create 100 flights, all or none", (), goals=_goals(floor=0.7), work="batch"),
    )


def request(path: str, token: str, method: str = "GET", body: str | None = None, if_match: str = "") -> str:
    """A whole HTTP/1.1 request.

    Args:
        path: with its query.
        token: no credentials if it is empty.
        method: GET, POST or PATCH.
        body: JSON in ASCII.
        if_match: an entity tag with its quotes, or what is to stand in its place.
    """
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", "accept: application/json"]
    lines += [f"authorization: Bearer {token}"] if token else []
    lines += [f"if-match: {if_match}"] if if_match else []
    if body is not None:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", body or ""])


def mint(**claims: object) -> str:
    """A token (RFC 7519, HS256) of a caller who may not see the flights of `COMPETITOR`, with further claims."""
    now = int(time.time())
    claims = {"sub": "bench", "competitor": COMPETITOR, "iat": now, "exp": now + LIFETIME_S, **claims}
    return jwt.encode({"alg": "HS256", "typ": "JWT"}, claims, OctKey.import_key(SECRET))


def mint_writer(airline: str = WRITER) -> str:
    """The token of a dispatcher of an airline."""
    return mint(roles=["dispatcher"], airline=airline)


def _goals(**least: float) -> MappingProxyType[str, float]:
    return MappingProxyType(least)
