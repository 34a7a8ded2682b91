"""Who owns a server kept in a folder: a lock while one starts or stops it, and a note of the process that stops it."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kingpost.errors import EngineUnavailable

OWNER = "owner.json"
LOCK_TIMEOUT_S = 90.0


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; `flock`, since it parts threads of one process too and dies with its holder.

    Raises:
        EngineUnavailable: another held it for LOCK_TIMEOUT_S.
    """
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + LOCK_TIMEOUT_S
        while not _try_lock(handle):
            if time.monotonic() > deadline:
                raise EngineUnavailable(
                    f"another process has been starting or stopping PostgreSQL in {folder} for {LOCK_TIMEOUT_S:.0f} s",
                    hint="end that process, or choose another folder",
                )
            time.sleep(0.02)
        yield
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def own(folder: Path) -> str:
    """Write down that this process stops the server; the token tells apart several handles within it."""
    token, me = secrets.token_hex(8), process(os.getpid())
    assert me is not None
    fresh = folder / "owner.new"
    fresh.write_text(json.dumps({"pid": os.getpid(), "started": me.started, "token": token}))
    fresh.replace(folder / OWNER)
    return token


def disown(folder: Path) -> None:
    """Forget the owner, once the server has stopped."""
    (folder / OWNER).unlink(missing_ok=True)


def owner(folder: Path) -> tuple[str, int] | None:
    """Token and process number of the owner, if that very process still lives."""
    try:
        noted = json.loads((folder / OWNER).read_text())
        token, pid, started = str(noted["token"]), int(noted["pid"]), noted["started"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # none, or not written by us: nobody to wait for
        return None
    found = process(pid)
    return (token, pid) if found is not None and found.started == started else None


@dataclass(frozen=True, slots=True)
class Process:
    """A live process: when it started, which with its number names it for good, and its command line."""

    started: str
    command: str


def process(pid: int) -> Process | None:
    """The live process of that number; None if there is none, or a dead one that nobody has buried."""
    if not Path("/proc/self/stat").exists():
        return _process_by_ps(pid)
    folder = Path("/proc") / str(pid)
    try:
        stat = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
        command = os.fsdecode((folder / "cmdline").read_bytes())
    except (FileNotFoundError, ProcessLookupError):
        return None
    # proc_pid_stat(5): field 3 is the state, 22 the start in clock ticks after boot, which no clock change moves.
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return None if stat[0] in "ZX" else Process(f"{boot} {stat[19]}", command)


def _process_by_ps(pid: int) -> Process | None:
    """The same for macOS, which has no /proc."""
    command = ["/bin/ps", "-ww", "-o", "stat=", "-o", "lstart=", "-o", "command=", "-p", str(pid)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"LC_ALL": "C"}, timeout=10)  # noqa: S603 - a fixed program and a number
    words = done.stdout.split(maxsplit=6)  # stat, then lstart: weekday, month, day, time, year
    if len(words) < 6 or words[0][0] in "ZX":
        return None
    return Process(" ".join(words[1:6]), words[6] if len(words) > 6 else "")
