"""`kingpost routes`: what is served, and who may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

import click

from kingpost.cli.policy_text import in_words
from kingpost.model.expressions import FALSE
from kingpost.model.names import kebab

if TYPE_CHECKING:
    from kingpost.cli.served import ServedApp
    from kingpost.model.manifest import Action, Entity, Manifest

# How REST offers the default verbs: method and path, {path} the collection and {key} one row of it.
VERBS = {
    "list": (("GET", "/v1/{path}"),),
    "get": (("GET", "/v1/{path}/{key}"),),
    "create": (("POST", "/v1/{path}"),),
    "update": (("PATCH", "/v1/{path}/{key}"), ("PATCH", "/v1/{path}?filter")),
    "upsert": (("PUT", "/v1/{path}/{key}"),),
    "delete": (("DELETE", "/v1/{path}/{key}"), ("DELETE", "/v1/{path}?filter")),
}
PLACES = {"row": "/v1/{path}/{key}:{name}", "set": "/v1/{path}:{name}", "nothing": "/v1/{path}:{name}"}

Row: TypeAlias = tuple[str, str, str, str]


@click.command(epilog="Example:  kingpost routes examples.flights")
@click.argument("app", required=False)
def command(app: str | None) -> None:
    """List what APP serves: method, path, action and who may."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from kingpost.cli.locate import import_app, locate

    table = Table("method", "path", "action", "who may", box=box.SIMPLE_HEAD)
    found = import_app(locate(app))
    for row in (*rows(found.manifest), *own_rows(found)):
        table.add_row(*map(Text, row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(table)


def rows(manifest: Manifest) -> Iterator[Row]:
    """Method, path, action and who may: by entity in declared order, then the app's own actions."""
    for entity in manifest.entities.values():
        for action in (one for one in manifest.actions if one.entity == entity.name):
            yield from _of_entity(entity, action)
    for action in manifest.actions:
        if action.entity is None:
            yield "POST", f"/v1/{kebab(action.name)}", action.name, in_words(action.policy)
    if any(one.effect == "write" and one.policy != FALSE for one in manifest.actions):
        yield "POST", "/v1/batch", "", "who may each part"
    for method, where in (("GET", "/livez"), ("GET", "/readyz")):
        yield method, where, "", "anyone"


def own_rows(found: ServedApp) -> Iterator[Row]:
    """The endpoints and mounted apps of a team's own."""
    from kingpost.app import App

    if not isinstance(found, App):
        return
    for route in found.declared.routes:
        yield route.method, route.path, getattr(route.handler, "__name__", ""), in_words(route.policy)
    for mount in found.declared.mounts:
        yield "any", f"/{'/'.join(mount.parts)}/…", "", "who the mounted app lets in"


def _of_entity(entity: Entity, action: Action) -> Iterator[Row]:
    name, may = f"{entity.name}.{action.name}", in_words(action.policy)
    if action.name in VERBS and (action.handler is None or action.replaces):
        if action.effect == "write" and action.policy == FALSE:
            return
        if action.name == "upsert" and entity.policy.create == entity.policy.update and not action.replaces:
            may = in_words(entity.policy.create)
        if action.effect == "read":
            masked = ", ".join(f"{field}: {in_words(rule)}" for field, rule in entity.policy.fields.items())
            may += f"; {masked}" if masked else ""
        for method, path in VERBS[action.name]:
            # A function in place of a default one is for rows one by one.
            if not (action.replaces and path.endswith("filter")):
                yield method, path.format(path=entity.path, key=_key(entity)), name, may
    elif action.handler is not None:
        path = PLACES[action.on].format(path=entity.path, key=_key(entity), name=kebab(action.name))
        yield "POST", path, name, may


def _key(entity: Entity) -> str:
    return ",".join(f"{{{name}}}" for name in entity.key)
