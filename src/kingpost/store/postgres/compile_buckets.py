"""Compile a grouped read: what it groups and aggregates is worked out inside, having, order and page stand outside."""

from __future__ import annotations

from kingpost.model.expressions import TRUE, Aggregated, Expression, walk
from kingpost.query.stages import Buckets, Rendering
from kingpost.store.postgres.compile_page import limit_of, limit_sql
from kingpost.store.postgres.compile_select import read_from_body
from kingpost.store.postgres.expressions import Scope, Writing, held_key
from kingpost.store.postgres.functions import aggregate
from kingpost.store.postgres.json_sql import array_text, object_of, value
from kingpost.store.postgres.layout import clauses, nested, where
from kingpost.store.postgres.names import identifier
from kingpost.store.postgres.paging import behind, order_by, sort_keys
from kingpost.store.postgres.program import Program
from kingpost.store.postgres.rows import walk_rows


def buckets_program(buckets: Buckets, rendering: Rendering, writing: Writing) -> Program:
    """The program of a Buckets."""
    source, held = _source(buckets, writing)
    by_name = {one.name: held[held_key(one.value)] for one in (*buckets.keys, *buckets.aggregates)}
    for key in buckets.sort:
        held.setdefault(held_key(key.value), by_name.get(key.name, ""))
    scope = Scope("b", buckets.source.entity, held=held)
    outputs = (*buckets.keys, *buckets.aggregates)
    members = [(rendering.name(one.name), value(writing.value(one.value, scope), one.type)) for one in outputs]
    shown = object_of(members, "r")
    sort = sort_keys(buckets.sort, buckets.page, scope, writing)
    conditions = [] if buckets.having == TRUE else [writing.true(buckets.having, scope)]
    if buckets.page is not None:
        # Two segments would group everything twice.
        segments = [" AND ".join(segment) for segment in behind(sort)]
        conditions.append(segments[0] if len(segments) == 1 else f"({' OR '.join(f'({one})' for one in segments)})")
    reader = read_from_body(
        {held_key(one.value): rendering.name(one.name) for one in outputs}, [key.value for key in buckets.sort]
    )
    keys = "" if reader else f", {array_text([(key.sql, key.type) for key in sort])}"
    sql = clauses(
        f"SELECT {shown.value}{keys}",
        f"FROM {source} b",
        f"CROSS JOIN {shown.source}",
        where(conditions),
        order_by(sort),
        f"LIMIT {limit_sql(buckets.limit, writing, 1)}",
    )
    return Program(sql, limit=limit_of(buckets.limit, writing), keys=reader)


def _source(buckets: Buckets, writing: Writing) -> tuple[str, dict[str, str]]:
    """The buckets with a column for each key and aggregate, and which expression each column holds."""
    alias = writing.alias("t")
    walked = walk_rows(buckets.source, alias, writing)
    row = Scope(alias, buckets.source.entity)
    inside: dict[str, str] = {}
    held: dict[str, str] = {}
    columns: list[str] = []
    for at, key in enumerate(buckets.keys):
        inside[f"k{at}"] = writing.value(key.value, row)
        columns.append(f"g.k{at}")
        held[held_key(key.value)] = f"b.k{at}"
    groups = f"GROUP BY {', '.join(columns)}" if columns else ""
    for at, node in enumerate(_aggregated(buckets)):
        inner = None
        if node.inner is not None:
            inside[f"v{at}"] = writing.value(node.inner, row)
            inner = f"g.v{at}"
        columns.append(f"{aggregate(node, inner)} AS a{at}")
        held[held_key(node)] = f"b.a{at}"
    values = ", ".join(f"{sql} AS {name}" for name, sql in inside.items())
    table = identifier(buckets.source.entity.table)
    rows = nested(clauses(f"SELECT {values}", f"FROM {table} {alias}", where(walked.conditions)))
    return nested(clauses(f"SELECT {', '.join(columns)}", f"FROM {rows} g", groups)), held


def _aggregated(buckets: Buckets) -> list[Aggregated]:
    """Every aggregate that is shown, asked for by having, or sorted by; each once."""
    asked: list[Expression] = [one.value for one in buckets.aggregates]
    asked += [buckets.having, *(key.value for key in buckets.sort)]
    found = {held_key(node): node for one in asked for node in walk(one) if isinstance(node, Aggregated)}
    return list(found.values())
