"""The command `kingpost`: one file a command, and what several of them use."""

from kingpost.cli.entry import main

__all__ = ["main"]
