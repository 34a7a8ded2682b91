"""Holds every file to the rules of the house, and every rule to a sample that breaks it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable

import pytest

import kingpost
from tests import tidy_rules as tidy
from tests.tidy_rules import FILE_RULES, Rule, Source

SOURCES = tidy.sources()
CLASS_DEPTH_MAX, ERROR_DEPTH_MAX = 2, 3
SENTENCE = '"""What it is for."""\n'
ROOM = "src/kingpost/query/x.py"

# One sample for each rule and way to break it: path and text.
BROKEN: tuple[tuple[Rule, str, str], ...] = (
    (tidy.opening_sentence, ROOM, "import this\n"),
    (tidy.opening_sentence, ROOM, '"""Misc stuff"""\n'),
    (tidy.file_size, ROOM, SENTENCE + "\n" * 500),
    (tidy.function_size, ROOM, "def f():\n" + "    pass\n" * 60),
    (tidy.parameters, ROOM, "def f(a, b, c, d, e, f, g, *, h): ..."),
    (tidy.parameters, ROOM, "class A:\n    def f(self, a, b, c, d, e, f, g, h): ..."),
    (tidy.parameters, "src/kingpost/app.py", "class App:\n    def run(self, a, b, c, d, e, f, g, h): ..."),
    (tidy.file_name, "src/kingpost/utils.py", SENTENCE),
    (tidy.file_name, "src/kingpost/common/x.py", SENTENCE),
    (tidy.reasons, ROOM, "x = 1  # type: ignore\n"),
    (tidy.reasons, ROOM, "x = 1  # type: ignore[misc]\n"),
    (tidy.reasons, ROOM, "x = 1  # noqa: S608\n"),
    (tidy.unfinished, ROOM, "x = 1  # TODO: later\n"),
    (tidy.swallowed, ROOM, "try:\n    f()\nexcept:\n    g()\n"),
    (tidy.swallowed, ROOM, "try:\n    f()\nexcept Exception:\n    pass\n"),
    (tidy.own_package, ROOM, "from kingpost import App\n"),
    (tidy.own_package, ROOM, "from kingpost.query import Bound\n"),
    (tidy.pure, ROOM, "import asyncio\n"),
    (tidy.pure, "src/kingpost/store/x/compile_rows.py", "from time import monotonic\n"),
    (tidy.pure, ROOM, "x = datetime.now(UTC)\n"),
    (tidy.stage_makers, "src/kingpost/answer.py", "x = Allowed(bound)\n"),
    (tidy.stage_makers, "src/kingpost/policy/allow.py", "x = stages.Bound(operation)\n"),
    (tidy.stage_makers, "src/kingpost/store/postgres/run.py", "x = Plan(sql)\n"),
    (tidy.machine_paths, "README.md", "see /home/me/notes\n"),
)
KEPT: tuple[tuple[Rule, str, str], ...] = (
    (tidy.own_package, ROOM, "from kingpost.query.stages import Bound\n"),
    (tidy.own_package, ROOM, "from kingpost.model import Manifest\n"),
    (tidy.own_package, ROOM, "from kingpost import errors\n"),
    (tidy.parameters, "src/kingpost/app.py", "class App:\n    def __init__(self, a, b, c, d, e, f, g, h): ..."),
    (tidy.reasons, ROOM, "x = 1  # type: ignore[misc]  # its stubs lack the keyword\n"),
    (tidy.reasons, ROOM, "x = 1  # noqa: S608 - names are quoted above\n"),
    (tidy.pure, "src/kingpost/store/x/run.py", "import asyncio\n"),
    (tidy.stage_makers, "src/kingpost/policy/allow.py", "x = Allowed(bound)\n"),
)


@pytest.mark.parametrize("rule", FILE_RULES, ids=lambda rule: rule.__name__)
def test_every_file_keeps_the_rule(rule: Rule) -> None:
    faults = [str(fault) for source in SOURCES for fault in rule(source)]
    assert not faults, "\n" + "\n".join(faults)


@pytest.mark.parametrize(("rule", "path", "text"), BROKEN)
def test_a_rule_sees_what_breaks_it(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Source(path, text)))


@pytest.mark.parametrize(("rule", "path", "text"), KEPT)
def test_a_rule_passes_what_keeps_it(rule: Rule, path: str, text: str) -> None:
    assert not list(rule(Source(path, text)))


def test_every_rule_has_a_sample_that_breaks_it() -> None:
    assert {rule for rule, _, _ in BROKEN} == set(FILE_RULES)


def test_the_median_file_is_short(record_property: Callable[[str, object], None]) -> None:
    median = tidy.median_lines(SOURCES)
    record_property("median lines of src", median)
    assert median <= tidy.FILE_LINES_MEDIAN_MAX, (
        f"half of src has over {median:.0f} lines a file; split by what happens"
    )


def test_the_algebra_stays_small() -> None:
    nodes = tidy.node_types(SOURCES)
    assert 0 < len(nodes) <= tidy.NODE_TYPES_MAX, f"{len(nodes)} node types, and each costs every store: {nodes}"


def test_classes_are_shallow() -> None:
    deep = [f"{c.__module__}.{c.__qualname__}: {_depth(c)}" for c in _classes() if _depth(c) > _depth_max(c)]
    assert not deep, "compose instead of inheriting: " + ", ".join(deep)


def _classes() -> set[type]:
    names = [m.name for m in pkgutil.walk_packages(kingpost.__path__, "kingpost.") if not m.name.endswith("__main__")]
    modules = [importlib.import_module(name) for name in names]
    found = (cls for module in modules for _, cls in inspect.getmembers(module, inspect.isclass))
    return {cls for cls in found if cls.__module__.startswith("kingpost")}


def _depth(cls: type) -> int:
    """How many classes of this package stand above one another, itself counted."""
    return 1 + max((_depth(base) for base in cls.__bases__ if base.__module__.startswith("kingpost")), default=0)


def _depth_max(cls: type) -> int:
    return ERROR_DEPTH_MAX if issubclass(cls, Exception) else CLASS_DEPTH_MAX
