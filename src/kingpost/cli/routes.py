"""`kingpost routes`: what is served, and who may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kingpost.model.manifest import Entity, Manifest

# How REST offers the default verbs: method and path, {path} the collection and {key} one row of it.
VERBS = {"list": ("GET", "/v1/{path}"), "get": ("GET", "/v1/{path}/{key}")}


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
    for row in rows(import_app(locate(app)).manifest):
        table.add_row(*map(Text, row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(table)


def rows(manifest: Manifest) -> Iterator[tuple[str, str, str, str]]:
    """Method, path, action and who may, by entity in declared order."""
    from kingpost.cli.policy_text import in_words

    for entity in manifest.entities.values():
        masked = ", ".join(f"{name}: {in_words(rule)}" for name, rule in entity.policy.fields.items())
        may = in_words(entity.policy.read) + (f"; {masked}" if masked else "")
        for verb, (method, path) in VERBS.items():
            where = path.format(path=entity.path, key=_key(entity))
            yield method, where, f"{entity.name}.{verb}", may
    for method, where in (("GET", "/livez"), ("GET", "/readyz")):
        yield method, where, "", "anyone"


def _key(entity: Entity) -> str:
    return ",".join(f"{{{name}}}" for name in entity.key)
