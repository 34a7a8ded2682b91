"""`kingpost token`: a token to call as someone, while developing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from kingpost.cli.callers import app_of, caller, claims_given, token_for

if TYPE_CHECKING:
    from kingpost.model.manifest import Manifest

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def _ttl(_: click.Context, __: click.Parameter, text: str) -> int:
    found = re.fullmatch(r"(\d{1,9})([smhd])", text)
    if found is None or not int(found[1]):
        raise click.BadParameter(f"{text!r} is no duration like 90s, 15m, 8h or 30d")
    return int(found[1]) * _UNITS_S[found[2]]


@click.command(epilog="Example:  kingpost token examples.flights --role dispatcher --claim airline=UA --ttl 8h")
@click.argument("app", required=False)
@click.option("--as", "name", help="One of the app's development actors.")
@click.option("--sub", help="Who it is: me.id in policies.")
@click.option("--role", "roles", multiple=True, help="A role; may be repeated.")
@click.option(
    "--claim", "claims", multiple=True, callback=claims_given, help="NAME=VALUE, JSON or plain text; repeatable."
)
@click.option("--ttl", "ttl_s", default="1h", show_default=True, callback=_ttl, help="How long it is good.")
def command(
    app: str | None, name: str | None, sub: str | None, roles: tuple[str, ...], claims: dict[str, object], ttl_s: int
) -> None:
    """Print a token signed with this folder's development secret.

    Roles and claims that no policy of APP names are pointed out; APP may be left out, but not with --as.
    """
    from kingpost.call import Actor
    from kingpost.cli.dev import development_settings

    settings = development_settings("token")
    if app is None and settings.app is None and name is None:
        actor = Actor(sub, frozenset(roles), claims)
    else:
        from kingpost.cli.locate import import_app, locate

        found = import_app(locate(app))
        _point_out(found.manifest, roles, claims)
        actor = Actor(sub, frozenset(roles), claims)
        if name is not None:
            actor = caller(app_of(found), name, actor)
    click.echo(token_for(actor, settings, ttl_s))


def _point_out(manifest: Manifest, roles: Iterable[str], claims: Iterable[str]) -> None:
    from kingpost.cli.who_matters import asked_of_callers
    from kingpost.model.manifest import suggest

    asked = asked_of_callers(manifest)
    for what, given, known in (("role", roles, asked.roles), ("claim", claims, asked.claims)):
        for name in given:
            if name not in known:
                click.echo(f"note: no policy names {what} {name!r} ({suggest(name, known)})", err=True)
