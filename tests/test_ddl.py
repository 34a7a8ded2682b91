"""Tables are made as declared, whatever the names, and refuse what the model refuses."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from kingpost.model.expressions import Column, Compare, Constant
from kingpost.model.fields import Constraint, Field
from kingpost.model.manifest import Check, Entity, Index, IndexKey, Manifest
from kingpost.model.types import FLOAT, INT, TEXT, Scalar, Type
from kingpost.store.postgres.ddl import create_statements, drop_statement
from kingpost.store.postgres.names import bounded, identifier, literal, text
from tests.postgres_fixture import new_database

LONG = "a_very_long_name_" * 5


@pytest.mark.parametrize("name", [LONG, "ü" * 60, "x" * 64])
def test_long_names_are_cut_by_bytes_and_stay_apart(name: str) -> None:
    assert len(bounded(name).encode()) <= 63
    assert bounded(name) != bounded(name + "y")


def test_short_names_stay_as_they_are() -> None:
    assert bounded("ü" * 31) == "ü" * 31


@pytest.mark.parametrize(("name", "quoted"), [("order", '"order"'), ('a"b', '"a""b"'), ("Größe", '"Größe"')])
def test_identifiers_are_quoted(name: str, quoted: str) -> None:
    assert identifier(name) == quoted


@pytest.mark.parametrize("value", ["", "it's", "a\\b", "\\", "a\nb\t\r", "%s $1", "ü 𝄞 \u2028", "'; DROP TABLE x; --"])
async def test_literals_mean_what_they_say(postgres_url: str, value: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    assert await connection.fetchval(f"SELECT {text(value)}") == value
    await connection.execute("SET standard_conforming_strings = off")
    assert await connection.fetchval(f"SELECT {text(value)}") == value
    await connection.close()


def test_a_literal_stands_on_one_line() -> None:
    assert "\n" not in literal("a\nb", TEXT)


def test_nulls_are_spoken_of_only_where_there_can_be_one() -> None:
    statements = [one for one in create_statements(_manifest()) if "INDEX" in one and "outbox" not in one]
    assert statements == [
        'CREATE INDEX "thing_size_idx" ON "thing" ("size" DESC NULLS LAST, "id" DESC)',
        'CREATE INDEX "thing_size_idx_2" ON "thing" ("size", "id")',
        'CREATE INDEX "thing_id_size_idx" ON "thing" ("id" DESC, "size")',
        'CREATE UNIQUE INDEX "thing_name_key" ON "thing" ("name")',
        'CREATE INDEX "thing_name_idx" ON "thing" ("name", "id") WHERE "size" > \'3\'::bigint',
    ]


def test_tables_are_dropped_together() -> None:
    assert drop_statement(["a", 'b"']) == 'DROP TABLE IF EXISTS "a", "b"""'
    assert drop_statement([]) is None


@pytest.mark.parametrize(
    "values",
    [
        "1, 'x', -1, NULL, NULL, NULL",
        "1, 'x', 1, 'NaN', NULL, NULL",
        "1, 'x', 1, '-Infinity', NULL, NULL",
        "1, 'x', 1, NULL, 'c', NULL",
        "1, 'x', 1, NULL, NULL, '{1,NULL}'",
        "1, 'x', 1, NULL, NULL, '{{1},{2}}'",
        "1, 'toolong', 1, NULL, NULL, NULL",
        "1, 'X', 1, NULL, NULL, NULL",
        "4, 'x', 3, NULL, NULL, NULL",
    ],
)
async def test_rows_that_break_the_model_are_refused(database: str, values: str) -> None:
    connection = await asyncpg.connect(database)
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(f'INSERT INTO "thing" VALUES ({values})')
    await connection.close()


async def test_what_is_unknown_passes_a_check(database: str) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute(
        """INSERT INTO "thing" VALUES (9, 'x', NULL, NULL, NULL, NULL), (10, 'y', 11, 1, 'a', '{}')"""
    )
    assert await connection.fetchval('SELECT sum(version) FROM "thing"') == 2
    await connection.close()


@pytest.fixture(scope="module")
def database(postgres_url: str) -> str:
    url = new_database(postgres_url, "ddl")

    async def make() -> None:
        connection = await asyncpg.connect(url)
        for statement in create_statements(_manifest()):
            await connection.execute(statement)
        await connection.close()

    asyncio.run(make())
    return url


def _manifest() -> Manifest:
    fields = [
        Field("id", INT, "id"),
        Field("name", TEXT, "name", constraints=(Constraint("max_length", 5), Constraint("pattern", "^[a-z]"))),
        Field("size", INT, "size", nullable=True, constraints=(Constraint("ge", 0),)),
        Field("weight", FLOAT, "weight", nullable=True),
        Field("kind", Type(Scalar.TEXT, choices=("a", "b")), "kind", nullable=True),
        Field("marks", Type(Scalar.INT, array=True), "marks", nullable=True),
    ]
    by_name = {field.name: field for field in fields}
    size, key = Column(by_name["size"]), Column(by_name["id"])
    down, up = IndexKey("size", descending=True), IndexKey("size")
    indexes = (
        Index((down,)),
        Index((up,)),
        Index((IndexKey("id", descending=True), up)),
        Index((IndexKey("name"),), unique=True),
        Index((IndexKey("name"),), where=Compare("gt", size, Constant(3, INT))),
    )
    thing = Entity(
        name="Thing", plural="things", path="things", table="thing", kind="table", fields=by_name, key=("id",),
        relations={}, indexes=indexes, checks=(Check("grows", Compare("gte", size, key)),),
    )  # fmt: skip
    return Manifest("test", "UTC", {"Thing": thing})
