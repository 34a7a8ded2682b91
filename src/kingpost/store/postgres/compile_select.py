"""Compile a read: one row with its version, or a page of rows, one a database row, with what its cursor needs."""

from __future__ import annotations

from dataclasses import dataclass

from kingpost.model.expressions import TRUE, Expression
from kingpost.query.stages import Nested, Output, Rendering, Rows, Select
from kingpost.store.postgres.compile_members import Members, Outer, has_pages, members_of
from kingpost.store.postgres.compile_page import NUMBER, PageRows, limit_of, limit_sql, page_rows, scope_of
from kingpost.store.postgres.expressions import Writing, held_key
from kingpost.store.postgres.json_sql import array_text
from kingpost.store.postgres.layout import clauses, nested, where
from kingpost.store.postgres.names import VERSION, identifier, text
from kingpost.store.postgres.program import KeyReader, Program, key_reader
from kingpost.store.postgres.rows import walk_rows

ESTIMATE_ROWS_MAX = 10_000


def select_program(select: Select, rendering: Rendering, writing: Writing) -> Program:
    """The program of a Select."""
    return _single(select, rendering, writing) if select.single else _page(select, rendering, writing)


def read_from_body(outputs: dict[str, str], wanted: list[Expression]) -> KeyReader | None:
    """A reader of the sort keys, if each is one of `outputs` (by `held_key`, to their names in the answer)."""
    names = [outputs.get(held_key(one)) for one in wanted]
    return None if None in names else key_reader([name for name in names if name is not None])


def _single(select: Select, rendering: Rendering, writing: Writing) -> Program:
    alias = writing.alias("t")
    walked = walk_rows(select.source, alias, writing)
    members = members_of(select, Outer(scope_of(select, alias)), rendering, writing)
    table = identifier(select.source.entity.table)
    sql = clauses(
        f"SELECT {members.object.value}, {alias}.{identifier(VERSION)}",
        f"FROM {table} {alias}",
        members.source,
        where(walked.conditions),
    )
    return Program(sql, single=True)


@dataclass(frozen=True, slots=True)
class _Parts:
    rows: PageRows
    members: Members
    keys: str | None


def _page(select: Select, rendering: Rendering, writing: Writing) -> Program:
    assert select.limit is not None
    alias = writing.alias("t")
    numbered, apart = has_pages(select), any(isinstance(one, Nested) for one in select.members)
    rows = page_rows(select, alias, writing, apart=apart, numbered=numbered)
    shown = f"{alias}.{NUMBER} <= {limit_sql(select.limit, writing)}" if numbered else ""
    members = members_of(select, Outer(scope_of(select, alias), shown), rendering, writing)
    reader = _reader(select, rendering)
    keys = None if reader else array_text(rows.keys)
    parts = _Parts(rows, members, keys)
    sql = _counted(parts, select, writing) if select.count != "none" else _plain(parts)
    limit = limit_of(select.limit, writing)
    return Program(sql, limit=limit, keys=reader, counted=select.count != "none")


def _reader(select: Select, rendering: Rendering) -> KeyReader | None:
    outputs = {held_key(one.value): rendering.name(one.name) for one in select.members if isinstance(one, Output)}
    return read_from_body(outputs, [key.value for key in select.sort])


def _plain(parts: _Parts) -> str:
    keys = "" if parts.keys is None else f", {parts.keys}"
    return clauses(f"SELECT {parts.members.object.value}{keys}", *_from(parts))


def _counted(parts: _Parts, select: Select, writing: Writing) -> str:
    """The count beside each row of the page, or alone where the page is empty."""
    made, asked = ("", "") if parts.keys is None else (f", {parts.keys} AS k", ", p.k")
    page = clauses(f"SELECT {parts.members.object.value} AS j{made}", *_from(parts))
    rows = clauses("SELECT p.*, row_number() OVER () AS i", f"FROM {nested(page)} p")
    return clauses(
        f"SELECT p.j{asked}, c.n",
        f"FROM {nested(f'SELECT {_count(select, writing)} AS n')} c",
        f"LEFT JOIN {nested(rows)} p ON TRUE",
        "ORDER BY p.i",
    )


def _from(parts: _Parts) -> tuple[str, ...]:
    rows = parts.rows
    return f"FROM {rows.source}", parts.members.source, where(rows.conditions), rows.tail


def _count(select: Select, writing: Writing) -> str:
    assert select.counted is not None
    rows: Rows = select.counted
    table, alias = identifier(rows.entity.table), writing.alias("t")
    walked = clauses(f"FROM {table} {alias}", where(walk_rows(rows, alias, writing).conditions))
    exact = nested(clauses("SELECT count(*)", walked))
    if select.count == "exact":
        return exact
    if rows.where == TRUE:
        known = f"CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint ELSE {exact} END"
        return nested(clauses(f"SELECT {known}", f"FROM pg_catalog.pg_class c WHERE c.oid = {text(table)}::regclass"))
    # The planner's own guess can be wrong by any factor; an honest lower bound is cheap.
    bounded = nested(clauses("SELECT", walked, f"LIMIT {ESTIMATE_ROWS_MAX + 1}"))
    return nested(f"SELECT count(*) FROM {bounded} b")
