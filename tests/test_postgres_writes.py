"""Writes in PostgreSQL beyond what every store does: many at once, constraints by their names, one statement each."""

from __future__ import annotations

import asyncio
import json
import time as clock
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from kingpost.errors import Conflict, Contended, Forbidden, Invalid, KingpostError, NotFound, Stale
from kingpost.model.expressions import Slot
from kingpost.query.operations import Create, Delete, Read, Update, Write
from kingpost.store.postgres.packing import packed
from kingpost.store.postgres.statements import Packed
from tests.warehouse import DROP_BOX, LABELLED, NEW_BOX, PUT_BOX, SEALED, SHOWN, Warehouse, given, many, update

WRITERS = 12


# --- Many at once ----------------------------------------------------------------------------------------------------


async def test_of_many_writers_with_one_version_exactly_one_wins(house: Warehouse) -> None:
    async def write(number: int) -> bool:
        try:
            await house.ask(update("pieces", version=True), 1, number, 1)
        except Stale:
            return False
        return True

    assert sum(await asyncio.gather(*(write(number) for number in range(WRITERS)))) == 1
    assert (await house.box(1))["version"] == 2


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        (SEALED, Forbidden),
        ("UPDATE box SET shelf = 2 WHERE id = 1", Forbidden),
        ("UPDATE box SET hidden = true WHERE id = 1", NotFound),
        ("UPDATE box SET version = 7 WHERE id = 1", Stale),
        ("DELETE FROM box WHERE id = 1", NotFound),
    ],
)
async def test_an_update_is_judged_on_the_row_as_it_is_once_it_is_free(
    house: Warehouse, sql: str, kind: type[KingpostError]
) -> None:
    found = await house.held(sql, lambda: house.ask(update("pieces", version=True), 1, 5, 1))
    assert type(found) is kind
    row = await house.box(1)
    assert row is None or row["pieces"] == 0


@pytest.mark.parametrize("sql", [SEALED, "UPDATE box SET shelf = 2 WHERE id = 1"])
async def test_an_upsert_is_judged_on_the_row_as_it_is_once_it_is_free(house: Warehouse, sql: str) -> None:
    assert type(await house.held(sql, lambda: house.ask(PUT_BOX, 1, 5))) is Forbidden
    assert (await house.box(1))["pieces"] == 0


async def test_a_policy_that_comes_to_admit_a_row_while_it_is_waited_for_admits_it(house: Warehouse) -> None:
    await house.raw.execute("UPDATE box SET shelf = 2 WHERE id = 1")
    found = await house.held("UPDATE box SET shelf = 1 WHERE id = 1", lambda: house.ask(update("pieces"), 1, 5))
    assert json.loads(found.body)["pieces"] == 5


async def test_a_deletion_is_judged_on_the_row_as_it_is_once_it_is_free(house: Warehouse) -> None:
    assert type(await house.held(SEALED, lambda: house.ask(DROP_BOX, 1))) is Forbidden
    assert await house.box(1) is not None


async def test_a_set_leaves_out_a_row_that_may_no_longer_be_changed(house: Warehouse) -> None:
    write = Update("Box", given("pieces", at=1), where=LABELLED)
    found = await house.held("UPDATE box SET shelf = 2 WHERE id = 1", lambda: house.ask(write, "old", 5))
    assert found.changed == 2
    assert (await house.box(1))["pieces"] == 0


async def test_of_many_upserts_of_one_new_key_one_creates_and_the_others_alter(house: Warehouse) -> None:
    found = await asyncio.gather(*(house.ask(PUT_BOX, 9, number) for number in range(WRITERS)))
    assert sum(one.created for one in found) == 1
    assert (await house.box(9))["version"] == WRITERS


async def test_an_upsert_waits_for_another_that_creates_its_row(house: Warehouse) -> None:
    found = await house.held("INSERT INTO box (id, pieces, most, sealed, label, hidden) VALUES (9, 1, 10, false, '', false)",
                             lambda: house.ask(PUT_BOX, 9, 5))  # fmt: skip
    assert (found.created, found.version) == (False, 2)


async def test_an_upsert_of_a_hidden_row_conflicts(house: Warehouse) -> None:
    await house.raw.execute("UPDATE box SET hidden = true WHERE id = 1")
    assert await house.refused(Conflict, PUT_BOX, 1, 5) == {"/id": "id is taken"}
    assert (await house.box(1))["pieces"] == 0


async def test_transactions_that_wait_for_each_other_end_as_contended(house: Warehouse) -> None:
    async def cross(first: int, second: int) -> bool:
        try:
            async with house.store.begin(clock.monotonic() + 20) as within:
                await house.ask(update("pieces"), first, 1, within=within)
                await asyncio.sleep(0.1)
                await house.ask(update("pieces"), second, 1, within=within)
        except Contended:
            return False
        return True

    assert sorted(await asyncio.gather(cross(1, 2), cross(2, 1))) == [False, True]


async def test_serializable_transactions_that_no_order_explains_are_contended(house: Warehouse) -> None:
    async def skew(number: int) -> bool:
        try:
            async with house.store.begin(clock.monotonic() + 10, "serializable") as within:
                await within.sql("SELECT sum(pieces) FROM box", (), clock.monotonic() + 10)
                await asyncio.sleep(0.1)
                await house.ask(update("pieces"), number, 1, within=within)
                await asyncio.sleep(0.1)
        except Contended:
            return False
        return True

    assert sorted(await asyncio.gather(skew(1), skew(2))) == [False, True]


