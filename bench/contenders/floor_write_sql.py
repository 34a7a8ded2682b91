"""The floor's statements that write: each does the row and its event at once, and returns the row in JSON.

On PostgreSQL 18: `RETURNING` gives the old row beside the new one, so that an update reads its row once; the version
is a part of its condition, which is looked at again after waiting for another writer.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

COLUMNS = {
    "airline": "text",
    "origin": "text",
    "dest": "text",
    "plane": "text",
    "tailnum": "text",
    "number": "bigint",
    "departs_at": "timestamptz",
    "dep_delay": "bigint",
    "status": "text",
    "remarks": "text",
}
# Says of a flight that was not updated whether the caller may: $1 its id, $2 the competitor, $3 the caller's airline.
WHY_NOT = "SELECT f.airline IS NOT DISTINCT FROM $3 AS may FROM floor_flight f WHERE f.id = $1 AND f.airline <> $2"

_INTO = f"INSERT INTO floor_flight (id, {', '.join(COLUMNS)})"
_KEY = "'Flight', '{}', jsonb_build_object('id', f.id)"


@cache
def create(staff: bool) -> str:
    """A flight: $1 its id, then `COLUMNS`."""
    given = ", ".join(f"${number}" for number in range(1, len(COLUMNS) + 2))
    return f"WITH done AS ({_INTO} VALUES ({given}) RETURNING *), {_created()} {_shown(staff)}"


@cache
def create_several(staff: bool) -> str:
    """Several flights: $1 their ids in rising order, then `COLUMNS`, each an array."""
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(("uuid", *COLUMNS.values()), 1))
    return (
        f"WITH done AS ({_INTO} SELECT * FROM unnest({arrays}) RETURNING *), {_created()} {_shown(staff)} ORDER BY f.id"
    )


@cache
def update(staff: bool, names: Sequence[str]) -> str:
    """Fields of a flight: $1 its id, $2 the competitor, $3 the caller's airline, $4 the version or null, then `names`.

    Without a row it is not there, not the caller's or of another version.
    """
    changes = ", ".join(f"{name} = ${number}" for number, name in enumerate(names, 5))
    where = "f.id = $1 AND f.airline <> $2 AND f.airline = $3 AND ($4::bigint IS NULL OR f.version = $4)"
    return (
        f"WITH done AS (UPDATE floor_flight f SET {changes}, version = f.version + 1 WHERE {where} "
        "RETURNING to_jsonb(old) AS was, to_jsonb(new) AS now, new.*), "
        "event AS (INSERT INTO floor_outbox (entity, op, key, old, new) "
        f"SELECT {_KEY.format('update')}, f.was, f.now FROM done f) {_shown(staff)}"
    )


def _created() -> str:
    return (
        "event AS (INSERT INTO floor_outbox (entity, op, key, new) "
        f"SELECT {_KEY.format('create')}, to_jsonb(f) FROM done f)"
    )


def _shown(staff: bool) -> str:
    names = [name for name in ("id", *COLUMNS) if staff or name != "remarks"]
    fields = ", ".join(f"f.{name}" for name in names)
    return f"SELECT row_to_json(r), f.version FROM done f, LATERAL (SELECT {fields}) r"
