"""What the database says about itself: whether it fits the manifest, and what of it is ours to drop."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import asyncpg

from kingpost.errors import DeclarationError, EngineLacks, NotCreated
from kingpost.model.describe import storage_hash
from kingpost.model.manifest import Manifest
from kingpost.store.postgres.capture import OUTBOX
from kingpost.store.postgres.ddl import HASH, TABLES, create_statements, drop_statement
from kingpost.store.postgres.expressions import LETTERS
from kingpost.store.postgres.idempotency import CREATE, DROP, INDEX
from kingpost.store.postgres.names import META, bounded, identifier

VERSION_MIN = 15
_LOCK = 5_474_617_003  # any number that nobody else takes
_LETTERS = f"""
SELECT CASE WHEN current_setting('server_version_num')::int >= 170000 THEN 'pg_catalog.pg_c_utf8' ELSE COALESCE(
  (SELECT 'pg_catalog.' || quote_ident(collname) FROM pg_catalog.pg_collation
   WHERE collname IN ('C.utf8', 'C.UTF-8') AND collencoding IN (-1, 6) ORDER BY collname LIMIT 1),
  '{LETTERS}') END"""
_ROWS = """
SELECT c.relname::text, CASE
  WHEN c.reltuples < 0 OR c.relpages = 0 THEN pg_relation_size(c.oid) / 100
  ELSE c.reltuples / c.relpages * (pg_relation_size(c.oid) / current_setting('block_size')::int) END::bigint
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relname = ANY($1::text[])"""

Connection: TypeAlias = "asyncpg.Connection[Any]"  # a generic in its stubs only


def check_server(connection: Connection) -> None:
    """Refuse a server that is too old, or keeps text in another encoding.

    Raises:
        EngineLacks: with what to do about it.
    """
    version = connection.get_server_version()
    if version.major < VERSION_MIN:
        raise EngineLacks(
            f"the server is PostgreSQL {version.major}", hint=f"Kingpost needs PostgreSQL {VERSION_MIN} or newer"
        )
    encoding = getattr(connection.get_settings(), "server_encoding", "UTF8")
    if encoding != "UTF8":
        raise EngineLacks(f"the database keeps text as {encoding}", hint="create it with ENCODING 'UTF8'")


async def letters_of(connection: Connection) -> str:
    """The collation by which one character at a time changes its case."""
    return str(await connection.fetchval(_LETTERS))


async def check_fits(connection: Connection, manifest: Manifest) -> None:
    """Refuse a database whose tables are not those of `manifest`.

    Raises:
        DeclarationError: it is empty, or was made for another model.
    """
    kept = await _kept(connection)
    if HASH not in kept:
        raise NotCreated(
            "the database holds no tables of this app yet", hint="create them: `kingpost dev` does, or store.create()"
        )
    if kept[HASH] != storage_hash(manifest):
        raise DeclarationError(
            "the database was made for another model: its tables, columns or constraints differ",
            hint="`kingpost dev --recreate` drops its data and starts anew; or go back to the model it was made for",
        )
    if await connection.fetchval("SELECT to_regclass($1)::text", OUTBOX) is None:
        raise DeclarationError(
            f"the database lacks {OUTBOX}, so that no write could succeed",
            hint="restore it from a backup; or `kingpost dev --recreate`, which drops all data and starts anew",
        )


async def recreate(connection: Connection, manifest: Manifest, letters: str) -> None:
    """Drop the tables that an earlier `recreate` made, and make those of `manifest`. For use in a transaction.

    Raises:
        DeclarationError: there are tables of these names that are not ours, or something else needs ours.
    """
    await connection.execute("SET LOCAL statement_timeout = 0")
    await connection.fetchval("SELECT pg_advisory_xact_lock($1)", _LOCK)
    ours: list[str] = json.loads((await _kept(connection)).get(TABLES, "[]"))
    await _drop(connection, ours)
    tables = [bounded(entity.table) for entity in manifest.entities.values()]
    await _check_free(connection, tables)
    for statement in (DROP, CREATE, INDEX, *create_statements(manifest, letters)):
        await connection.execute(statement)
    for name, value in ((HASH, storage_hash(manifest)), (TABLES, json.dumps(tables))):
        await connection.execute(
            f"INSERT INTO {META} VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value", name, value
        )


async def count_rows(connection: Connection, tables: Iterable[str]) -> Mapping[str, int]:
    """About how many rows each table has: the last count of ANALYZE, scaled to the table's present size."""
    found = await connection.fetch(_ROWS, [bounded(table) for table in tables])
    return dict(found)


async def analyze(connection: Connection, table: str) -> None:
    """Let the planner know what was loaded."""
    await connection.execute("SET statement_timeout = 0")
    try:
        await connection.execute(f"ANALYZE {identifier(table)}")
    finally:
        await connection.execute("RESET statement_timeout")


async def _kept(connection: Connection) -> dict[str, str]:
    if await connection.fetchval("SELECT to_regclass($1)::text", META) is None:
        return {}
    return dict(await connection.fetch(f"SELECT name, value FROM {META}"))


async def _drop(connection: Connection, tables: list[str]) -> None:
    statement = drop_statement(tables)
    if statement is None:
        return
    try:
        await connection.execute(statement)
    except asyncpg.DependentObjectsStillExistError as error:
        raise DeclarationError(
            f"the tables cannot be dropped: {error.detail or error}", hint="drop what depends on them first"
        ) from error


async def _check_free(connection: Connection, tables: list[str]) -> None:
    taken = await connection.fetchval(
        "SELECT string_agg(relname::text, ', ' ORDER BY relname) FROM pg_catalog.pg_class "
        "WHERE relnamespace = 'public'::regnamespace AND relname = ANY($1::text[])",
        tables,
    )
    if taken is not None:
        raise DeclarationError(
            f"the database already has tables that Kingpost did not make: {taken}",
            hint="use a database of its own, or name the tables otherwise with table=",
        )
