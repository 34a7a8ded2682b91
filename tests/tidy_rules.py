"""The rules of the house that a linter does not know: each is a small function from files to faults."""

from __future__ import annotations

import ast
import io
import re
import statistics
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

TOP = Path(__file__).parents[1]
FOLDERS = ("src", "tests", "typing_tests", "bench", "examples")
TEXTS = (".md", ".toml", ".cfg", ".ini", ".yml", ".yaml", ".txt", ".sql", "Makefile", "run", ".importlinter")

FILE_LINES_MAX, FILE_LINES_MEDIAN_MAX = 500, 200
FUNCTION_LINES_MAX = 60
PARAMETERS_MAX, APP_PARAMETERS_MAX = 7, 12
NODE_TYPES_MAX = 30
CATCH_ALL_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "lib"}
NODE_FILES = ("src/kingpost/model/expressions.py", "src/kingpost/query/operations.py")
PURE_ROOMS = ("src/kingpost/model/", "src/kingpost/query/", "src/kingpost/policy/")
PURE_FILE = re.compile(r"(read|write|compile)(_\w+)?\.py")
IMPURE_MODULES = {"asyncio", "asyncpg", "logging", "random", "secrets", "socket", "subprocess", "threading", "time"}
CLOCKS = re.compile(r"(datetime|date)\.(now|utcnow|today)|(uuid\.)?uuid[1-8]|(os\.)?urandom")
# Who may make a stage: whoever else wants one has to go through the stage before it.
MAKERS = {
    "Bound": re.compile(r"src/kingpost/query/bind\w*\.py|src/kingpost/query/bind/|src/kingpost/store/conformance"),
    "Allowed": re.compile(r"src/kingpost/policy/|src/kingpost/store/conformance"),
    "Plan": re.compile(r"src/kingpost/store/\w+/compile"),
}

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One file of the repository; `path` is relative to its top, with forward slashes."""

    path: str
    text: str

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path) if self.path.endswith(".py") else ast.Module([], [])

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))


@dataclass(frozen=True)
class Fault:
    """What is wrong, where, and what to do about it."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


Rule: TypeAlias = Callable[[Source], Iterator[Fault]]


def sources(root: Path = TOP) -> list[Source]:
    """Every file the rules look at, sorted by path."""
    own = [p for folder in FOLDERS for p in (root / folder).rglob("*.py")]
    texts = (*root.iterdir(), *root.glob(".ci/*"), *root.glob("docs/**/*"), *root.glob("changes/*"))
    files = {*own, *(p for p in texts if p.is_file() and p.name.endswith(TEXTS))}
    return [Source(p.relative_to(root).as_posix(), p.read_text(encoding="utf-8")) for p in sorted(files)]


def opening_sentence(source: Source) -> Iterator[Fault]:
    if not source.path.endswith(".py"):
        return
    first = (ast.get_docstring(source.tree) or "").split("\n\n")[0].strip()
    if not first:
        yield Fault(source.path, 1, "open with one sentence on what this file is for")
    elif not first.endswith((".", "?", "!")):
        yield Fault(source.path, 1, f"the opening is no sentence: {first!r}; end it with a full stop")


def file_size(source: Source) -> Iterator[Fault]:
    if source.path.endswith(".py") and len(source.lines) > FILE_LINES_MAX:
        yield Fault(source.path, len(source.lines), f"more than {FILE_LINES_MAX} lines; split it by what happens")


def function_size(source: Source) -> Iterator[Fault]:
    for function in _functions(source):
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > FUNCTION_LINES_MAX:
            message = f"`{function.name}` has {lines} lines, {FUNCTION_LINES_MAX} is the limit; name its steps"
            yield Fault(source.path, function.lineno, message)


def parameters(source: Source) -> Iterator[Fault]:
    """Counted without `self` and `cls`; `App` may take more, being where everything is wired."""
    app = {f for c in source.nodes if isinstance(c, ast.ClassDef) and c.name == "App" for f in c.body}
    for function in _functions(source):
        taken = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        count = len([a for i, a in enumerate(taken) if not (i == 0 and a.arg in {"self", "cls"})])
        limit = APP_PARAMETERS_MAX if function in app and function.name == "__init__" else PARAMETERS_MAX
        if count > limit:
            message = f"`{function.name}` takes {count} parameters, {limit} is the limit; group what travels together"
            yield Fault(source.path, function.lineno, message)


def file_name(source: Source) -> Iterator[Fault]:
    for part in Path(source.path).with_suffix("").parts:
        if part in CATCH_ALL_NAMES:
            yield Fault(source.path, 1, f"`{part}` says nothing; name the file by what happens in it")


def reasons(source: Source) -> Iterator[Fault]:
    """A silenced checker says which rule and why, on the same line: `# noqa: S608 - names are quoted above`."""
    silenced = re.compile(r"#\s*(type:\s*ignore|noqa)(?P<code>\[[\w\-, ]+\]|:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*)?(?P<why>.*)")
    for number, line in _comments(source):
        found = silenced.search(line)
        if found and not (found["code"] and re.search(r"\w{3}.*\w{3}", found["why"])):
            yield Fault(source.path, number, f"name the rule and give the reason on this line: `{found[0].strip()}`")


