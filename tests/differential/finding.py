"""Looks for a case that shows a planted bug, among random ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hypothesis import Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from tests.differential.test_differential import SLOW

Case = TypeVar("Case")


def is_found(cases: st.SearchStrategy[Case], differs: Callable[[Case], bool], examples_max: int) -> bool:
    """Whether one of so many cases differs."""
    quick = settings(SLOW, max_examples=examples_max, phases=[Phase.generate], database=None)
    try:
        find(cases, differs, settings=quick)
    except NoSuchExample:
        return False
    return True
