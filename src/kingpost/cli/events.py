"""`kingpost events tail`: prints what is written, row by row, as it is committed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from kingpost.app import App
    from kingpost.ports import ChangeEvent
    from kingpost.settings import Settings


@click.group(name="events", no_args_is_help=True, epilog="Example:  kingpost events tail examples.flights")
def command() -> None:
    """See what becomes of the rows."""


@command.command(epilog="Example:  kingpost events tail examples.flights --entity Flight --after oldest --count 10")
@click.argument("app", required=False)
@click.option("--after", metavar="TOKEN", help="Go on after the event with this token; `oldest` for all that is kept.")
@click.option("--entity", "entities", multiple=True, metavar="NAME", help="Only rows of this entity; may be repeated.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many events.")
@click.option("--json", "as_json", is_flag=True, help="Print each event as a JSON object on a line of its own.")
def tail(app: str | None, after: str | None, entities: Sequence[str], count: int | None, *, as_json: bool) -> None:
    """Print each row of APP that is created, updated or deleted, from now on, in the order of the commits.

    It goes past every policy, and shows all fields but private ones. Ctrl-C ends it, and tells how to go on from there.
    """
    from kingpost.cli.callers import app_of
    from kingpost.cli.database import database
    from kingpost.cli.event_lines import as_line, as_words
    from kingpost.cli.locate import import_app, locate
    from kingpost.cli.prepare import Silence, prepare
    from kingpost.settings import Settings

    settings = Settings.load(assume="development")
    found = locate(app)
    served = app_of(import_app(found))
    wanted = frozenset(served.manifest.entity(name).name for name in entities) or frozenset(served.manifest.entities)
    followed = _Followed(after, wanted, count, as_line(served.manifest) if as_json else as_words(served.manifest))
    with database(settings, lambda said: click.echo(said, err=True)) as at:
        if at.embedded:
            asyncio.run(prepare(served, at, found.module, Silence(), recreate=False))
        try:
            asyncio.run(followed.follow(served, at.settings))
        finally:
            if followed.last is not None and not as_json:
                click.echo(f"go on with --after {followed.last}", err=True)


class _Followed:
    """The events that are printed: from where on, of which entities, how many, and how; `last` is the last one's token."""

    def __init__(
        self, after: str | None, entities: frozenset[str], count: int | None, line: Callable[[ChangeEvent], str]
    ) -> None:
        self.last: str | None = None
        self._after = after
        self._entities = entities
        self._left = count
        self._line = line

    async def follow(self, app: App, settings: Settings) -> None:
        """Print them.

        Raises:
            DeclarationError: the app's store tells of no events.
            Malformed, HistoryGone: there is no going on from where it was asked to.
            EngineError: the store cannot be reached.
        """
        from contextlib import aclosing

        from kingpost.cli.opened import opened
        from kingpost.errors import DeclarationError
        from kingpost.observe import SystemAccess
        from kingpost.ports import Tail

        async with opened(app, settings) as engine:
            if not isinstance(engine.store, Tail):
                raise DeclarationError(f"the store of {app.name} tells of no events", hint="PostgreSQL's does")
            engine.observe(SystemAccess("events", None))
            async with aclosing(engine.store.tail(self._after)) as changes:
                async for change in changes:
                    self.last = change.token
                    if change.entity in self._entities and self._told(change):
                        return

    def _told(self, change: ChangeEvent) -> bool:
        """Print one; whether it was the last that is wanted."""
        click.echo(self._line(change))
        if self._left is not None:
            self._left -= 1
        return self._left == 0
