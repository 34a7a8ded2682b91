"""Finds the app that a command names, and imports it; what goes wrong in it is told with file and line."""

from __future__ import annotations

import difflib
import importlib.util
import pkgutil
import site
import sys
import sysconfig
import traceback
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import click

from kingpost.cli.served import ServedApp
from kingpost.errors import DeclarationError
from kingpost.settings import Settings

ATTRIBUTE = "app"


@dataclass(frozen=True, slots=True)
class Target:
    """Where an app stands: `folder` holds its sources, `whole` says that all below it belongs to them."""

    module: str
    attribute: str
    folder: Path
    whole: bool

    def __str__(self) -> str:
        return f"{self.module}:{self.attribute}"


def locate(name: str | None) -> Target:
    """Find an app without importing it: `package`, `package.module`, `package.module:attribute`, a file or a folder.

    Of a package its module `app` is taken, if it has one. Without a name it is the one that the settings name.

    Raises:
        UsageError: neither the command nor the settings name an app.
        DeclarationError: there is no such module.
    """
    name = name or Settings.load(assume="development").app
    if name is None:
        raise click.UsageError("Missing argument 'APP': name it, or write app = \"…\" in kingpost.toml")
    if sys.path[:1] != [""]:
        sys.path.insert(0, "")  # the working folder first, as `python -m` has it
    path, _, attribute = name.partition(":")
    module = _dotted(Path(path)) if "/" in path or path.endswith(".py") else path
    file = _file_of(module)
    if file is None:
        raise DeclarationError(f"there is no module {module!r} in {Path.cwd()}", hint=_meant(module))
    if file.is_dir() and (file / f"{ATTRIBUTE}.py").is_file():
        module = f"{module}.{ATTRIBUTE}"
    top = _file_of(module.partition(".")[0])
    assert top is not None
    return Target(module, attribute or ATTRIBUTE, top if top.is_dir() else top.parent, top.is_dir())


def import_app(target: Target) -> ServedApp:
    """Import the app.

    Raises:
        DeclarationError: importing it fails, or what is found is no app; with file and line of the team's code.
    """
    try:
        module = import_module(target.module)
    except DeclarationError as error:
        if error.at is not None or error.faults != (error,):
            raise
        raise DeclarationError(error.message, hint=error.hint, at=place_of(error)) from error
    except Exception as error:
        raise DeclarationError(
            f"{type(error).__name__}: {_said(error)}", hint=_remedy(error), at=place_of(error)
        ) from error
    found = getattr(module, target.attribute, None)
    if isinstance(found, ServedApp) and not isinstance(found, type):
        assert found.manifest is not None, "what is declared wrongly is told here, once, before anything starts"
        return found
    what = "nothing" if found is None else f"a {type(found).__name__}"
    others = [
        name for name, value in vars(module).items() if isinstance(value, ServedApp) and not isinstance(value, type)
    ]
    hint = f"write {target.module}:{others[0]}" if others else f"write `{target.attribute} = App(…)` in it"
    raise DeclarationError(f"{target.module} has {what} named {target.attribute!r}, and no App", hint=hint)


def load(target: str) -> ServedApp:
    """Import `module:attribute`, in a process that the command started."""
    return import_app(locate(target))


def place_of(error: Exception) -> str | None:
    """`file:line` of the innermost code of the team's own, or of a syntax error."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_short(error.filename)}:{error.lineno}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _is_theirs(f.filename)]
    return f"{_short(frames[-1].filename)}:{frames[-1].lineno}" if frames else None


def _dotted(path: Path) -> str:
    """The dotted name of a file or folder, up to the working folder or to where packages end."""
    if not path.exists():
        raise DeclarationError(f"there is no {path}", hint="name a module, a file or a folder")
    path = path.resolve()
    parts = [path.stem if path.suffix == ".py" else path.name]
    top = path.parent
    while top != Path.cwd() and (top.is_relative_to(Path.cwd()) or (top / "__init__.py").exists()):
        parts.insert(0, top.name)
        top = top.parent
    if top != Path.cwd():
        sys.path.insert(1, str(top))
    return ".".join(parts)


def _file_of(module: str) -> Path | None:
    """The file or folder of a module. Only the top name goes through Python's finder: that imports nothing."""
    top, *rest = module.split(".")
    if not all(part.isidentifier() for part in (top, *rest)):
        return None
    spec = importlib.util.find_spec(top)
    if spec is None:
        return None
    if spec.submodule_search_locations is None:
        return None if rest or spec.origin is None else Path(spec.origin)
    for folder in map(Path, spec.submodule_search_locations):
        found = folder.joinpath(*rest)
        if found.is_dir() or (rest and (found := found.with_suffix(".py")).is_file()):
            return found
    return None


def _meant(module: str) -> str:
    parent, _, last = module.rpartition(".")
    folder = _file_of(parent) if parent else Path.cwd()
    names = [one.name for one in pkgutil.iter_modules([str(folder)])] if folder and folder.is_dir() else []
    close = difflib.get_close_matches(last, names, n=1)
    if close:
        return f"did you mean {f'{parent}.{close[0]}' if parent else close[0]}?"
    return "run this where your package stands, or name its file"


def _is_theirs(file: str) -> bool:
    ours = str(Path(__file__).parents[1])
    foreign = (ours, sysconfig.get_path("stdlib"), *site.getsitepackages(), site.getusersitepackages(), "<frozen")
    return not file.startswith(foreign)


def _short(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def _said(error: Exception) -> str:
    return error.msg if isinstance(error, SyntaxError) else str(error)


def _remedy(error: Exception) -> str | None:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"is {error.name.partition('.')[0]} installed in this environment?"
    return "KINGPOST_DEBUG=1 shows the whole traceback"
