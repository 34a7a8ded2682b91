"""The comparison is worth something: a bug planted in either store is found."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, find, settings
from hypothesis.errors import NoSuchExample

import kingpost.query.evaluate as in_memory
import kingpost.store.postgres.expressions as in_sql
import kingpost.store.postgres.paging as sql_paging
from tests.differential.test_differential import SLOW, Stores, cases
from tests.postgres_fixture import new_database

EXAMPLES_MAX = 500
# Hypothesis writes out what it drew, and a random model is large.
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")


@pytest.fixture(scope="module")
def stores(postgres_url: str) -> Iterator[Stores]:
    both = Stores(new_database(postgres_url, "planted"))
    yield both
    both.close()


def finds_a_difference(stores: Stores) -> bool:
    quick = settings(SLOW, max_examples=EXAMPLES_MAX, phases=[Phase.generate], database=None)
    try:
        find(cases(), lambda case: bool(stores.differences(*case)), settings=quick)
    except NoSuchExample:
        return False
    return True


def test_a_wrong_operator_in_memory_is_found(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_memory, "_RELATIONS", {**in_memory._RELATIONS, "gt": operator.ge})
    assert finds_a_difference(stores)


def test_a_wrong_operator_in_sql_is_found(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_sql, "_SIGNS", {**in_sql._SIGNS, "gte": ">"})
    assert finds_a_difference(stores)


def test_nulls_first_in_sql_is_found(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    original = sql_paging.sort_keys

    def first(*given: Any) -> Any:
        return [replace(key, nulls_first=not key.nulls_first) for key in original(*given)]

    monkeypatch.setattr("kingpost.store.postgres.compile_page.sort_keys", first)
    assert finds_a_difference(stores)
