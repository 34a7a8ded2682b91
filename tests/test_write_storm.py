"""Servers, workers and database backends are killed while clients write: what was acknowledged is there, once."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from examples.flights.app import app
from kingpost.auth.tokens import mint
from kingpost.ports import OLDEST
from kingpost.settings import Secret
from kingpost.store.postgres import embedded
from kingpost.store.postgres.store import PostgresStore
from tests.flights_database import few_flights
from tests.test_docs import TOP

KEY = "k" * 32
WRITERS = 6
PATIENCE_S = 30.0
ROW = {"airline": "UA", "origin": "JFK", "dest": "LAX", "departs_at": "2013-12-31T12:00:00Z"}


@dataclass
class Server:
    """`kingpost serve examples.flights`, in a process group of its own, started again on the same port when killed."""

    url: str
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("KINGPOST_")}
        own = {"KINGPOST_DATABASE_URL": self.url, "KINGPOST_VERIFICATION_KEY": KEY, "KINGPOST_LOG_LEVEL": "error"}
        command = [sys.executable, "-m", "kingpost.cli", "serve", "examples.flights", "--port", str(self.port)]
        with (self.folder / "printed").open("ab") as out:
            self.process = subprocess.Popen(
                command, cwd=TOP, env=clean | own, stdout=out, stderr=out, start_new_session=True
            )

    def keep_up(self) -> None:
        """Start it again if it ended by itself, as whatever supervises it would: it needs its database to start."""
        if self.process is not None and self.process.poll() is not None:
            self.start()

    def kill(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


@dataclass
class Writer:
    """Creates flights one after the other, each under a key of its own, again and again until it is told that it is."""

    port: int
    number: int
    stop: threading.Event
    chance: random.Random
    acknowledged: dict[int, str] = field(default_factory=dict)
    given_up: set[int] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def run(self) -> None:
        token = mint(Secret(KEY), sub=f"uma{self.number}", roles=["dispatcher"], claims={"airline": "UA"}, ttl_s=86_400)
        count = 0
        while not self.stop.is_set():
            count += 1
            self.create(self.number * 1_000_000 + count, token)

    def create(self, number: int, token: str) -> None:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            status, body = self.post(number, token)
            if status == 201:
                self.acknowledged[number] = json.loads(body)["id"]
                if self.chance.random() < 0.1:
                    again, same = self.post(number, token)
                    if again == 201 and same != body:
                        self.wrong.append(f"another answer for {number}")
                return
            if status not in (0, 409, 503):
                self.wrong.append(f"{status} {body[:200]!r}")
                return
            time.sleep(0.02)
        self.given_up.add(number)

    def post(self, number: int, token: str) -> tuple[int, bytes]:
        """Status and body; 0 where the connection broke."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=15)
        headers = {
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
            "idempotency-key": f"flight-{number}",
        }
        try:
            connection.request("POST", "/v1/flights", json.dumps({**ROW, "number": number}), headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, HTTPException):
            return 0, b""
        finally:
            connection.close()


@dataclass
class Listener:
    """Hears of every flight that is created, from the beginning, whatever becomes of its connection."""

    url: str
    stop: threading.Event = field(default_factory=threading.Event)
    heard: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        asyncio.run(self._listen())

    async def _listen(self) -> None:
        store = PostgresStore(self.url, connections=1)
        await store.open(app.manifest)
        following = asyncio.create_task(self._follow(store))
        await asyncio.to_thread(self.stop.wait)
        following.cancel()
        ended = (await asyncio.gather(following, return_exceptions=True))[0]
        assert isinstance(ended, asyncio.CancelledError), f"the tail ended by itself: {ended!r}"
        await store.close()

    async def _follow(self, store: PostgresStore) -> None:
        async with aclosing(store.tail(OLDEST)) as tail:
            async for change in tail:
                if change.entity == "Flight" and change.op == "created":
                    self.heard[str(change.key[0])] += 1


