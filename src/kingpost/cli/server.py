"""Runs granian: its workers import the app, drain when told to stop, and end when their parent is gone."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing import connection, parent_process

from granian.constants import Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import MPServer

from kingpost.cli.locate import load
from kingpost.cli.served import Drains, ServedApp
from kingpost.errors import DeclarationError
from kingpost.settings import Settings

# How long a connection may be idle or take over its headers. More than the 60 s after which common load balancers give
# up an idle connection, or they would send a request into one that we are just closing.
IDLE_MS = 75_000


def check_port(settings: Settings) -> None:
    """See that the port can be had: granian's workers share theirs (SO_REUSEPORT), so two servers would not notice.

    Raises:
        DeclarationError: it cannot.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise DeclarationError(
                f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}",
                hint=f"another program may be there; try --port {settings.port + 1}",
            ) from error


def serve(target: str, settings: Settings, *, workers: int, started: Callable[[], None] | None = None) -> int:
    """Serve until told to stop (SIGTERM or SIGINT); return 0, or 1 if a worker failed.

    Then readiness says no for `unready_s`, connections are refused, and what is in flight gets `drain_s`.

    Args:
        target: the app as `module:attribute`.
        settings: where to listen and how to end; the workers read their own from the environment.
        workers: how many processes answer.
        started: is called in a thread once the first worker listens.
    """
    os.environ.update(settings.variables())
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # inherited, until a worker has set up what it does about it
    server = _Server(settings.unready_s, target, settings, workers)
    if started is not None:
        threading.Thread(target=_when_listening, args=(settings, started), daemon=True).start()
    try:
        server.serve(target_loader=partial(_load_in_worker, target), wrap_loader=False)
    except SystemExit as ended:
        # Ctrl-C reaches the workers too; granian takes their leaving before it looks for a failure.
        return 0 if server.stopping else int(bool(ended.code))
    return 0


class _Server(MPServer):
    """Granian's own, but that it tells its workers of the end before it ends them."""

    def __init__(self, unready_s: float, target: str, settings: Settings, workers: int) -> None:
        super().__init__(
            target,
            address=settings.host,
            port=settings.port,
            workers=workers,
            interface=Interfaces.ASGI,
            loop=Loops.asyncio if sys.platform == "win32" else Loops.uvloop,
            http1_settings=HTTP1Settings(header_read_timeout=IDLE_MS),
            workers_kill_timeout=settings.drain_s,
            respawn_failed_workers=workers > 1,
            log_level=LogLevels.warning,
        )
        self.stopping = False
        self._unready_s = unready_s

    def signal_handler_interrupt(self, *_: object) -> None:
        if self.stopping:
            return
        self.stopping = True
        threading.Thread(target=self._end, daemon=True).start()

    def _end(self) -> None:
        logging.getLogger("_granian").addFilter(lambda record: not record.getMessage().startswith("Unexpected exit"))
        for worker in self.wrks:
            with suppress(ProcessLookupError):
                os.kill(worker.inner.pid, signal.SIGUSR1)
        time.sleep(self._unready_s)
        self.interrupt_signal = True
        self.main_loop_interrupt.set()


def _load_in_worker(target: str) -> ServedApp:
    """Import the app in a worker, and set up how it ends. Called before its loop, already the current one, runs."""
    app = load(target)
    if isinstance(app, Drains):
        asyncio.get_event_loop().add_signal_handler(signal.SIGUSR1, app.drain)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    return app


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def _when_listening(settings: Settings, started: Callable[[], None]) -> None:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - compared, not bound
    while True:
        try:
            socket.create_connection((host, settings.port), timeout=1).close()
        except OSError:
            time.sleep(0.01)
        else:
            started()
            return
