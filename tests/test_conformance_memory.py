"""The memory store does what every store has to do."""

from __future__ import annotations

import pytest

from kingpost.store.conformance import CHECKS, run_check
from kingpost.store.memory import MemoryStore


async def _fresh() -> MemoryStore:
    return MemoryStore()


@pytest.mark.parametrize("name", CHECKS)
async def test_memory_conforms(name: str) -> None:
    await run_check(name, _fresh)


async def test_a_store_that_errs_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kingpost.query.paging.compare", lambda left, right, descending: 0)
    with pytest.raises(AssertionError, match="sorted by"):
        await run_check("pages.nulls_stand_last", _fresh)
