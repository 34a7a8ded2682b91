"""`kingpost serve`: answers in production, with workers that drain; refuses to start on what would not be safe."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from kingpost.errors import DeclarationError
from kingpost.observe import nobody
from kingpost.settings import Settings

if TYPE_CHECKING:
    from kingpost.cli.served import ServedApp


@click.command(epilog="Example:  KINGPOST_DATABASE_URL=postgresql://… kingpost serve examples.flights --workers 4")
@click.argument("app", required=False)
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65_535), help="Port to listen on; else PORT.  [default: 8000]")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that answer.  [default: 1]")
def command(app: str | None, host: str | None, port: int | None, workers: int | None) -> int:
    """Serve APP in production.

    Needs KINGPOST_DATABASE_URL, and KINGPOST_VERIFICATION_KEY where a policy asks who calls. On SIGTERM readiness says
    no, then connections are refused, and requests in flight are answered.
    """
    from kingpost.cli.locate import import_app, locate
    from kingpost.cli.server import check_port
    from kingpost.cli.server import serve as run_server

    settings = Settings.load()
    settings = replace(
        settings, host=host or settings.host, port=port or settings.port, workers=workers or settings.workers
    )
    target = locate(app)
    found = import_app(target)
    check_fit(found, settings)
    check_port(settings)
    asyncio.run(_check_database(found, settings))
    return run_server(str(target), settings, workers=settings.workers)


def check_fit(app: ServedApp, settings: Settings) -> None:
    """See that the settings suffice to serve this app.

    Raises:
        DeclarationError: a database or a key to verify tokens is missing.
    """
    from kingpost.auth.tokens import token_rules
    from kingpost.cli.who_matters import asked_of_callers

    if settings.database_url is None:
        raise DeclarationError(
            "there is no database to serve from",
            hint="set KINGPOST_DATABASE_URL=postgresql://user@host/name; `kingpost dev` brings one along",
        )
    asked = asked_of_callers(app.manifest)
    if asked.first is not None and not token_rules(settings).keys:
        raise DeclarationError(
            f"the policy of {asked.first} asks who calls, and no key verifies what callers say",
            hint="set KINGPOST_VERIFICATION_KEY to an HMAC secret or to a public key as PEM or JWK",
        )
    token_rules(settings)


async def _check_database(app: ServedApp, settings: Settings) -> None:
    """Once here, before any worker starts, so that a refusal is told once and in words."""
    store = app.store_for(settings, nobody)
    try:
        await store.open(app.manifest)
    finally:
        await store.close()
