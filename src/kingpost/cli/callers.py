"""Who a command calls as: by name among an app's development actors, or by roles and claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kingpost.app import App
    from kingpost.call import Actor
    from kingpost.cli.served import ServedApp
    from kingpost.settings import Settings


def claims_given(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> dict[str, object]:
    """The values of `--claim NAME=VALUE`.

    Raises:
        BadParameter: one is not written so.
    """
    claims: dict[str, object] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE")
        claims[name] = _value(value)
    return claims


def app_of(found: ServedApp) -> App:
    """The app as the class it is.

    Raises:
        DeclarationError: it only behaves like one.
    """
    from kingpost.app import App
    from kingpost.errors import DeclarationError

    if not isinstance(found, App):
        raise DeclarationError(f"{found.name} is a {type(found).__name__}, and no kingpost.App")
    return found


def caller(app: App, name: str | None, otherwise: Actor) -> Actor:
    """Who it is: the development actor of this name, or whom roles and claims describe.

    Raises:
        UsageError: both are given.
        DeclarationError: the app has no such actor.
    """
    from kingpost.errors import DeclarationError
    from kingpost.model.manifest import suggest

    if name is None:
        return otherwise
    if otherwise.known:
        raise click.UsageError("--as says all of who it is: leave out --sub, --role and --claim")
    actors = app.declared.development.actors
    if name not in actors:
        hint = suggest(name, actors) if actors else 'declare some: App(…, actors={"uma": Actor("uma", …)})'
        raise DeclarationError(f"{app.name} has no actor {name!r}", hint=hint)
    return actors[name]


def token_for(actor: Actor, settings: Settings, ttl_s: int) -> str:
    """A token that makes its bearer this actor, signed with the folder's development secret.

    Raises:
        DeclarationError: this is no development environment, or a claim is one that Kingpost sets itself.
    """
    from kingpost.auth.tokens import mint
    from kingpost.settings import development_secret

    parties = {"iss": settings.token_issuer, "aud": settings.token_audience}
    claims = {name: value for name, value in parties.items() if value is not None} | dict(actor.claims)
    return mint(development_secret(settings), sub=actor.id, roles=sorted(actor.roles), claims=claims, ttl_s=ttl_s)


def described(actor: Actor) -> str:
    """In a few words: `dispatcher, airline=UA`."""
    claims = [f"{name}={value}" for name, value in actor.claims.items()]
    return ", ".join([*sorted(actor.roles), *claims]) or "no roles"


def _value(text: str) -> object:
    """JSON if it is JSON, else the text itself: `airline=UA`, `level=3`, `origins=["JFK","LGA"]`."""
    import json

    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    return value
