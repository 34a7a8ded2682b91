"""The rule by which a tail passes numbers that are missing from the outbox: pure, so that a test can try every order.

Whoever writes an event locks the outbox before it takes its `seq`, and holds that lock until it ends. So a number that
is missing is still to come only while one of those lives that held the lock when the gap was seen. That none is left
has to be known before the read whose rows are passed on: else one may have committed in between.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

PREPARED = "-1/"
"""How pg_locks names the holder of a prepared transaction, whatever it was called before it was prepared."""


@dataclass(frozen=True, slots=True)
class Gap:
    """The numbers from `first` to `last`, both missing, and who held the outbox's lock when they were first missed."""

    first: int
    last: int
    holders: frozenset[str]


def missing(after: int, seqs: Sequence[int]) -> list[tuple[int, int]]:
    """The runs of numbers, first and last, that are not in `seqs` (ascending, all above `after`) but below one of them."""
    found = []
    for seq in seqs:
        if seq > after + 1:
            found.append((after + 1, seq - 1))
        after = seq
    return found


def noted(gaps: Sequence[Gap], runs: Sequence[tuple[int, int]], holders: frozenset[str]) -> list[Gap]:
    """The gaps as they are now: what was noted before keeps who was noted then, what is new gets `holders`."""
    return [gap for first, last in runs for gap in _parts(gaps, first, last, holders)]


def dead(gaps: Sequence[Gap], holders: Collection[str]) -> list[Gap]:
    """Those gaps that nobody is left to fill, if `holders` have the lock now."""
    if any(holder.startswith(PREPARED) for holder in holders):
        return []  # it may be one of those that were noted, under its new name
    return [gap for gap in gaps if gap.holders.isdisjoint(holders)]


def passable(after: int, seqs: Sequence[int], dead_gaps: Sequence[Gap]) -> int:
    """How many of `seqs`, read after `dead_gaps` were found dead, may be passed on: up to the first gap that lives."""
    for number, (seq, before) in enumerate(zip(seqs, (after, *seqs), strict=False)):
        if seq > before + 1 and not _covered(before + 1, seq - 1, dead_gaps):
            return number
    return len(seqs)


def _parts(gaps: Sequence[Gap], first: int, last: int, holders: frozenset[str]) -> Iterator[Gap]:
    for gap in gaps:
        if gap.last < first or gap.first > last:
            continue
        if gap.first > first:
            yield Gap(first, gap.first - 1, holders)
        yield Gap(max(first, gap.first), min(last, gap.last), gap.holders)
        first = gap.last + 1
    if first <= last:
        yield Gap(first, last, holders)


def _covered(first: int, last: int, gaps: Sequence[Gap]) -> bool:
    for gap in gaps:
        if gap.first <= first <= gap.last:
            first = gap.last + 1
    return first > last
