"""Keeps one child process running, and starts it anew when the sources change."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import watchfiles

from kingpost.cli.log_lines import readable

LOOK_EVERY_MS = 200
STOP_S = 5.0
FAILED = 1  # the child's exit code where its sources do not import
REFUSED = 3  # and where no change of them would help


@dataclass(frozen=True, slots=True)
class Watched:
    """What to run with this Python, in which environment, and the sources: a folder, with all below it or not.

    The arguments `once` are for the first start that gets as far as to import the sources.
    """

    arguments: Sequence[str]
    once: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    whole: bool


def run_and_reload(watched: Watched) -> int:
    """Run until told to stop (SIGINT or SIGTERM): then 0; or 1 if the child refuses to start at all.

    A child that fails is started again at the next change of the sources.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    child, first, waiting = _start(watched, watched.once), True, False
    try:
        for changes in watchfiles.watch(
            watched.folder,
            watch_filter=watchfiles.PythonFilter(),
            stop_event=stop,
            rust_timeout=LOOK_EVERY_MS,
            yield_on_timeout=True,
            recursive=watched.whole,
        ):
            if changes:
                click.echo(f"{_named(changes)} changed: starting anew")
                once = watched.once if first and child.returncode == FAILED else ()
                _stop(child)
                child, first, waiting = _start(watched, once), bool(once), False
            elif not waiting and child.poll() is not None:
                if child.returncode == REFUSED and first:
                    return 1
                click.echo("Waiting for a change of the sources …")
                waiting = True
    finally:
        _stop(child)
    return 0


def _start(watched: Watched, once: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start the child away from the terminal's signals: Ctrl-C is for us. Its input ends when we do, and so does it."""
    shown = sys.stderr.isatty()
    child = subprocess.Popen(  # noqa: S603 - Python with arguments of our own
        [sys.executable, *watched.arguments, *once],
        env=dict(watched.environment),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE if shown else None,
        start_new_session=True,
    )
    if shown:
        threading.Thread(target=_show, args=(child,), daemon=True).start()
    return child


def _show(child: subprocess.Popen[bytes]) -> None:
    assert child.stderr is not None
    for line in child.stderr:
        sys.stderr.write(readable(line.decode(errors="replace").rstrip("\n")) + "\n")


def _stop(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
    try:
        child.wait(STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    finally:
        if child.stdin is not None:
            child.stdin.close()


def _named(changes: set[tuple[watchfiles.Change, str]]) -> str:
    names = sorted({Path(path).name for _, path in changes})
    return ", ".join(names[:3]) + (" and more" if len(names) > 3 else "")
