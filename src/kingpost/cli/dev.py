"""`kingpost dev`: everything on one machine, with a database of its own, started anew when the sources change."""

from __future__ import annotations

import os
from dataclasses import replace

import click

from kingpost.errors import DeclarationError
from kingpost.settings import Settings


@click.command(epilog="Example:  kingpost dev examples.flights --port 8001")
@click.argument("app", required=False)
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65_535), help="Port to listen on; else PORT.  [default: 8000]")
@click.option("--recreate", is_flag=True, help="Drop what the database holds and make it anew.")
def command(app: str | None, host: str | None, port: int | None, recreate: bool) -> int:
    """Serve APP for its developers: brings PostgreSQL along, makes its tables, loads its rows, follows its changes.

    APP is a package (examples.flights), a module with its app (examples.flights.app:app) or a file; left out, it is the
    one that kingpost.toml names. The database stays in .kingpost/, unless KINGPOST_DATABASE_URL names another.
    """
    from kingpost.cli.database import database
    from kingpost.cli.locate import locate
    from kingpost.cli.reload import Watched, run_and_reload
    from kingpost.cli.server import check_port

    settings = development_settings("dev")
    settings = replace(settings, host=host or settings.host, port=port or settings.port)
    target = locate(app)
    check_port(settings)
    with database(settings, click.echo) as at:
        child = ["-m", "kingpost.cli", "dev-server", str(target), "--address", at.address]
        child += ["--embedded"] if at.embedded else []
        once = ["--recreate"] if recreate else []
        environment = {**os.environ, **at.settings.variables()}
        return run_and_reload(Watched(child, once, environment, target.folder, target.whole))


def development_settings(what: str) -> Settings:
    """The settings of a command for developers.

    Raises:
        DeclarationError: they are wrong, or say that this is no development environment.
    """
    settings = Settings.load(assume="development")
    if settings.environment != "development":
        raise DeclarationError(
            f"`kingpost {what}` is for development, and KINGPOST_ENVIRONMENT is {settings.environment}",
            hint="`kingpost serve` is for production" if what == "dev" else "run it where you develop",
        )
    return settings
