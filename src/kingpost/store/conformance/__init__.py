"""What every store has to do, as checks that anyone can run: `await run_check(name, make_store)` for each of CHECKS."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from inspect import iscoroutinefunction
from types import MappingProxyType, ModuleType
from typing import TypeAlias

from kingpost.ports import Store
from kingpost.store.conformance import (
    changes,
    conditions,
    creates,
    deletes,
    events,
    groups,
    keeping,
    nests,
    pages,
    policies,
    transactions,
    upserts,
    values,
)

__all__ = ["CHECKS", "Check", "MakeStore", "run_check"]

Check: TypeAlias = Callable[[Store], Awaitable[None]]
MakeStore: TypeAlias = Callable[[], Awaitable[Store]]


async def run_check(name: str, make_store: MakeStore) -> None:
    """Run one check on a store of its own.

    Args:
        name: one of CHECKS, such as `"pages.nulls_stand_last"`.
        make_store: returns a store that the check may create tables in; it is closed at the end.

    Raises:
        AssertionError: the store does otherwise; the message says what was found and what was wanted.
    """
    store = await make_store()
    try:
        await CHECKS[name](store)
    finally:
        await store.close()


def _checks(*rooms: ModuleType) -> Mapping[str, Check]:
    found: dict[str, Check] = {}
    for room in rooms:
        short = room.__name__.rpartition(".")[2]
        for name, function in vars(room).items():
            own = getattr(function, "__module__", None) == room.__name__
            if own and iscoroutinefunction(function) and not name.startswith("_"):
                found[f"{short}.{name}"] = function
    return MappingProxyType(found)


CHECKS: Mapping[str, Check] = _checks(
    values,
    conditions,
    pages,
    nests,
    groups,
    policies,
    keeping,
    creates,
    changes,
    upserts,
    deletes,
    events,
    transactions,
)
