"""The child of `kingpost dev`: imports the app, prepares its database, serves it. Hidden: nobody starts it by hand."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import click

from kingpost.errors import KingpostError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@click.command(hidden=True)
@click.argument("target")
@click.option("--address", required=True)
@click.option("--embedded", is_flag=True)
@click.option("--recreate", is_flag=True)
def command(target: str, address: str, embedded: bool, recreate: bool) -> int:
    """Serve what `kingpost dev` found."""
    from kingpost.cli.complaints import complain_of
    from kingpost.cli.database import Database
    from kingpost.cli.locate import import_app, locate
    from kingpost.cli.prepare import prepare
    from kingpost.cli.reload import REFUSED
    from kingpost.cli.screen import first_screen
    from kingpost.cli.server import serve
    from kingpost.settings import Settings

    threading.Thread(target=_end_with_parent, daemon=True).start()
    settings = replace(Settings.load(), unready_s=0.0, drain_s=3)
    at = Database(settings, address, embedded)
    found = locate(target)
    app = import_app(found)
    try:
        with LoadingBar() as bar:
            asyncio.run(prepare(app, at, found.module, bar, recreate))
    except KingpostError as error:
        complain_of(error)
        return REFUSED
    screen = partial(first_screen, app, found, at)
    return serve(target, settings, workers=1, started=screen)


def _end_with_parent() -> None:
    """Our input ends when `kingpost dev` does, however it does. Read below `sys.stdin`, whose lock a fork would copy."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


class LoadingBar:
    """A bar for each entity whose rows are loaded; nothing where none are."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def start(self, entity: str, rows: int | None) -> None:
        """Begin the bar of an entity."""
        self._finish()
        self._task = self._bars().add_task(entity, total=rows)

    def advance(self, rows: int) -> None:
        """Move it on."""
        if self._task is not None:
            self._bars().advance(self._task, rows)

    def __enter__(self) -> LoadingBar:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._finish()
        if self._progress is not None:
            self._progress.stop()

    def _finish(self) -> None:
        if self._progress is not None and self._task is not None:
            done = next(one for one in self._progress.tasks if one.id == self._task)
            self._progress.update(self._task, total=done.completed)

    def _bars(self) -> Progress:
        from rich import progress

        if self._progress is None:
            self._progress = progress.Progress(
                progress.TextColumn("Loading {task.description:<12}"),
                progress.BarColumn(),
                progress.TextColumn("{task.completed:>9,.0f} rows"),
                progress.TimeElapsedColumn(),
            )
            self._progress.start()
        return self._progress