def unfinished(source: Source) -> Iterator[Fault]:
    for number, line in _comments(source):
        if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
            yield Fault(source.path, number, "unfinished: do it now, or say in docs/why-not.md that we do not")


def swallowed(source: Source) -> Iterator[Fault]:
    for handler in source.nodes:
        if not isinstance(handler, ast.ExceptHandler):
            continue
        caught = ast.unparse(handler.type) if handler.type else ""
        silent = all(isinstance(s, ast.Pass) or _is_constant(s) for s in handler.body)
        if not caught:
            yield Fault(source.path, handler.lineno, "bare `except:` also catches cancellation; name what you expect")
        elif silent and caught in {"Exception", "BaseException"}:
            yield Fault(source.path, handler.lineno, f"`except {caught}: pass` swallows errors; handle or narrow it")


def own_package(source: Source) -> Iterator[Fault]:
    """A package re-exports what is in it, so a file that takes a name from its own package imports itself: a cycle."""
    path = Path(source.path).with_suffix("")
    if path.parts[:2] != ("src", "kingpost") or path.name == "__init__":
        return
    own = {".".join(path.parts[1:end]) for end in range(2, len(path.parts))}
    for node in source.nodes:
        package = node.module if isinstance(node, ast.ImportFrom) else None
        taken = [a.name for a in node.names if not _is_module(f"{package}.{a.name}")] if package in own else []
        if taken:
            yield Fault(source.path, node.lineno, f"`{package}` holds this file; import {taken} from where it is made")


def pure(source: Source) -> Iterator[Fault]:
    """Files named read_x, write_x and compile_x are as pure as read, write and compile; clocks are calls, not imports."""
    by_name = source.path.startswith("src/kingpost/") and PURE_FILE.fullmatch(Path(source.path).name)
    if not by_name and not source.path.startswith(PURE_ROOMS):
        return
    for node in source.nodes:
        for name in _imported(node) & IMPURE_MODULES:
            yield Fault(source.path, node.lineno, f"`{name}` does not belong in a pure file; take it from the call")
        if isinstance(node, ast.Call) and CLOCKS.fullmatch(ast.unparse(node.func)):
            yield Fault(source.path, node.lineno, f"`{ast.unparse(node)}`: the time and new ids come with the call")


def stage_makers(source: Source) -> Iterator[Fault]:
    if source.path.startswith(("tests/", "typing_tests/")):
        return
    for node in source.nodes:
        stage = ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
        if stage in MAKERS and not MAKERS[stage].match(source.path):
            yield Fault(source.path, node.lineno, f"only {MAKERS[stage].pattern} may make a `{stage}`; ask that room")


def machine_paths(source: Source) -> Iterator[Fault]:
    """Nothing here may name a place or a page that a reader who cloned the repository does not have."""
    pages = r"\b\d-(product|architecture|tour|style|protocols|libraries|decisions|bench|semantics)\b"
    foreign = re.compile(r"(?<![\w.~*])/(home|root|Users|work)/\w|" + pages)
    if source.path.startswith(("tests/tidy_rules", "tests/test_tidy")):
        return
    for number, line in enumerate(source.lines, 1):
        if found := foreign.search(line):
            yield Fault(source.path, number, f"`{found[0]}` exists on one machine only; say it in the project's words")


FILE_RULES: tuple[Rule, ...] = (
    opening_sentence, file_size, function_size, parameters, file_name, reasons, unfinished, swallowed, own_package, pure,
    stage_makers, machine_paths,
)  # fmt: skip


def median_lines(all_sources: list[Source]) -> float:
    """The median length of the package's own files, blank `__init__` files included."""
    lengths = [len(s.lines) for s in all_sources if s.path.startswith("src/") and s.path.endswith(".py")]
    return statistics.median(lengths) if lengths else 0


def node_types(all_sources: list[Source]) -> list[str]:
    """The dataclasses that make up the algebra: every one costs every protocol and every store."""
    classes = (n for s in all_sources if s.path in NODE_FILES for n in s.nodes if isinstance(n, ast.ClassDef))
    return [c.name for c in classes if any("dataclass" in ast.unparse(d) for d in c.decorator_list)]


def _functions(source: Source) -> Iterator[Function]:
    return (n for n in source.nodes if isinstance(n, Function))


def _comments(source: Source) -> Iterator[tuple[int, str]]:
    if source.path.endswith(".py"):
        tokens = tokenize.generate_tokens(io.StringIO(source.text).readline)
        yield from ((token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT)


def _imported(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module:
        return {node.module.partition(".")[0]}
    return set()


def _is_module(dotted: str) -> bool:
    path = TOP / "src" / Path(*dotted.split("."))
    return path.is_dir() or path.with_suffix(".py").exists()


def _is_constant(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
