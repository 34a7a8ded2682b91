"""Collect all that is wrong with a model, each fault with the file and line where it was written."""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

from kingpost.errors import CallerError, DeclarationError
from kingpost.model.declare import Written


@dataclass(frozen=True, slots=True)
class Faults:
    """What was found so far; `broken` are members whose faults are known, so that what names them is not blamed."""

    found: list[DeclarationError] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def add(
        self, cls: type, message: str, *, hint: str | None = None, member: str | None = None, word: str | None = None
    ) -> None:
        """Note a fault of `cls`, where it says `word`, in the statement of its `member`, else in its first line."""
        self.broken.update({member} if member else ())
        self.found.append(DeclarationError(message, hint=hint, at=place(cls, member, word)))

    @contextmanager
    def catching(self, cls: type, what: str, member: str | None = None, word: str | None = None) -> Iterator[None]:
        """Note what is raised within, said of `what`, and go on with the next thing."""
        try:
            yield
        except DeclarationError as error:
            self.add(cls, f"{what}: {error.message}", hint=error.hint, member=member, word=word)
        except CallerError as error:
            wrong = (error.where or "").rpartition(".")[2] or word
            if wrong in self.broken:
                return
            self.add(cls, f"{what}: {error.message}", hint=error.hint, member=member, word=wrong)

    def raise_any(self) -> None:
        """Raise all of them as one.

        Raises:
            DeclarationError: there is at least one.
        """
        if self.found:
            raise DeclarationError.together(sorted(self.found, key=_file_and_line))


def place(cls: type, member: str | None = None, word: str | None = None) -> str:
    """`file:line` of the class, or of its `member`, or of the `word` in that (as far as they are found)."""
    owner = _owner(cls, member)
    file, line = _class_place(owner)
    statement = _class_node(file, owner.__name__, line)
    if statement is None:
        return f"{file}:{line}"
    node: ast.AST | None = next((one for one in statement.body if member in _names(one)), None) if member else None
    within = [node] if node is not None else [] if member else [*statement.keywords]
    for one in within:
        found = next((part for part in ast.walk(one) if word is not None and _says(part, word)), None)
        node = found or node
    return f"{file}:{getattr(node or statement, 'lineno', line)}"


def _file_and_line(fault: DeclarationError) -> tuple[str, int]:
    file, _, line = (fault.at or ":0").rpartition(":")
    return file, int(line)


def _owner(cls: type, member: str | None) -> type:
    """The class of the family that writes the member."""
    family = [one for one in cls.__mro__ if one is not object]
    return next((one for one in family if member in vars(one) or member in vars(one).get("__annotations__", {})), cls)


def _class_place(cls: type) -> tuple[str, int]:
    written = vars(cls).get("__kingpost__")
    if isinstance(written, Written):
        return written.file, written.line
    return getattr(sys.modules.get(cls.__module__), "__file__", None) or cls.__module__, 0


def _class_node(file: str, name: str, line: int) -> ast.ClassDef | None:
    classes = [node for node in _classes(file) if node.name == name]
    return min(classes, key=lambda node: abs(node.lineno - line), default=None)


@lru_cache(maxsize=8)
def _classes(file: str) -> tuple[ast.ClassDef, ...]:
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:  # not the text that is running: it was edited since; the class's line has to do
        return ()
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def _names(statement: ast.stmt) -> set[str]:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.FunctionDef(name=name):
            return {name}
        case ast.Assign(targets=targets):
            return {one.id for one in targets if isinstance(one, ast.Name)}
        case _:
            return set()


def _says(node: ast.AST, word: str) -> bool:
    match node:
        case ast.keyword(arg=said) | ast.Attribute(attr=said) | ast.Constant(value=said) | ast.Name(id=said):
            return bool(said == word)
        case _:
            return False
