"""Order and pages by definition: nulls last in both directions, a page is what lies strictly behind its cursor."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cmp_to_key
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
Keys: TypeAlias = Sequence[Any]


def page(
    found: Sequence[tuple[Keys, T]],
    descending: Sequence[bool],
    start: Keys | None,
    limit: int | None,
    backward: bool = False,
) -> tuple[list[tuple[Keys, T]], bool]:
    """The page of `found` and whether one more lies beyond it, in the direction of reading.

    Args:
        found: rows with their sort keys, in any order.
        descending: the direction of each key.
        start: the cursor's keys; None for the first page (or backward, for the last).
        limit: how many rows at most.
        backward: the nearest rows before the cursor instead of behind it; they come in forward order too.
    """
    if start is not None:
        side = -1 if backward else 1
        found = [one for one in found if compare(one[0], start, descending) == side]

    def by_keys(left: tuple[Keys, T], right: tuple[Keys, T]) -> int:
        return compare(left[0], right[0], descending)

    rows = sorted(found, key=cmp_to_key(by_keys))
    if limit is None or len(rows) <= limit:
        return rows, False
    return (rows[-limit:] if backward else rows[:limit]), True


def compare(left: Keys, right: Keys, descending: Sequence[bool]) -> int:
    """-1, 0 or 1 as `left` comes before, with or behind `right`."""
    for mine, theirs, down in zip(left, right, descending, strict=True):
        if mine is None or theirs is None:
            if mine is not theirs:
                return 1 if mine is None else -1
        elif mine != theirs:
            return 1 if (mine > theirs) is not down else -1
    return 0
