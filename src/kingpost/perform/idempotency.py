"""What is remembered under an idempotency key, whose it is, and when it may be given again (IETF httpapi draft)."""

from __future__ import annotations

import json
from hashlib import blake2b

import msgspec
from msgspec import Struct

from kingpost.call import Answer, Call, Following, Part
from kingpost.errors import Forbidden, KeyReused, TooLarge

KEEP_S = 24 * 3600.0
"""How long an idempotency key is remembered."""
RECORD_BYTES_MAX = 17 * 1_048_576
"""A little more than the longest answer of a batch."""
# Of a token rather than of its bearer: they differ with each one that is signed.
_OF_TOKEN = frozenset({"exp", "iat", "nbf", "jti"})


class Record(Struct, frozen=True, array_like=True):
    """What is remembered under an idempotency key.

    Args:
        asked: hash of the request.
        rights: hash of what the caller's credentials claimed.
        roles: the caller's roles.
        answer: what was answered.
    """

    asked: bytes
    rights: bytes
    roles: tuple[str, ...]
    answer: Answer


_decode = msgspec.msgpack.Decoder(Record).decode


def record(call: Call, done: Answer) -> bytes:
    """What to remember of a call that was answered.

    Raises:
        TooLarge: the answer is too long to be kept; then what was written is undone.
    """
    kept = msgspec.msgpack.encode(Record(_asked(call), _rights(call), tuple(sorted(call.actor.roles)), done))
    if len(kept) > RECORD_BYTES_MAX:
        raise TooLarge(
            f"the answer is longer than {RECORD_BYTES_MAX:,} bytes, and is kept under an Idempotency-Key",
            hint="ask for less to be shown: Prefer: return=minimal", where="body",
        )  # fmt: skip
    return kept


def again(kept: bytes, call: Call) -> Answer:
    """The first answer again.

    Raises:
        KeyReused: it was given to another request.
        Forbidden: the caller's credentials no longer claim what they did then.
    """
    record = _decode(kept)
    if record.asked != _asked(call):
        raise KeyReused(
            "this Idempotency-Key was used for another request", hint="take a new key for each request, such as a UUID"
        )
    if record.rights != _rights(call) or not call.actor.roles.issuperset(record.roles):
        raise Forbidden("your rights have changed since this was first answered", hint="ask for what you may see now")
    return record.answer


def scope(call: Call) -> str:
    """Whose key it is: the actor's, or for those we do not know their address's."""
    actor = call.actor
    return json.dumps(["actor", actor.id]) if actor.id is not None else json.dumps(["address", call.address])


def _asked(call: Call) -> bytes:
    return _hash((call.skeleton, [_plain(value) for value in call.values]))


def _plain(value: object) -> object:
    if isinstance(value, Following):
        return value.part.skeleton, value.part.values, value.given
    return (value.skeleton, value.values, value.name) if isinstance(value, Part) else value


def _rights(call: Call) -> bytes:
    claims = {name: value for name, value in call.actor.claims.items() if name not in _OF_TOKEN}
    return _hash(sorted(claims.items(), key=lambda claim: claim[0]))


def _hash(value: object) -> bytes:
    return blake2b(repr(value).encode("utf-8", "backslashreplace"), digest_size=16).digest()