def storm(url: str, folder: Path, rounds: int, crash: Callable[[], None]) -> None:
    """Kill something each round while writers write; then look at what is there."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server, stop, chance = Server(url, folder, port), threading.Event(), random.Random(13)
    server.start()
    writers = [Writer(port, number, stop, random.Random(number)) for number in range(1, WRITERS + 1)]
    listener = Listener(url)
    threads = [threading.Thread(target=writer.run) for writer in writers]
    listening = threading.Thread(target=listener.run)
    for thread in (listening, *threads):
        thread.start()
    try:
        wait_for(lambda: any(writer.acknowledged for writer in writers))
        for number in range(rounds):
            time.sleep(chance.uniform(0.05, 0.25))
            if number % 10 == 9:
                server.kill()
                server.start()
                before = sum(len(writer.acknowledged) for writer in writers)
                wait_for(partial(_more, writers, before), server.keep_up)
            elif number % 50 == 25:
                crash()
            else:
                asyncio.run(kill_backends(url, chance))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        server.kill()
    try:
        judge(url, writers, listener)
    finally:
        listener.stop.set()
        listening.join()


def judge(url: str, writers: list[Writer], listener: Listener) -> None:
    assert [one for writer in writers for one in writer.wrong] == []
    acknowledged = {number: row for writer in writers for number, row in writer.acknowledged.items()}
    rows, events = asyncio.run(kept(url))
    assert len(acknowledged) > 20
    assert {number: rows.get(number) for number in acknowledged} == {
        number: [row] for number, row in acknowledged.items()
    }
    assert max(map(len, rows.values())) == 1, "a retry had an effect of its own"
    assert events == {row: 1 for made in rows.values() for row in made}
    wait_for(lambda: len(listener.heard) >= len(events))
    assert dict(listener.heard) == events, "what is told is not what was written"


async def kept(url: str) -> tuple[dict[int, list[str]], dict[str, int]]:
    """The flights that were written, by number; and how many events there are of each."""
    connection = await connected(url)
    try:
        rows: dict[int, list[str]] = {}
        for row in await connection.fetch("SELECT number, id FROM flight WHERE number > 999999"):
            rows.setdefault(row["number"], []).append(str(row["id"]))
        events = await connection.fetch(
            """SELECT new->>'id' AS id, count(*) AS n FROM kingpost_outbox
               WHERE entity = 'Flight' AND old IS NULL AND (new->>'number')::bigint > 999999 GROUP BY 1"""
        )
        return rows, {row["id"]: row["n"] for row in events}
    finally:
        await connection.close()


async def kill_backends(url: str, chance: random.Random) -> None:
    """End one of the server's sessions, or all of them."""
    try:
        connection = await asyncpg.connect(url, timeout=5)
    except (OSError, asyncpg.PostgresError):
        return  # it is coming up again after a crash
    try:
        limit = "ALL" if chance.random() < 0.2 else "1"
        await connection.execute(
            f"""SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity
                WHERE application_name LIKE 'kingpost%' AND datname = current_database() ORDER BY random() LIMIT {limit}) b"""
        )
    finally:
        await connection.close()


async def connected(url: str) -> asyncpg.Connection[Any]:
    for _ in range(100):
        try:
            return await asyncpg.connect(url)
        except (OSError, asyncpg.PostgresError):
            await asyncio.sleep(0.1)
    raise AssertionError("the database did not come back")


def _more(writers: list[Writer], before: int) -> bool:
    return sum(len(one.acknowledged) for one in writers) > before


def wait_for(condition: Callable[[], bool], meanwhile: Callable[[], None] = lambda: None) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        meanwhile()
        assert time.monotonic() < until, "the server did not come back"
        time.sleep(0.02)


def crash_of(server: embedded.Server) -> Callable[[], None]:
    """Kill one backend as the system would when memory runs out: PostgreSQL ends all sessions and recovers."""

    async def find() -> int:
        connection = await connected(server.url)
        try:
            found: int = await connection.fetchval(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'kingpost' LIMIT 1"
            )
            return found
        finally:
            await connection.close()

    def crash() -> None:
        process = asyncio.run(find())
        if process:
            os.kill(process, signal.SIGKILL)

    return crash


def test_what_was_acknowledged_is_there_once_whatever_is_killed(tmp_path: Path) -> None:
    with embedded.start(tmp_path / "pg") as server:
        storm(few_flights(server.url, "kill", 100), tmp_path, 30, crash_of(server))


@pytest.mark.soak
def test_what_was_acknowledged_is_there_once_after_a_thousand_kills(tmp_path: Path) -> None:
    with embedded.start(tmp_path / "pg") as server:
        storm(few_flights(server.url, "kill", 100), tmp_path, 1_000, crash_of(server))
