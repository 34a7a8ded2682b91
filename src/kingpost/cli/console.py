"""Runs Python that is typed or given as text, with await at the top level, and shows what comes of it."""

from __future__ import annotations

import ast
import asyncio
import code
import inspect
import sys
import traceback
import types
from collections.abc import Callable, Mapping
from contextlib import suppress

from kingpost.cli.complaints import complain_of
from kingpost.context import Context
from kingpost.errors import DeclarationError, KingpostError

_NAME = "<code>"
_LAST = "_"


class Console(code.InteractiveConsole):
    """Python over `given` names and a Context called `ctx`.

    Args:
        given: the names that are there.
        runner: in whose loop what is awaited runs.
        context: makes a Context; each statement has a new one.
    """

    def __init__(self, given: Mapping[str, object], runner: asyncio.Runner, context: Callable[[], Context]) -> None:
        names: dict[str, object] = {**given, "__name__": "__console__"}
        super().__init__(names, _NAME)
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._names, self._runner, self._context = names, runner, context
        self._ours: Context | None = None

    def many(self, banner: str) -> int:
        """Read statements from the terminal, or from what is piped in, until it ends or Ctrl-C at an empty prompt."""
        with suppress(ImportError):
            import readline as readline  # which gives input() a history
        before, sys.displayhook = sys.displayhook, self._show
        try:
            self.interact(banner if sys.stdin.isatty() else "", exitmsg="")
        except SystemExit as left:
            return _code(left)
        finally:
            sys.displayhook = before
        return 0

    def one(self, text: str) -> int:
        """Run a text, and show what its last expression is, unless it is None.

        Raises:
            KingpostError: it was refused.
            DeclarationError: the text is no Python, or it fails; with its line.
        """
        try:
            self._run(compile(_showing(text), _NAME, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))
        except SystemExit as left:
            return _code(left)
        except KingpostError:
            raise
        except SyntaxError as error:
            raise DeclarationError(f"SyntaxError: {error.msg}", at=f"{_NAME}:{error.lineno}") from error
        except Exception as error:
            raise DeclarationError(f"{type(error).__name__}: {error}", at=f"{_NAME}:{_line(error)}") from error
        self._show(self._names.get(_LAST))
        return 0

    def runcode(self, code: types.CodeType) -> None:
        """Run a statement that was typed; what goes wrong is shown, and the next one is asked for."""
        try:
            self._run(code)
        except SystemExit:
            raise
        except KingpostError as error:
            complain_of(error)
        except KeyboardInterrupt:
            self.write("interrupted\n")
        except Exception as error:
            lines = traceback.format_exception(error.with_traceback(_theirs(error)))
            self.write("".join(lines))

    def raw_input(self, prompt: str = "") -> str:
        """The next line. Ctrl-C clears a statement that has been begun, else it leaves."""
        try:
            return super().raw_input(prompt)
        except KeyboardInterrupt:
            if self.buffer or _typed():
                raise
            raise EOFError from None

    def _run(self, code: types.CodeType) -> None:
        if self._names.get("ctx", self._ours) is self._ours:
            self._names["ctx"] = self._ours = self._context()
        made = types.FunctionType(code, self._names)()
        if inspect.iscoroutine(made):
            self._runner.run(made)

    def _show(self, value: object) -> None:
        if value is not None:
            self._names[_LAST] = value
            sys.stdout.write(shown(value) + "\n")


def shown(value: object) -> str:
    """A value as Python writes it; rows by their fields, and a list of them one a line."""
    if hasattr(type(value), "__kingpost__"):
        return f"{type(value).__name__}({', '.join(f'{name}={shown(one)}' for name, one in vars(value).items())})"
    if isinstance(value, list) and any(hasattr(type(one), "__kingpost__") for one in value):
        return "[\n" + "".join(f"    {shown(one)},\n" for one in value) + "]"
    return repr(value)


def _showing(text: str) -> ast.Module:
    """The text's syntax, its last expression given a name."""
    tree = ast.parse(text, _NAME)
    match tree.body:
        case [*_, ast.Expr(value) as last]:
            named = ast.Assign([ast.Name(_LAST, ast.Store())], value)
            tree.body[-1] = ast.fix_missing_locations(ast.copy_location(named, last))
    return tree


def _typed() -> bool:
    readline = sys.modules.get("readline")
    return readline is not None and bool(readline.get_line_buffer())


def _line(error: BaseException) -> int | None:
    """The last line of the text itself that led there."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == _NAME]
    return lines[-1] if lines else None


def _theirs(error: BaseException) -> types.TracebackType | None:
    """The traceback from what was typed on; what runs it is nothing to them."""
    found = error.__traceback__
    while found is not None and found.tb_frame.f_code.co_filename != _NAME:
        found = found.tb_next
    return found


def _code(left: SystemExit) -> int:
    return left.code if isinstance(left.code, int) else int(left.code is not None)