# --- Constraints -----------------------------------------------------------------------------------------------------


async def test_a_taken_key_conflicts_at_its_fields_and_tells_no_value(house: Warehouse) -> None:
    assert await house.refused(Conflict, NEW_BOX, 1, None, 0) == {"/id": "id is taken"}
    shelf = Create("Shelf", given("id", "code"), Read("Shelf"))
    assert await house.refused(Conflict, shelf, 3, "a") == {"/code": "code is taken"}


async def test_a_broken_check_is_told_at_its_first_field(house: Warehouse) -> None:
    assert await house.refused(Invalid, update("most", "pieces"), 1, 1, 2) == {
        "/pieces": "the check within does not hold"
    }


async def test_all_references_that_lead_nowhere_are_told_together(house: Warehouse) -> None:
    write = Create("Box", given("id", "shelf", "inside"), SHOWN)
    assert await house.refused(Invalid, write, 9, 77, 78) == {
        "/shelf": "there is no such Shelf",
        "/inside": "there is no such Box",
    }


async def test_of_many_new_rows_each_fault_is_told_by_row_and_field(house: Warehouse) -> None:
    found = await house.refused(Invalid, many("id", "shelf"), 3, [7, 8, 9], [77, 1, 78])
    assert list(found) == ["/0/shelf", "/2/shelf"]
    assert await house.box(8) is None


async def test_many_new_rows_are_answered_in_the_order_they_are_given_in(house: Warehouse) -> None:
    numbers = [907, 5, 33, 21, 400, 8]
    found = await house.ask(many("id", "pieces"), len(numbers), numbers, list(range(len(numbers))))
    assert [row["id"] for row in json.loads(found.body or b"")] == numbers


async def test_a_row_that_is_referred_to_is_not_deleted(house: Warehouse) -> None:
    await house.raw.execute("INSERT INTO tag (id, box) VALUES (1, 1)")
    assert await house.refused(Conflict, DROP_BOX, 1) == {"/box": "tags refer to it"}


async def test_a_ref_that_is_emptied_raises_the_version(house: Warehouse) -> None:
    await house.raw.execute("UPDATE box SET inside = 1 WHERE id = 2")
    await house.ask(DROP_BOX, 1)
    row = await house.box(2)
    assert (row["inside"], row["version"]) == (None, 3)


async def test_a_value_too_long_for_its_index_is_the_callers_fault(house: Warehouse) -> None:
    noise = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(9_000))
    with pytest.raises(Invalid, match="too long for an index"):
        await house.ask(update("label"), 1, noise)


# --- Columns of arrays -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        ("text[]", ["a,b", "", 'c"d', "NULL", "\\", "{}", "ü\n"]),
        ("bigint[]", [-(2**63), 0, 2**63 - 1]),
        ("double precision[]", [0.1, -1e300, 5e-324]),
        ("numeric[]", [Decimal("1.10"), Decimal("-0.00000000000000000001"), Decimal("1E+3")]),
        ("boolean[]", [True, False]),
        ("timestamptz[]", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)]),
        ("date[]", [date(1, 1, 1), date(9999, 12, 31)]),
        ("time[]", [time(0), time(23, 59, 59, 1)]),
        ("interval[]", [timedelta(microseconds=-1), timedelta(hours=-26.5), timedelta(days=10_000, seconds=1)]),
        ("uuid[]", [UUID(int=0), UUID(int=2**128 - 1)]),
        ("bytea[]", [b"", bytes(range(256))]),
        ("jsonb[]", [{"a": [1, None, '"\\']}, {}]),
        ("bigint[]", []),
    ],
)
async def test_an_array_handed_over_as_text_is_read_as_it_was(house: Warehouse, type_: str, values: list[Any]) -> None:
    (column,) = packed([[values, None]], [Packed(0, array=True, place=0)])
    async with house.store.begin(clock.monotonic() + 10) as within:
        sql = f"SELECT c::{type_} AS found FROM unnest($1::text[]) c"
        found = await within.sql(sql, [column], clock.monotonic() + 10)
    assert [row["found"] for row in found] == [values, None]


# --- One statement ---------------------------------------------------------------------------------------------------


async def test_writes_of_one_row_are_one_statement_each_without_begin(house: Warehouse) -> None:
    drop_tag, new_tag = Create("Tag", given("id", "box"), Read("Tag")), update("pieces", version=True)
    writes: list[tuple[Write, tuple[object, ...]]] = [
        (NEW_BOX, (9, 1, 0)), (new_tag, (9, 5, 1)), (PUT_BOX, (9, 6)), (PUT_BOX, (10, 6)), (drop_tag, (1, 10)),
        (Delete("Shelf", (Slot(0),)), (2,)),
    ]  # fmt: skip
    await house.raw.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    count = """SELECT coalesce(sum(calls), 0)::int FROM pg_stat_statements
               WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND query !~ 'pg_stat|kingpost_outbox'"""
    before = await house.raw.fetchval(count)
    for operation, values in writes:
        await house.ask(operation, *values)
    assert await house.raw.fetchval(count) - before == len(writes)
