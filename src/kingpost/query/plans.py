"""Remember what was made of each shape, bounded, so that a flood of new shapes evicts nothing hot.

A segmented cache (Karedla, Love, Wherry 1994): a shape enters on probation and is protected from its
second use on. New shapes push out only each other; among the protected, a clock hand spares
those used since it last came by.
"""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")
PROBATION_MAX = 256
PROTECTED_MAX = 2_048


class PlanCache(Generic[T]):
    """A bounded map from skeletons to what was made of them.

    Args:
        probation_max: how many shapes seen once are kept.
        protected_max: how many shapes seen more often are kept.
    """

    __slots__ = ("_probation", "_probation_max", "_protected", "_protected_max")

    def __init__(self, probation_max: int = PROBATION_MAX, protected_max: int = PROTECTED_MAX) -> None:
        self._probation: dict[tuple[str, ...], T] = {}
        self._protected: dict[tuple[str, ...], _Kept[T]] = {}
        self._probation_max = probation_max
        self._protected_max = protected_max

    def __len__(self) -> int:
        return len(self._probation) + len(self._protected)

    def get(self, skeleton: tuple[str, ...]) -> T | None:
        """What was made of the shape, or None."""
        kept = self._protected.get(skeleton)
        if kept is not None:
            kept.used = True
            return kept.value
        value = self._probation.pop(skeleton, None)
        if value is not None:
            self._protect(skeleton, value)
        return value

    def put(self, skeleton: tuple[str, ...], value: T) -> T:
        """Keep `value` on probation and return it."""
        if len(self._probation) >= self._probation_max:
            del self._probation[next(iter(self._probation))]
        self._probation[skeleton] = value
        return value

    def clear(self) -> None:
        """Forget everything."""
        self._probation.clear()
        self._protected.clear()

    def _protect(self, skeleton: tuple[str, ...], value: T) -> None:
        while len(self._protected) >= self._protected_max:
            oldest, kept = next(iter(self._protected.items()))
            del self._protected[oldest]
            if kept.used:
                kept.used = False
                self._protected[oldest] = kept
        self._protected[skeleton] = _Kept(value)


class _Kept(Generic[T]):
    __slots__ = ("used", "value")

    def __init__(self, value: T) -> None:
        self.value = value
        self.used = False
