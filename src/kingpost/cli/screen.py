"""The first screen: what runs where, what to try, how to call as someone, how to stop."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from kingpost.cli.database import Database
from kingpost.cli.locate import Target
from kingpost.cli.served import ServedApp
from kingpost.cli.who_matters import asked_of_callers
from kingpost.model.expressions import FALSE
from kingpost.model.manifest import Entity, Manifest

TRY_MAX = 5
BASE = "/v1/"


def first_screen(app: ServedApp, target: Target, at: Database) -> None:
    """Print it."""
    from rich.console import Console

    settings = at.settings
    url = f"http://{settings.host}:{settings.port}"
    where = {
        "API": url,
        "health": f"{url}/livez  {url}/readyz",
        "PostgreSQL": f"psql '{at.address}'" if at.embedded else at.address,
        "sources": f"{target.folder}, watched for changes",
    }
    # Nothing is wrapped: what is shown here is made to be copied.
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"\n[bold green]{app.name}[/bold green] is up\n")
    for name, place in where.items():
        console.print(f"{name:<12}{place}", markup=False)
    console.print("\nTry")
    for path in to_try(app, target):
        console.print(f"  curl -g '{url}{path}'", markup=False)
    if write := write_to_try(target):
        actor, path, body = write
        token = f"Authorization: Bearer $({program()} token {_short(target)} --as {actor})"
        json = "Content-Type: application/json"
        console.print(f"  curl -X POST '{url}{path}' -H \"{token}\" -H '{json}' -d '{body}'", markup=False)
    if command := token_command(app, target):
        someone = " or ".join(actors_of(app)) or "someone"
        console.print(f'\nCall as {someone}: -H "Authorization: Bearer $({program()} {command})"', markup=False)
    console.print("\n[bold]Ctrl-C[/bold] stops everything\n")


def to_try(app: ServedApp, target: Target) -> list[str]:
    """Paths worth a look: the list `TRY` of the app's module or package, else some made from the model."""
    for name in (target.module, target.module.rpartition(".")[0]):
        offered: Iterable[str] | None = getattr(sys.modules.get(name), "TRY", None)
        if offered:
            return list(offered)[:TRY_MAX]
    return _made(app.manifest)[:TRY_MAX]


def program() -> str:
    """How the command is called from here: by its name where the shell finds it, else by its path."""
    ours = Path(sys.executable).with_name("kingpost")
    if shutil.which("kingpost") == str(ours):
        return "kingpost"
    return str(ours.relative_to(Path.cwd()) if ours.is_relative_to(Path.cwd()) else ours)


def write_to_try(target: Target) -> tuple[str, str, str] | None:
    """A write worth a look: `TRY_WRITE` of the app's module or package, an actor's name, a path to post to, a body."""
    for name in (target.module, target.module.rpartition(".")[0]):
        offered: tuple[str, str, str] | None = getattr(sys.modules.get(name), "TRY_WRITE", None)
        if offered:
            return offered
    return None


def token_command(app: ServedApp, target: Target) -> str | None:
    """The arguments of `kingpost` that make a token that some policy of the model cares about, if any does."""
    if actors := actors_of(app):
        return f"token {_short(target)} --as {actors[0]}"
    asked = asked_of_callers(app.manifest)
    if asked.first is None:
        return None
    # Only `id` is known by its meaning; what another claim holds the team knows.
    claims = "".join(f" --claim {name}=…" for name in asked.claims if name != "id")
    role = f" --role {asked.roles[0]}" if asked.roles else ""
    return f"token {_short(target)}{role}{claims}{' --sub me' if 'id' in asked.claims else ''}"


def actors_of(app: ServedApp) -> list[str]:
    """The names of the app's development actors."""
    from kingpost.app import App

    return list(app.declared.development.actors) if isinstance(app, App) else []


def _short(target: Target) -> str:
    return target.module.removesuffix(".app")


def _made(manifest: Manifest) -> list[str]:
    readable = [one for one in manifest.entities.values() if one.policy.read != FALSE]
    paths = [f"{BASE}{one.path}?limit=3" for one in readable[:2]]
    for entity in sorted(readable, key=_refs, reverse=True)[:2]:
        for relation in entity.relations.values():
            if manifest.entities[relation.target].policy.read == FALSE:
                continue
            page = f"&{relation.name}.limit=2" if relation.many else ""
            paths.append(f"{BASE}{entity.path}?include={relation.name}{page}&limit=2")
            if not relation.many:
                paths.append(f"{BASE}{entity.path}?group={relation.name}&aggregate=count&sort=-count")
            break
    return paths


def _refs(entity: Entity) -> int:
    return sum(not relation.many for relation in entity.relations.values())
