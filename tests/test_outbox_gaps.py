"""The rule by which a tail passes missing numbers, tried over every order that random writers and readers come to."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from kingpost.store.postgres.outbox_gaps import PREPARED, Gap, dead, missing, noted, passable

WRITERS = ("3/1", "4/1", "5/1")


@dataclass
class World:
    """An outbox, who holds its lock, and a tail that does one step of its reading at a time."""

    taken: int = 0
    holding: dict[str, list[int]] = field(default_factory=dict)
    committed: set[int] = field(default_factory=set)
    born: int = 0
    position: int = 0
    gaps: list[Gap] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)
    lost: list[Gap] = field(default_factory=list)
    step: int = 0
    passed: list[int] = field(default_factory=list)

    def write(self, writer: str) -> None:
        self.taken += 1
        self.holding.setdefault(f"{writer}.{self.born}", []).append(self.taken)

    def end(self, writer: str, *, keep: bool) -> None:
        for name in [one for one in self.holding if one.startswith(f"{writer}.")]:
            numbers = self.holding.pop(name)
            self.committed.update(numbers if keep else ())
            self.born += 1

    def prepare(self, writer: str) -> None:
        """Its transaction goes on under a name that nobody could know."""
        for name in [one for one in self.holding if one.startswith(f"{writer}.")]:
            self.born += 1
            self.holding[f"{PREPARED}{self.born}"] = self.holding.pop(name)

    def finish(self) -> None:
        for name in [one for one in self.holding if one.startswith(PREPARED)]:
            self.committed.update(self.holding.pop(name))

    def look(self) -> None:
        """The next step of a reading: read, ask for the locks and judge, read again and pass on."""
        match self.step:
            case 0:
                self.seen = self._above()
            case 1:
                holders = frozenset(self.holding)
                self.gaps = noted(self.gaps, missing(self.position, self.seen), holders)
                self.lost = dead(self.gaps, holders)
            case _:
                seen = self._above()
                passed = seen[: passable(self.position, seen, self.lost)]
                self.passed += passed
                self.position = passed[-1] if passed else self.position
        self.step = (self.step + 1) % 3

    def _above(self) -> list[int]:
        return sorted(one for one in self.committed if one > self.position)


@settings(max_examples=500)
@given(st.lists(st.tuples(st.sampled_from(["write", "keep", "undo", "prepare", "finish", "look", "look"]),
                          st.sampled_from(WRITERS)), max_size=80))  # fmt: skip
def test_no_number_is_passed_over_and_none_is_waited_for_in_vain(moves: list[tuple[str, str]]) -> None:
    world = World()
    for move, writer in moves:
        match move:
            case "write":
                world.write(writer)
            case "prepare":
                world.prepare(writer)
            case "finish":
                world.finish()
            case "look":
                world.look()
            case _:
                world.end(writer, keep=move == "keep")
    world.finish()
    for writer in WRITERS:
        world.end(writer, keep=True)
    for _ in range(6):
        world.look()
    assert world.passed == sorted(world.committed)


def test_runs_of_missing_numbers_are_found() -> None:
    assert missing(3, [4, 5, 8, 9, 11]) == [(6, 7), (10, 10)]
    assert missing(0, [3]) == [(1, 2)]
    assert missing(7, []) == []


def test_a_gap_that_shrinks_keeps_who_was_noted() -> None:
    old = [Gap(5, 9, frozenset({"a"}))]
    assert noted(old, [(5, 6), (8, 12)], frozenset({"b"})) == [
        Gap(5, 6, frozenset({"a"})), Gap(8, 9, frozenset({"a"})), Gap(10, 12, frozenset({"b"})),
    ]  # fmt: skip


def test_a_gap_is_dead_once_none_of_its_holders_is_left() -> None:
    gap = Gap(5, 5, frozenset({"a", "b"}))
    assert dead([gap], {"b", "c"}) == []
    assert dead([gap], {"c"}) == [gap]
    assert dead([gap], {"c", f"{PREPARED}77"}) == []


def test_what_stands_behind_a_living_gap_waits() -> None:
    gone = [Gap(3, 4, frozenset())]
    assert passable(1, [2, 5, 7], gone) == 2
    assert passable(1, [2, 5, 6], gone) == 3
    assert passable(1, [5], gone) == 0
    assert passable(2, [5, 6], [Gap(3, 3, frozenset()), Gap(4, 4, frozenset())]) == 2
