"""Makes the virtual environments of the peers: each of its own, once, so that none decides another's versions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.database import FOLDER

PACKAGES = {
    "fastapi": (
        "fastapi>=0.115",
        "uvicorn>=0.34",
        "uvloop>=0.21",
        "httptools>=0.6",
        "sqlalchemy[asyncio]>=2.0.40",
        "asyncpg>=0.30",
        "joserfc>=1.2",
    ),
}


class PeerMissing(Exception):
    """A peer could not be installed; the message says why."""


def python_of(peer: str) -> Path:
    """The interpreter of a peer's environment, which is made first where it is missing or asks for other packages.

    Raises:
        PeerMissing: pip failed.
    """
    folder = FOLDER / "peers" / peer
    python, stamp = folder / "bin" / "python", folder / "packages"
    wanted = "\n".join(PACKAGES[peer])
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"Installing {peer} into {folder}")
    _run(peer, sys.executable, "-m", "venv", "--clear", str(folder))
    _run(peer, str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", *PACKAGES[peer])
    stamp.write_text(wanted)
    return python


def _run(peer: str, *command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerMissing(f"{peer} could not be installed: {done.stderr.strip() or done.stdout.strip()}")
