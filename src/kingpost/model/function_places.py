"""Where a decorated function says what, so that its faults are shown with file and line as those of classes are."""

from __future__ import annotations

import ast
import inspect
import linecache
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

from kingpost.errors import CallerError, DeclarationError
from kingpost.model.faults import Faults

_Node = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Spot:
    """A function as it was written: its name, and its first line or that of its decorator."""

    name: str
    file: str
    line: int

    @classmethod
    def of(cls, function: Callable[..., object], file: str, line: int) -> Spot:
        """The spot of `function`; `file` and `line`, where it was decorated, do for what has no text of its own."""
        bare = inspect.unwrap(function)
        if isinstance(bare, types.FunctionType):
            return cls(bare.__name__, bare.__code__.co_filename, bare.__code__.co_firstlineno)
        return cls(getattr(function, "__name__", type(function).__name__), file, line)

    def place(self, word: str | None = None) -> str:
        """`file:line` of `word` in its decorators or parameters (`return`: of what it returns), else of itself."""
        node = self._node()
        if node is None:
            return f"{self.file}:{self.line}"
        if word == "return" and node.returns is not None:
            return f"{self.file}:{node.returns.lineno}"
        parts = (part for one in (node.args, *node.decorator_list) for part in ast.walk(one))
        found = next((part for part in parts if word is not None and _says(part, word)), node)
        return f"{self.file}:{getattr(found, 'lineno', node.lineno)}"

    def add(self, faults: Faults, message: str, *, hint: str | None = None, word: str | None = None) -> None:
        """Note a fault of the function, where it says `word`."""
        faults.found.append(DeclarationError(f"{self.name}: {message}", hint=hint, at=self.place(word)))

    @contextmanager
    def catching(self, faults: Faults, what: str = "", word: str | None = None) -> Iterator[None]:
        """Note what is raised within, said of `what`, and go on with the next thing."""
        said = f"{what}: " if what else ""
        try:
            yield
        except DeclarationError as error:
            self.add(faults, f"{said}{error.message}", hint=error.hint, word=word)
        except CallerError as error:
            wrong = (error.where or "").rpartition(".")[2] or word
            # The name at fault may stand in what was made elsewhere; then the word that was looked at has to do.
            word = wrong if self.place(wrong) != self.place() else word
            self.add(faults, f"{said}{error.message}", hint=error.hint, word=word)

    def _node(self) -> _Node | None:
        named = [node for node in _functions(self.file) if node.name == self.name]
        return min(named, key=lambda node: abs(_first_line(node) - self.line), default=None)


@lru_cache(maxsize=8)
def _functions(file: str) -> tuple[_Node, ...]:
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:  # not the text that is running: it was edited since; the function's line has to do
        return ()
    return tuple(node for node in ast.walk(tree) if isinstance(node, _Node))


def _first_line(node: _Node) -> int:
    return min([node.lineno, *(one.lineno for one in node.decorator_list)])


def _says(node: ast.AST, word: str) -> bool:
    match node:
        case ast.arg(arg=said) | ast.keyword(arg=said) | ast.Attribute(attr=said) | ast.Constant(value=said):
            return bool(said == word)
        case _:
            return False
