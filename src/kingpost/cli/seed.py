"""`kingpost seed`: fills the development database by the app's own function, and hands out tokens."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kingpost.app import App
    from kingpost.settings import Settings

TTL_S = 8 * 3_600


@click.command(epilog="Example:  kingpost seed examples.flights")
@click.argument("app", required=False)
def command(app: str | None) -> None:
    """Run what APP declares with @app.seed, in one transaction, and print a token for each of its actors.

    A seed finds what it made before, so it can be run again. It is for development alone.
    """
    from kingpost.cli.callers import app_of
    from kingpost.cli.database import database
    from kingpost.cli.dev import development_settings
    from kingpost.cli.locate import import_app, locate
    from kingpost.cli.prepare import Silence, prepare

    settings = development_settings("seed")
    found = locate(app)
    seeded = app_of(import_app(found))
    with database(settings, lambda text: click.echo(text, err=True)) as at:
        if at.embedded:
            asyncio.run(prepare(seeded, at, found.module, Silence(), recreate=False))
        asyncio.run(_sow(seeded, at.settings))
    click.echo(f"{seeded.name} is seeded")
    _hand_out(seeded, settings)


async def _sow(app: App, settings: Settings) -> None:
    """Run the seed.

    Raises:
        DeclarationError: there is none, or it fails; with its line.
        EngineError: the database does.
    """
    from kingpost.cli.locate import place_of
    from kingpost.cli.opened import opened
    from kingpost.errors import DeclarationError, EngineError, KingpostError
    from kingpost.perform import Performer
    from kingpost.perform.seeding import sow

    seed = app.declared.development.seed
    if seed is None:
        raise DeclarationError(
            f"{app.name} declares no seed", hint="write @app.seed above an async def seed(ctx: Context) -> None"
        )
    async with opened(app, settings) as engine:
        try:
            await sow(Performer(engine, app.classes).endpoint, seed)
        except EngineError:
            raise
        except Exception as error:  # of the team's own code, or of what it asks for
            said = error.message if isinstance(error, KingpostError) else f"{type(error).__name__}: {error}"
            hint = getattr(error, "hint", None)
            raise DeclarationError(f"the seed fails: {said}", hint=hint, at=place_of(error)) from error


def _hand_out(app: App, settings: Settings) -> None:
    from kingpost.cli.callers import described, token_for

    for name, actor in app.declared.development.actors.items():
        click.echo(f"\n{name}: {described(actor)}\n{token_for(actor, settings, TTL_S)}")
