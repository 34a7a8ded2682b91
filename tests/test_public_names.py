"""What `import kingpost` promises: few names, sorted, documented, and nothing besides."""

from __future__ import annotations

import inspect
import subprocess
import sys
import types

import kingpost

PUBLIC_NAMES_MAX = 40


def test_there_are_few_public_names() -> None:
    assert len(kingpost.__all__) <= PUBLIC_NAMES_MAX


def test_they_are_sorted_and_stand_once() -> None:
    assert list(kingpost.__all__) == sorted(set(kingpost.__all__))


def test_each_exists_and_no_other_is_exported() -> None:
    for name in kingpost.__all__:  # some are imported when they are first asked for
        getattr(kingpost, name)
    public = {name for name, value in vars(kingpost).items() if not name.startswith("_") and not _incidental(value)}
    assert public == set(kingpost.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    assert not hasattr(kingpost, "Applet")


def test_declaring_a_model_imports_no_server_and_no_driver() -> None:
    code = "import sys, kingpost; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"asyncio", "asyncpg", "click", "granian", "joserfc", "kingpost.app"} & set(loaded)


def test_each_class_and_function_says_what_it_is_for() -> None:
    values = {name: getattr(kingpost, name) for name in kingpost.__all__}
    silent = [n for n, v in values.items() if (inspect.isclass(v) or inspect.isfunction(v)) and not v.__doc__]
    assert not silent, f"no docstring: {silent}"


def _incidental(value: object) -> bool:
    """Rooms become attributes by being imported, and `annotations` by the future import."""
    return isinstance(value, types.ModuleType) or type(value).__module__ == "__future__"
