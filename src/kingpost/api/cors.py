"""Cross-origin requests (the Fetch standard's CORS protocol): off unless origins are declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kingpost.api.message import Header, HttpResponse

EXPOSED = b"ETag, Link, Location, Preference-Applied, Retry-After, X-Request-ID"
ALLOWED_HEADERS = b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Prefer, X-Request-ID"
PREFLIGHT_AGE_S = 600
_VARY = (b"vary", b"Origin")


@dataclass(frozen=True, slots=True)
class Cors:
    """Which origins may read answers: exact ones such as `https://app.example`, or `*` for all.

    Credentials in the sense of that standard (cookies) are never allowed: tokens travel in Authorization.
    """

    origins: frozenset[str]

    def headers(self, asked: Mapping[bytes, bytes], response: HttpResponse) -> list[Header]:
        """What to add to a response; to that of a preflight, which bears Allow, more than to others.

        Args:
            asked: the request's headers.
            response: as it is without CORS.
        """
        origin = self._admitted(asked)
        if origin is None:
            return [_VARY]
        found = [(b"access-control-allow-origin", origin)]
        if origin != b"*":
            found.append(_VARY)
        methods = next((value for name, value in response.headers if name == b"allow"), None)
        if b"access-control-request-method" not in asked or methods is None:
            return [*found, (b"access-control-expose-headers", EXPOSED)]
        age = str(PREFLIGHT_AGE_S).encode()
        allowed = [(b"access-control-allow-methods", methods), (b"access-control-allow-headers", ALLOWED_HEADERS)]
        return [*found, *allowed, (b"access-control-max-age", age)]

    def _admitted(self, asked: Mapping[bytes, bytes]) -> bytes | None:
        if "*" in self.origins:
            return b"*"
        origin = asked.get(b"origin", b"")
        return origin if origin.decode("latin-1") in self.origins else None
