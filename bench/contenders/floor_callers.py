"""Who asks the floor for something: the verified token, through a cache; and how it is refused."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

TOKENS_MAX = 4096
KEY = OctKey.import_key(os.environ["KINGPOST_SECRET"])


class Refused(Exception):
    """A request that is answered with a problem (RFC 9457)."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


@dataclass(frozen=True, slots=True)
class Caller:
    """What a verified token says, and until when (seconds since 1970) it does.

    Args:
        competitor: whose flights are hidden from them.
        staff: may see the remarks.
        dispatches: the airline whose flights they may write.
    """

    competitor: str | None
    staff: bool
    dispatches: str | None
    until: float


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
    dispatches = claims.get("airline") if "dispatcher" in roles else None
    return Caller(claims.get("competitor"), "dispatcher" in roles or "admin" in roles, dispatches, claims["exp"])
