"""Says on standard error what is wrong and what to do about it."""

from __future__ import annotations

import click

from kingpost.errors import DeclarationError, KingpostError


def complain(message: str, hint: str | None = None) -> None:
    """Say on standard error what is wrong and what to do about it."""
    click.echo(f"{click.style('error:', fg='red')} {message}", err=True)
    if hint is not None:
        click.echo(f"  {click.style('hint:', fg='cyan')} {hint}", err=True)


def complain_of(error: KingpostError) -> None:
    """Say what an error says; of one that stands for several, each."""
    for fault in error.faults if isinstance(error, DeclarationError) else (error,):
        at = getattr(fault, "at", None)
        complain(fault.message if at is None or fault.message.startswith(at) else f"{at}: {fault.message}", fault.hint)
