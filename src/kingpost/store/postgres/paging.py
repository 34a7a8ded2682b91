"""Order and pages in SQL: nulls last in both directions, and a page starts strictly behind its cursor.

A null order is written only where a null can be: for the rest, PostgreSQL's own default lets one index serve both
directions, and a bare `DESC` is what an index read backwards yields.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kingpost.model.expressions import Column, Through
from kingpost.model.types import Scalar, Type
from kingpost.query.stages import Page, SortKey
from kingpost.store.postgres.expressions import Scope, Writing


@dataclass(frozen=True, slots=True)
class Key:
    """One sort key in SQL, in the direction of reading; `start` is the cursor's value, None where that is null."""

    sql: str
    type: Type
    descending: bool
    nullable: bool
    nulls_first: bool
    own: bool
    start: str | None = None


def sort_keys(sort: Sequence[SortKey], page: Page | None, scope: Scope, writing: Writing) -> list[Key]:
    """The keys of `sort` as they are read: for a backward page in the reverse order, which has nulls first."""
    backward = page is not None and page.backward
    starts = [None] * len(sort) if page is None else page.keys
    return [
        Key(
            sql=writing.value(key.value, scope),
            type=key.type,
            descending=key.descending is not backward,
            nullable=key.nullable,
            nulls_first=backward,
            own=isinstance(key.value, Column | Through),
            start=None if start is None else writing.parameter(start),
        )
        for key, start in zip(sort, starts, strict=True)
    ]


def order_by(keys: Sequence[Key]) -> str:
    """The whole clause; empty where there is nothing to order by."""
    return f"ORDER BY {', '.join(map(_ordered, keys))}" if keys else ""


def behind(keys: Sequence[Key]) -> list[list[str]]:
    """The conditions of a page: of one, or of two segments to be read one after the other.

    A leading column that can be null makes two: its values and its nulls each stand together in an index, and no
    single condition would let the planner see that.
    """
    if not keys:
        return [["FALSE"]]
    lead = keys[0]
    if not lead.nullable or not lead.own:
        return [_after(keys)]
    if lead.nulls_first:
        if lead.start is not None:
            return [_strictly(keys)]
        return [*([[f"{lead.sql} IS NULL", *_after(keys[1:])]] if keys[1:] else []), [f"{lead.sql} IS NOT NULL"]]
    if lead.start is None:
        return [[f"{lead.sql} IS NULL", *_after(keys[1:])]]
    return [_strictly(keys), [f"{lead.sql} IS NULL"]]


def _strictly(keys: Sequence[Key]) -> list[str]:
    """Behind the cursor among the rows whose leading key is not null, as the cursor's is not."""
    lead, rest = keys[0], keys[1:]
    sign = "<" if lead.descending else ">"
    if all(key.descending == lead.descending and key.start and not key.nullable for key in rest):
        left, right = ", ".join(map(_collated, keys)), ", ".join(str(key.start) for key in keys)
        return [f"({left}) {sign} ({right})" if rest else f"{left} {sign} {right}"]
    beyond = f"{_collated(lead)} {sign} {lead.start}"
    # The planner reads the index from this bound; it sees none in the OR.
    bound = f"{_collated(lead)} {sign}= {lead.start}"
    return [bound, f"({beyond} OR {' AND '.join([f'{lead.sql} = {lead.start}', *_after(rest)])})"]


def _after(keys: Sequence[Key]) -> list[str]:
    """Behind the cursor, in one condition (or more beside AND)."""
    if not keys:
        return ["FALSE"]
    lead, rest = keys[0], keys[1:]
    if not lead.nullable:
        return _strictly(keys)
    if lead.start is None:
        behind_nulls = f"({lead.sql} IS NULL AND {' AND '.join(_after(rest))})"
        return [f"({lead.sql} IS NOT NULL OR {behind_nulls})"] if lead.nulls_first else [behind_nulls]
    conditions = " AND ".join(_strictly(keys))
    return [f"({conditions})"] if lead.nulls_first else [f"({lead.sql} IS NULL OR ({conditions}))"]


def _collated(key: Key) -> str:
    """Text that is not a column's may have another collation than the one we order by."""
    return key.sql if key.own or key.type.scalar is not Scalar.TEXT else f'{key.sql} COLLATE "C"'


def _ordered(key: Key) -> str:
    direction = " DESC" if key.descending else ""
    # Without a word, PostgreSQL has nulls last upwards and first downwards.
    usual = key.nulls_first is key.descending
    nulls = "" if not key.nullable or usual else " NULLS FIRST" if key.nulls_first else " NULLS LAST"
    return f"{_collated(key)}{direction}{nulls}"
