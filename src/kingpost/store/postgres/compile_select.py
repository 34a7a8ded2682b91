"""Compile a read: one row with its version, or a page of rows, one a database row, with what its cursor needs."""

from __future__ import annotations

from dataclasses import dataclass

from kingpost.model.expressions import TRUE, Expression
from kingpost.query.stages import Nested, Output, Rendering, Rows, Select
from kingpost.store.postgres.compile_members import Members, Outer, has_pages, members_of
from kingpost.store.postgres.compile_page import NUMBER, PageRows, limit_of, limit_sql, page_rows, scope_of, where
from kingpost.store.postgres.expressions import Writing, held_key
from kingpost.store.postgres.json_sql import array_text
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
    sql = (
        f"SELECT {members.object.value}, {alias}.{identifier(VERSION)}\nFROM {table} {alias}{members.source}"
        f"\n{where(walked.conditions).strip()}"
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
    rows, members = parts.rows, parts.members
    keys = "" if parts.keys is None else f", {parts.keys}"
    clauses = (
        f"SELECT {members.object.value}{keys}",
        f"FROM {rows.source}{members.source}",
        where(rows.conditions).strip(),
        rows.tail,
    )
    return "\n".join(clause for clause in clauses if clause)


def _counted(parts: _Parts, select: Select, writing: Writing) -> str:
    """The count beside each row of the page, or alone where the page is empty."""
    rows, members = parts.rows, parts.members
    keys = "" if parts.keys is None else f", {parts.keys} AS k"
    page = "\n".join(
        clause
        for clause in (
            f"SELECT {members.object.value} AS j{keys}",
            f"FROM {rows.source}{members.source}",
            where(rows.conditions).strip(),
            rows.tail,
        )
        if clause
    )
    outer_keys = "" if parts.keys is None else ", p.k"
    return (
        f"SELECT p.j{outer_keys}, c.n\nFROM (SELECT {_count(select, writing)} AS n) c\n"
        f"LEFT JOIN (SELECT p.*, row_number() OVER () AS i FROM (\n{page}\n) p) p ON TRUE\nORDER BY p.i"
    )


def _count(select: Select, writing: Writing) -> str:
    assert select.counted is not None
    rows: Rows = select.counted
    table, alias = identifier(rows.entity.table), writing.alias("t")
    conditions = where(walk_rows(rows, alias, writing).conditions)
    exact = f"(SELECT count(*) FROM {table} {alias}{conditions})"
    if select.count == "exact":
        return exact
    if rows.where == TRUE:
        known = "c.reltuples >= 0"
        return (
            f"(SELECT CASE WHEN {known} THEN c.reltuples::bigint ELSE {exact} END "
            f"FROM pg_catalog.pg_class c WHERE c.oid = {text(table)}::regclass)"
        )
    # The planner's own guess can be wrong by any factor; an honest lower bound is cheap.
    bounded = f"SELECT FROM {table} {alias}{conditions} LIMIT {ESTIMATE_ROWS_MAX + 1}"
    return f"(SELECT count(*) FROM ({bounded}) b)"
