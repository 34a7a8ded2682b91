"""Capture as SQL: the outbox of what changed, and the triggers that fill it and raise versions; pure.

The outbox is a ring of SLOTS partitions. New rows go where SLOT points, so an INSERT never lacks a partition, and
trimming empties an old one without a lock that writers wait for.
"""

from __future__ import annotations

from collections.abc import Iterable

from kingpost.model.manifest import Entity
from kingpost.model.types import Scalar
from kingpost.store.postgres.names import META, VERSION, identifier, text

OUTBOX = "kingpost_outbox"
SEQ = f"{OUTBOX}_seq"
SLOTS = 4
SLOT = f"{OUTBOX}_slot"
"""A sequence whose last value is the partition that is written to: seen by all at once, whatever their snapshots."""
BELL = f"{OUTBOX}_bell"
"""A sequence whose last value is 1 when a tail sleeps that nobody has rung for. Who notifies waits for all other commits
on the server: with 12 writers that costs half of the throughput, so one of them does it, and only then."""
IDENTITY, TRIMMED = "outbox_identity", "outbox_trimmed"
"""The names under which META keeps what tells this database from others, and the last `seq` that is there no more."""
CAPTURE_OFF = "SET LOCAL kingpost.capture = 'off'"
"""Until the end of the transaction nothing is captured."""

_CAPTURE, _EXACT = f"{OUTBOX}_capture", f"{OUTBOX}_capture_exact"
_RAISE = f"{OUTBOX}_raise"


def outbox_statements() -> list[str]:
    """What makes the outbox anew, in order; for after META, and before the triggers.

    `seq` goes on where an earlier outbox was, and one number is left out: so every older token is known to be too old.
    """
    return [
        f"DROP TABLE IF EXISTS {OUTBOX}",
        f"CREATE SEQUENCE IF NOT EXISTS {SEQ}",
        f"CREATE SEQUENCE IF NOT EXISTS {SLOT} MINVALUE 0 MAXVALUE {SLOTS - 1} START 0",
        f"CREATE SEQUENCE IF NOT EXISTS {BELL} MINVALUE 0 MAXVALUE 1 START 0",
        f"SELECT setval('{SLOT}', 0), setval('{BELL}', 0)",
        _TABLE,
        *(f"CREATE TABLE {partition(slot)} PARTITION OF {OUTBOX} FOR VALUES IN ({slot})" for slot in range(SLOTS)),
        f"CREATE INDEX {OUTBOX}_seq_idx ON {OUTBOX} (seq)",
        f"CREATE OR REPLACE FUNCTION {_CAPTURE}() RETURNS trigger LANGUAGE plpgsql AS {_BODY}",
        f"CREATE OR REPLACE FUNCTION {_EXACT}() RETURNS trigger LANGUAGE plpgsql\n"
        f"SET IntervalStyle = 'postgres' SET bytea_output = 'hex' AS {_BODY}",
        f"CREATE OR REPLACE FUNCTION {_RAISE}() RETURNS trigger LANGUAGE plpgsql AS {_RAISING}",
        f"INSERT INTO {META} VALUES ('{IDENTITY}', left(md5(gen_random_uuid()::text), 8)) ON CONFLICT DO NOTHING",
        f"INSERT INTO {META} VALUES ('{TRIMMED}', nextval('{SEQ}')::text)\n"
        "ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value",
    ]


def trigger_statements(entities: Iterable[Entity]) -> list[str]:
    """What raises the versions of every entity, and captures the changes of those that want it."""
    statements: list[str] = []
    for entity in entities:
        statements.append(_raising(entity))
        if entity.capture:
            statements.append(_capturing(entity))
    return statements


def partition(slot: int) -> str:
    """The partition of that number."""
    return f"{OUTBOX}_{slot}"


def _raising(entity: Entity) -> str:
    """For raw SQL and what a foreign key does; our own statements raise it themselves, and never get past WHEN."""
    version = identifier(VERSION)
    return (
        f"CREATE TRIGGER kingpost_raise BEFORE UPDATE ON {identifier(entity.table)} FOR EACH ROW\n"
        f"WHEN (NEW.{version} = OLD.{version}) EXECUTE FUNCTION {_RAISE}()"
    )


def _capturing(entity: Entity) -> str:
    """WHEN is judged as the row changes, not at commit: of what a bulk load brings nothing is even queued."""
    # How these are written hangs on settings of the session; to fix them costs a sixth of capturing, so only here.
    exact = any(field.type.scalar in (Scalar.DURATION, Scalar.BYTES) for field in entity.fields.values())
    return (
        f"CREATE CONSTRAINT TRIGGER kingpost_capture AFTER INSERT OR UPDATE OR DELETE ON {identifier(entity.table)}\n"
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW\n"
        "WHEN (current_setting('kingpost.capture', true) IS DISTINCT FROM 'off')\n"
        f"EXECUTE FUNCTION {_EXACT if exact else _CAPTURE}({text(entity.name)})"
    )


# What happened, the key and the version are left for the tail to find in the rows: each costs the writers.
_TABLE = f"""CREATE TABLE {OUTBOX} (
  slot smallint NOT NULL,
  seq bigint NOT NULL DEFAULT nextval('public.{SEQ}'),
  entity text NOT NULL,
  old json,
  new json,
  transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
  at timestamptz NOT NULL DEFAULT clock_timestamp()
) PARTITION BY LIST (slot)"""

# The INSERT locks the outbox, then takes `seq`; then we look at the bell. A tail sets the bell first and looks for such
# locks then: so either it sees ours, or we see that it sleeps. A row that is not there is NULL here.
_BODY = f"""$$
BEGIN
  INSERT INTO public.{OUTBOX} (slot, entity, old, new)
  VALUES (pg_sequence_last_value('public.{SLOT}'::regclass), TG_ARGV[0], row_to_json(OLD), row_to_json(NEW));
  IF pg_sequence_last_value('public.{BELL}'::regclass) = 1 THEN
    PERFORM setval('public.{BELL}', 0);
    PERFORM pg_notify('{OUTBOX}', '');
  END IF;
  RETURN NULL;
END $$"""

_RAISING = f"""$$
BEGIN
  NEW.{VERSION} := OLD.{VERSION} + 1;
  RETURN NEW;
END $$"""
