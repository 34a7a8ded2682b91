"""The requests of each case, the token they all bear, and the goals they are held to."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from types import MappingProxyType

from joserfc import jwt
from joserfc.jwk import OctKey

SECRET = "a secret of the bench only, long enough"  # of 256 bits or more, as HS256 wants
COMPETITOR = "AA"
LIFETIME_S = 24 * 60 * 60

_FILTERED = "/v1/flights?airline={}&departs_at[gte]=2013-07-01&sort=-departs_at&limit=20"


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the benchmark.

    Args:
        paths: requested in turn, evenly.
        turned: those whose second page, by the returned cursor, is requested in turn with them.
        goals: the least ratio of Kingpost's rate to that of each contender.
        contenders: who takes part.
    """

    id: str
    title: str
    paths: tuple[str, ...]
    turned: tuple[str, ...] = ()
    goals: MappingProxyType[str, float] = field(default_factory=lambda: MappingProxyType({}))
    contenders: tuple[str, ...] = ("kingpost", "floor", "fastapi")


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
    )


def request(path: str, token: str) -> str:
    """A whole HTTP/1.1 request."""
    return (
        f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\naccept: application/json\r\n\r\n"
    )


def mint() -> str:
    """A token (RFC 7519, HS256) of a caller without a role who may not see the flights of `COMPETITOR`."""
    now = int(time.time())
    claims = {"sub": "bench", "competitor": COMPETITOR, "iat": now, "exp": now + LIFETIME_S}
    return jwt.encode({"alg": "HS256", "typ": "JWT"}, claims, OctKey.import_key(SECRET))


def _goals(**least: float) -> MappingProxyType[str, float]:
    return MappingProxyType(least)
