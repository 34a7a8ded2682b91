"""Lets one benchmark run at a time: two would measure each other, and the first to end would stop the other's server."""

from __future__ import annotations

import fcntl
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path


class Locked(Exception):
    """Another benchmark runs; the message says which, and what to do."""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder` (flock(2): it ends with this process, however that ends).

    Args:
        folder: which the runs would share; made if need be.

    Raises:
        Locked: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "run.lock"
    # Opened for appending: who finds it locked must not empty it. Children do not inherit it (PEP 446).
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "a process that has not said its name yet"
            raise Locked(f"another benchmark holds {path}: {holder}; wait until it ends, or end that process") from None
        file.truncate(0)
        file.write(f"process {os.getpid()}, `{_command()}`, since {datetime.now():%Y-%m-%d %H:%M:%S}\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _command() -> str:
    return shlex.join([Path(sys.executable).name, *sys.orig_argv[1:]])
