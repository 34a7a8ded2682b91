"""What is remembered under idempotency keys: a table beside the app's own, and a lock on each key while it is worked on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b
from typing import TypeAlias, cast

from kingpost.errors import Contended, StillRunning
from kingpost.store.postgres.failures import RETRY_HINT
from kingpost.store.postgres.kept import Records

TABLE = "kingpost_idempotency"
CREATE = f"""CREATE TABLE {TABLE} (
  scope text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  record bytea NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (scope, key)
)"""
INDEX = f"CREATE INDEX {TABLE}_expires_at_idx ON {TABLE} (expires_at)"
DROP = f"DROP TABLE IF EXISTS {TABLE}"
EXPIRED_AT_ONCE_MAX = 10_000
FORGET = f"""DELETE FROM {TABLE} WHERE (scope, key) IN (
  SELECT scope, key FROM {TABLE} WHERE expires_at <= now() LIMIT {EXPIRED_AT_ONCE_MAX} FOR UPDATE SKIP LOCKED)"""
_LOCK = "SELECT pg_try_advisory_xact_lock($1::bigint)"
_RECALL = f"SELECT record FROM {TABLE} WHERE scope = $1::text AND key = $2::text AND expires_at > clock_timestamp()"
# What was remembered by somebody whom the lock did not keep away, as in a snapshot older than the lock, stays.
_REMEMBER = f"""INSERT INTO {TABLE} AS t (scope, key, record, expires_at)
VALUES ($1::text, $2::text, $3::bytea, clock_timestamp() + make_interval(secs => $4::float8))
ON CONFLICT (scope, key) DO UPDATE SET record = EXCLUDED.record, expires_at = EXCLUDED.expires_at
WHERE t.expires_at <= clock_timestamp()
RETURNING 1"""

Send: TypeAlias = Callable[[str, Sequence[object]], Awaitable[Records]]


async def claim_key(send: Send, scope: str, key: str) -> bytes | None:
    """Take a key until the end of the transaction; what was remembered under it, if it was used before.

    Raises:
        StillRunning: another transaction holds it.
    """
    held = await send(_LOCK, [_number(scope, key)])
    if not held[0][0]:
        raise StillRunning("the first request with this Idempotency-Key has not ended", hint=RETRY_HINT)
    # A statement of its own: its snapshot is of after the lock.
    found = await send(_RECALL, [scope, key])
    return cast("bytes", found[0][0]) if found else None


async def remember_key(send: Send, scope: str, key: str, record: bytes, keep_s: float) -> None:
    """Keep a record under a claimed key for so many seconds.

    Raises:
        Contended: somebody else has remembered one meanwhile.
    """
    if not await send(_REMEMBER, [scope, key, record, keep_s]):
        raise Contended("another request with this Idempotency-Key came between", hint=RETRY_HINT)


def _number(scope: str, key: str) -> int:
    """Of 64 bits, and so that other users of advisory locks hardly meet it."""
    named = f"{TABLE}\x00{scope}\x00{key}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(named, digest_size=8).digest(), "big", signed=True)
