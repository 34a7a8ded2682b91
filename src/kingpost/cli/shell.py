"""`kingpost shell`: Python with the app at hand, and await at the top level."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from kingpost.cli.callers import claims_given

if TYPE_CHECKING:
    from kingpost.answer import Engine
    from kingpost.app import App
    from kingpost.call import Actor
    from kingpost.settings import Settings

DEADLINE_S = 60.0
"""How long each call may take."""


@click.command(epilog="Example:  kingpost shell examples.flights --role admin -c 'await ctx.find(Airline, limit=3)'")
@click.argument("app", required=False)
@click.option("--as", "name", help="Call as one of the app's development actors.")
@click.option("--sub", help="Who calls: me.id in policies.")
@click.option("--role", "roles", multiple=True, help="A role of who calls; may be repeated.")
@click.option("--claim", "claims", multiple=True, callback=claims_given, help="NAME=VALUE of who calls; repeatable.")
@click.option("--system", is_flag=True, help="Past every policy.")
@click.option("-c", "text", metavar="CODE", help="Run CODE instead, and show what its last expression is.")
def command(
    app: str | None,
    name: str | None,
    sub: str | None,
    roles: tuple[str, ...],
    claims: dict[str, object],
    system: bool,
    text: str | None,
) -> int:
    """Read and write APP's rows from Python: app, ctx, this, me, role and every entity are there, and await.

    What ctx does is under the policies, for who calls; each call is committed by itself. Ctrl-D leaves.
    """
    from kingpost.call import Actor
    from kingpost.cli.callers import app_of, caller
    from kingpost.cli.database import database
    from kingpost.cli.locate import import_app, locate
    from kingpost.cli.prepare import Silence, prepare
    from kingpost.settings import Settings

    settings = Settings.load(assume="development")
    found = locate(app)
    served = app_of(import_app(found))
    actor = caller(served, name, Actor(sub, frozenset(roles), claims))
    with database(settings, lambda said: click.echo(said, err=True)) as at:
        if at.embedded:
            asyncio.run(prepare(served, at, found.module, Silence(), recreate=False))
        return _run(served, at.settings, (actor, system), text)


def _run(app: App, settings: Settings, who: tuple[Actor, bool], text: str | None) -> int:
    from kingpost.cli.asking import asking
    from kingpost.cli.console import Console
    from kingpost.cli.opened import opened
    from kingpost.model.terms import me, role, this

    actor, system = who
    with asyncio.Runner() as runner, _within(runner, opened(app, settings)) as engine:
        given = {"app": app, **app.classes, "this": this, "me": me, "role": role}
        console = Console(given, runner, lambda: asking(app, engine, actor, DEADLINE_S, system=system))
        return console.one(text) if text is not None else console.many(_banner(app, actor, system))


@contextmanager
def _within(runner: asyncio.Runner, opening: AbstractAsyncContextManager[Engine]) -> Iterator[Engine]:
    """An asynchronous block around what is not: the prompt waits for its user, not for the loop."""
    stack = AsyncExitStack()
    try:
        yield runner.run(stack.enter_async_context(opening))
    finally:
        runner.run(stack.aclose())


def _banner(app: App, actor: Actor, system: bool) -> str:
    from kingpost.cli.callers import described

    who = "as the system" if system else f"as {actor.id or 'nobody we know'} ({described(actor)})"
    return f"{app.name}, {who}\napp, ctx, this, me, role, {', '.join(app.classes)}; await works. Ctrl-D leaves."
