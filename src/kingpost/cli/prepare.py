"""Makes a development database fit the app: tables where there are none, and the rows that the app's package brings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from kingpost.cli.database import Database
from kingpost.cli.locate import place_of
from kingpost.cli.served import ServedApp
from kingpost.errors import DeclarationError, KingpostError, NotCreated
from kingpost.observe import nobody
from kingpost.ports import Store

Row = Mapping[str, object]


class Progress(Protocol):
    """Is told how loading goes on."""

    def start(self, entity: str, rows: int | None) -> None:
        """An entity's rows come now, so many of them if that is known."""

    def advance(self, rows: int) -> None:
        """So many more rows went on their way."""


class Rows(Protocol):
    """An app's module `load`: `rows(entity)`, and if it likes `ENTITIES` in their order and `count(entity)`."""

    def rows(self, entity: str) -> Iterable[Row]:
        """The entity's rows."""


class Silence:
    """The progress that nobody watches."""

    def start(self, entity: str, rows: int | None) -> None:
        """Say nothing."""

    def advance(self, rows: int) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was done: how many rows of each entity were loaded; None: everything was there."""

    loaded: Mapping[str, int] | None


async def prepare(app: ServedApp, at: Database, module: str, progress: Progress, recreate: bool) -> Prepared:
    """Bring the database into the state that the app needs.

    A first loading that was cut short is begun anew, so that nobody wonders where half of the rows are.

    Args:
        app: whose database it is.
        at: the database.
        module: the app's module; rows come from the module `load` beside it.
        progress: is told how loading goes on.
        recreate: drop what is there and start afresh.

    Raises:
        DeclarationError: the database was made for another model, and `recreate` is not set.
        EngineUnavailable: it cannot be reached.
    """
    store = app.store_for(at.settings, nobody)
    try:
        unfinished = _unfinished(at)
        if not recreate and await _fits(store, app) and not unfinished.exists():
            return Prepared(None)
        unfinished.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished.touch()
        await store.create(app.manifest)
        loaded = await _load(app, store, module, progress)
        unfinished.unlink()
        return Prepared(loaded)
    finally:
        await store.close()


async def _fits(store: Store, app: ServedApp) -> bool:
    """Whether everything is there; one made for another model is refused by the store, with what to do about it."""
    try:
        await store.open(app.manifest)
    except NotCreated:
        return False
    return True


async def _load(app: ServedApp, store: Store, module: str, progress: Progress) -> dict[str, int]:
    source = _source(module)
    if source is None:
        return {}
    counted = getattr(source, "count", lambda _: None)
    loaded = {}
    for entity in getattr(source, "ENTITIES", app.manifest.entities):
        try:
            progress.start(entity, counted(entity))
            loaded[entity] = await store.load(entity, _told(source.rows(entity), progress))
        except KingpostError:
            raise
        except Exception as error:  # of the team's own code
            raise DeclarationError(
                f"the rows of {entity} cannot be loaded: {type(error).__name__}: {error}", at=place_of(error)
            ) from error
    return loaded


def _source(module: str) -> Rows | None:
    package = module.rpartition(".")[0]
    name = f"{package}.load" if package else "load"
    found = import_module(name) if package and find_spec(name) else None
    return found if hasattr(found, "rows") else None


def _told(rows: Iterable[Row], progress: Progress, every: int = 1_000) -> Iterator[Row]:
    number = 0
    for number, row in enumerate(rows, 1):
        if number % every == 0:
            progress.advance(every)
        yield row
    progress.advance(number % every)


def _unfinished(at: Database) -> Path:
    """Marks that this very database is being filled; another one must never be dropped for its sake."""
    url = at.settings.database_url
    which = "embedded" if at.embedded or url is None else blake2b(url.reveal().encode(), digest_size=6).hexdigest()
    return at.settings.data_folder / f"unfinished-{which}"
