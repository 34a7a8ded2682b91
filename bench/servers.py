"""Starts the contenders, each a server with one worker on a port of its own, and reads what CPU time they spend."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import psutil

from bench.cases import SECRET
from bench.database import FOLDER
from bench.peers import PACKAGES, python_of

ROOT = Path(__file__).parents[1]
CONNECTIONS = 8
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0

_GRANIAN = (
    *("-m", "granian", "--interface", "asgi", "--http", "1", "--host", "127.0.0.1", "--port", "{port}"),
    *("--workers", "1", "--loop", "uvloop", "--runtime-mode", "st", "--log-level", "warning"),
)
_UVICORN = (
    *("-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--workers", "1", "--loop", "uvloop"),
    *("--http", "httptools", "--no-access-log", "--log-level", "warning"),
)
# For each contender the arguments of its Python.
COMMANDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "kingpost": (*_GRANIAN, "bench.contenders.kingpost_app:app"),
        "open": (*_GRANIAN, "bench.contenders.kingpost_app:open_app"),
        "floor": (*_GRANIAN, "bench.contenders.floor:app"),
        "fastapi": (*_UVICORN, "bench.contenders.fastapi_writes:app"),
    }
)


class ContenderFailed(Exception):
    """A contender did not start or ended; the message tells where its log is."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A running server."""

    name: str
    port: int
    process: psutil.Process

    def cpu_s(self) -> float:
        """CPU time spent so far by the server and its workers, in seconds."""
        family = [self.process, *self.process.children(recursive=True)]
        times = [one.cpu_times() for one in family]
        return sum(spent.user + spent.system for spent in times)


@asynccontextmanager
async def running(names: Iterable[str], database_url: str) -> AsyncIterator[dict[str, Contender]]:
    """Run these contenders, all at once: who is not asked costs nothing.

    Raises:
        ContenderFailed: one of them did not start.
        PeerMissing: a peer could not be installed.
    """
    async with AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(_run(name, database_url)) for name in names}


@asynccontextmanager
async def _run(name: str, database_url: str) -> AsyncIterator[Contender]:
    python = str(python_of(name)) if name in PACKAGES else sys.executable
    port, log = _free_port(), FOLDER / f"{name}.log"
    command = [python, *(part.format(port=port) for part in COMMANDS[name])]
    out = _opened(log)
    try:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=_environment(database_url), stdout=out, stderr=out
        )
    finally:
        os.close(out)
    try:
        await _ready(name, process, port, log)
        yield Contender(name, port, psutil.Process(process.pid))
    finally:
        await _stop(process)


def _opened(log: Path) -> int:
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


def _environment(database_url: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KINGPOST_")}
    return inherited | {
        "KINGPOST_ENVIRONMENT": "development",
        "KINGPOST_DATABASE_URL": database_url,
        "KINGPOST_SECRET": SECRET,
        "KINGPOST_CONNECTIONS": str(CONNECTIONS),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(ROOT),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _ready(name: str, process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until:
        if process.returncode is not None:
            break
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        await writer.wait_closed()
        return
    raise ContenderFailed(f"{name} did not start: {_last_line(log)} (all of it in {log})")


def _last_line(log: Path) -> str:
    return (log.read_text(errors="replace").strip().splitlines() or ["it said nothing"])[-1]


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
