"""The rows of one page, in order, with one more row than its limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kingpost.model.expressions import Column, Slot
from kingpost.model.types import Type
from kingpost.query.operations import LIMIT_MAX
from kingpost.query.stages import Select
from kingpost.store.postgres.expressions import Scope, Writing
from kingpost.store.postgres.layout import clauses, nested, where
from kingpost.store.postgres.names import identifier
from kingpost.store.postgres.paging import Key, behind, order_by, sort_keys
from kingpost.store.postgres.program import Limit
from kingpost.store.postgres.rows import Walked, served, walk_rows

NUMBER = identifier("~n")


@dataclass(frozen=True, slots=True)
class PageRows:
    """Rows of a page: `FROM source WHERE conditions tail`, with its sort keys as columns of `alias`."""

    alias: str
    source: str
    conditions: tuple[str, ...]
    tail: str
    keys: tuple[tuple[str, Type], ...]


def limit_of(slot: Slot, writing: Writing) -> Limit:
    """Where a page's limit comes from: one that is fixed is known."""
    fixed = writing.slots[slot.number].value if writing.slots[slot.number].source == "fixed" else None
    if isinstance(fixed, int):
        return Limit(fixed)
    writing.parameter(slot)
    return Limit(place=writing.order.index(slot.number))


def limit_sql(slot: Slot, writing: Writing, more: int = 0) -> str:
    """The limit and so many more."""
    limit = limit_of(slot, writing)
    if limit.place < 0:
        return str(limit.fixed + more)
    return f"{writing.parameter(slot)} + {more}" if more else writing.parameter(slot)


def page_rows(
    select: Select,
    alias: str,
    writing: Writing,
    *,
    joined: Mapping[str, str] | None = None,
    extra: Sequence[str] = (),
    apart: bool = False,
    numbered: bool = False,
) -> PageRows:
    """The rows of `select`.

    Args:
        select: with sort and limit.
        alias: under which its rows stand.
        writing: of the statement.
        joined: fields that equal a value of an outer row.
        extra: further conditions, in SQL.
        apart: the rows stand in a subselect of their own, so that more can be joined to them.
        numbered: they bear their number, from 1, as the column NUMBER.
    """
    assert select.limit is not None
    walked = walk_rows(select.source, alias, writing, joined)
    walked = replace(walked, conditions=(*walked.conditions, *extra))
    inside = sort_keys(select.sort, select.page, scope_of(select, alias), writing)
    segments = [[]] if select.page is None else behind(inside)
    final, inner = _limits(select.limit, served(walked, select.sort), writing)
    if inner == final and len(segments) == 1 and not apart and not numbered:
        conditions = (*walked.conditions, *segments[0])
        keys = tuple((key.sql, key.type) for key in inside)
        return PageRows(alias, _table(select, alias), conditions, _tail(inside, final), keys)
    outside = _outside(select, alias, inside)
    limited = _limited(select, walked, inside, segments, inner)
    keys = tuple((key.sql, key.type) for key in outside)
    order = order_by(outside)
    if numbered:
        tail = "" if inner == final and len(segments) == 1 else _tail(outside, final)
        number = f"row_number() OVER ({order}) AS {NUMBER}"
        limited = nested(clauses(f"SELECT {alias}.*, {number}", f"FROM {limited} {alias}", tail))
        return PageRows(alias, f"{limited} {alias}", (), order, keys)
    if apart and (inner != final or len(segments) > 1):
        limited = nested(clauses(f"SELECT {alias}.*", f"FROM {limited} {alias}", _tail(outside, final)))
        return PageRows(alias, f"{limited} {alias}", (), order, keys)
    return PageRows(alias, f"{limited} {alias}", (), order if apart else _tail(outside, final), keys)


def _limits(slot: Slot, is_served: bool, writing: Writing) -> tuple[str, str]:
    """The limit of the page, and that of the rows read from the table.

    With a parameter for a limit the planner expects a tenth of the table, and so plans anew for each call: right where
    no index serves both filter and order, wasteful where one does. There a literal bound stands inside.
    """
    spec = writing.slots[slot.number]
    if not is_served:
        final = f"LIMIT {writing.parameter(slot)} + 1"
        return final, final
    final = f"LIMIT {limit_sql(slot, writing, 1)}"
    return final, final if spec.source == "fixed" else f"LIMIT {(spec.maximum or LIMIT_MAX) + 1}"


def _limited(select: Select, walked: Walked, keys: list[Key], segments: list[list[str]], limit: str) -> str:
    """The segments of the page one after the other, each in order and limited."""
    alias = walked.scope.alias
    made = "".join(f", {sql} AS {name}" for name, sql in _made(select, keys).items())
    parts = [
        nested(
            clauses(
                f"SELECT {alias}.*{made}",
                f"FROM {_table(select, alias)}",
                where([*walked.conditions, *segment]),
                _tail(keys, limit),
            )
        )
        for segment in segments
    ]
    return parts[0] if len(parts) == 1 else nested("\nUNION ALL\n".join(parts))


def _outside(select: Select, alias: str, keys: list[Key]) -> list[Key]:
    """The keys as columns of the subselect that holds the rows."""
    made = {sql: f"{alias}.{name}" for name, sql in _made(select, keys).items()}
    return [replace(key, sql=made.get(key.sql, key.sql)) for key in keys]


def _made(select: Select, keys: list[Key]) -> dict[str, str]:
    """The keys that are no columns, under names that no column has."""
    made = enumerate(zip(select.sort, keys, strict=True))
    return {identifier(f"~{at}"): key.sql for at, (by, key) in made if not isinstance(by.value, Column)}


def _tail(keys: Sequence[Key], limit: str) -> str:
    return clauses(order_by(keys), limit)


def _table(select: Select, alias: str) -> str:
    return f"{identifier(select.source.entity.table)} {alias}"


def scope_of(select: Select, alias: str) -> Scope:
    """The scope in which outputs are written: of the rows of the page."""
    return Scope(alias, select.source.entity)
