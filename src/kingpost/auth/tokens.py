"""Turns a signed token (JWT, RFC 7519) into an Actor, by the advice of RFC 8725; and mints tokens for development."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import OctKey
from joserfc.jws import JWSRegistry
from msgspec import Struct

from kingpost.auth.keys import VerificationKey, read_keys
from kingpost.call import ANONYMOUS, Actor
from kingpost.errors import DeclarationError, Unauthenticated
from kingpost.observe import IdentityRefused, Observer, nobody
from kingpost.settings import Secret, Settings, development_secret

TOKEN_CHARACTERS_MAX = 8_192
LEEWAY_S = 30
CACHED_MAX = 4_096

Identify: TypeAlias = Callable[[str | None], Actor]


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token has to be: signed by one of `keys` (none: no token is taken), from and for whom."""

    keys: tuple[VerificationKey, ...]
    issuer: str | None = None
    audience: str | None = None


def token_rules(settings: Settings) -> TokenRules:
    """The rules the settings make: in development the app's own secret is a key besides the configured one.

    Raises:
        DeclarationError: the verification key is of no use.
    """
    keys = () if settings.verification_key is None else read_keys(settings.verification_key)
    if settings.environment == "development":
        keys += read_keys(development_secret(settings))
    return TokenRules(keys, settings.token_issuer, settings.token_audience)


def identify_by_token(
    rules: TokenRules, *, observer: Observer = nobody, clock: Callable[[], float] = time.time
) -> Identify:
    """Make the function that says who bears these credentials.

    It takes a token, with or without `Bearer ` before it, or None: nobody in particular. It raises Unauthenticated
    alike for all that is wrong with a token, but for one that was good and has expired; the observer hears the reason.
    A verified token is not verified again before it expires.

    Args:
        rules: what a token has to be.
        observer: is told of refused credentials.
        clock: seconds since 1970.
    """
    verified: dict[str, _Verified] = {}

    def identify(credentials: str | None) -> Actor:
        if credentials is None:
            return ANONYMOUS
        known = verified.get(credentials)
        now = clock()
        if known is not None and now < known.until:
            return known.actor
        try:
            fresh = _verify(credentials, rules, now)
        except _NotBelievedError as refused:
            observer(IdentityRefused(refused.reason))
            raise Unauthenticated(refused.message, hint="send a valid token, or none at all") from None
        verified.pop(credentials, None)
        if len(verified) >= CACHED_MAX:
            del verified[next(iter(verified))]  # the oldest; only tokens we believe ever come here
        verified[credentials] = fresh
        return fresh.actor

    return identify


def mint(
    secret: Secret,
    *,
    sub: str | None = None,
    roles: Iterable[str] = (),
    claims: Mapping[str, object] | None = None,
    ttl_s: int = 3_600,
    clock: Callable[[], float] = time.time,
) -> str:
    """A token signed with `secret` (HS256) that expires after `ttl_s` seconds.

    Args:
        secret: the development secret.
        sub: becomes the actor's id.
        roles: the actor's roles.
        claims: what else it says; may not name what the other arguments set.
        ttl_s: how long it is good.
        clock: seconds since 1970.

    Raises:
        DeclarationError: a claim is one that Kingpost sets itself.
    """
    claims = claims or {}
    if clash := sorted(_OURS & claims.keys()):
        raise DeclarationError(f"claim {clash[0]!r} is set by Kingpost itself", hint="use --sub, --role and --ttl")
    now = int(clock())
    said: dict[str, object] = {} if sub is None else {"sub": sub}
    said |= {"roles": sorted(set(roles)), **claims, "iat": now, "exp": now + ttl_s}
    return jwt.encode({"alg": "HS256"}, said, OctKey.import_key(secret.reveal()))


_OURS = frozenset({"sub", "roles", "role", "iat", "exp"})
_AS_ACTOR = frozenset({"sub", "roles", "role"})


class _Verified(Struct, frozen=True):
    actor: Actor
    until: float


class _NotBelievedError(Exception):
    """Why a token is refused, for the log; and what the caller hears of it."""

    def __init__(self, reason: str, message: str = "the credentials are not valid") -> None:
        super().__init__(reason)
        self.reason = reason
        self.message = message


def _verify(credentials: str, rules: TokenRules, now: float) -> _Verified:
    if len(credentials) > TOKEN_CHARACTERS_MAX:
        raise _NotBelievedError("longer than a token may be")
    scheme, _, rest = credentials.strip().partition(" ")
    if rest and scheme.lower() != "bearer":
        raise _NotBelievedError("another scheme than Bearer")
    if not rules.keys:
        raise _NotBelievedError("no verification key is configured")
    claims = _claims(rest.strip() or scheme, rules.keys)
    expires = _check_times(claims, now)
    _check_parties(claims, rules)
    return _Verified(_actor(claims), expires)


def _claims(token: str, keys: tuple[VerificationKey, ...]) -> dict[str, Any]:
    """The claims, once one of the keys has signed them. Nothing of the token is believed before."""
    reason = "no key fits"
    for key in keys:
        try:
            found = _decoded(token, key)
            if key.id is None or found.header.get("kid", key.id) == key.id:
                return found.claims
            reason = "signed by a key of another id"
        except JoseError as error:
            reason = error.error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            # Whatever else the decoding of a stranger's bytes may stumble over: each was reached by fuzzing, or could be.
            reason = f"unreadable: {type(error).__name__}"
    raise _NotBelievedError(reason)


def _decoded(token: str, key: VerificationKey) -> jwt.Token:
    # Unknown header parameters are ignored as RFC 7515, 4 asks; those named by `crit` are still refused.
    registry = JWSRegistry(algorithms=key.algorithms, strict_check_header=False)
    registry.max_header_length = TOKEN_CHARACTERS_MAX
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # "EdDSA" is an old name of Ed25519, not a weak algorithm
        return jwt.decode(token, key.key, registry=registry)


def _check_times(claims: dict[str, Any], now: float) -> float:
    """When the token expires, leeway added."""
    for name in ("exp", "nbf", "iat"):
        value = claims.get(name, now)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole and not (isinstance(value, float) and math.isfinite(value)):
            raise _NotBelievedError(f"{name} is no time")
    if "exp" not in claims:
        raise _NotBelievedError("it would never expire")
    if claims.get("nbf", now) > now + LEEWAY_S or claims.get("iat", now) > now + LEEWAY_S:
        raise _NotBelievedError("not good yet")
    expires = min(claims["exp"], _YEAR_9999_S) + LEEWAY_S
    if expires <= now:
        raise _NotBelievedError("expired", "the token has expired")
    return float(expires)


_YEAR_9999_S = 253_402_300_799


def _check_parties(claims: dict[str, Any], rules: TokenRules) -> None:
    if rules.issuer is not None and claims.get("iss") != rules.issuer:
        raise _NotBelievedError("from another issuer")
    if rules.audience is None:
        return
    named = claims.get("aud")
    if rules.audience not in (named if isinstance(named, list) else [named]):
        raise _NotBelievedError("for another audience")


def _actor(claims: dict[str, Any]) -> Actor:
    subject, roles, role = claims.get("sub"), claims.get("roles", []), claims.get("role")
    if subject is not None and not isinstance(subject, str):
        raise _NotBelievedError("sub is no text")
    if not isinstance(roles, list):
        raise _NotBelievedError("roles is no list")
    borne = [*roles, *([] if role is None else [role])]
    if not all(isinstance(one, str) for one in borne):
        raise _NotBelievedError("a role is no text")
    rest = {name: value for name, value in claims.items() if name not in _AS_ACTOR}
    return Actor(subject, frozenset(borne), rest)
