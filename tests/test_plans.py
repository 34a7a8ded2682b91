"""The plan cache: bounded, and no flood pushes out what is hot."""

from __future__ import annotations

from kingpost.query.plans import PlanCache


def test_what_was_put_is_got() -> None:
    cache: PlanCache[int] = PlanCache()
    assert cache.get(("rest", "list", "flights")) is None
    assert cache.put(("rest", "list", "flights"), 7) == 7
    assert cache.get(("rest", "list", "flights")) == 7


def test_a_flood_of_new_shapes_evicts_nothing_hot() -> None:
    cache: PlanCache[int] = PlanCache(probation_max=4, protected_max=4)
    cache.put(("hot",), 1)
    assert cache.get(("hot",)) == 1
    for number in range(10_000):
        cache.put(("flood", str(number)), number)
    assert cache.get(("hot",)) == 1
    assert len(cache) <= 8


def test_a_flood_of_shapes_used_twice_spares_what_is_used_meanwhile() -> None:
    cache: PlanCache[int] = PlanCache(probation_max=4, protected_max=4)
    cache.put(("hot",), 1)
    cache.get(("hot",))
    for number in range(1_000):
        cache.put(("twice", str(number)), number)
        cache.get(("twice", str(number)))
        assert cache.get(("hot",)) == 1, f"lost after {number}"
    assert len(cache) <= 8


def test_what_is_not_used_any_more_leaves() -> None:
    cache: PlanCache[int] = PlanCache(probation_max=2, protected_max=2)
    for number in range(5):
        cache.put((str(number),), number)
        cache.get((str(number),))
    assert cache.get(("0",)) is None
    assert cache.get(("4",)) == 4
