"""A real server under load while its database fails: no wrong answer, honest refusals, and it recovers by itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import asyncpg
import pytest

from kingpost.store.postgres import embedded
from tests.flights_database import few_flights
from tests.test_docs import TOP

TARGETS = (
    "/v1/flights/013bf59b-64a0-763f-bb6a-7483af908499?include=airline,plane",
    "/v1/flights?airline=UA&sort=-dep_delay&limit=20&include=origin,dest",
    "/v1/airlines?include=flights.plane&flights.limit=2",
    "/v1/flights?group=airline&aggregate=count,avg:dep_delay",
)
CLIENTS = 8
PATIENCE_S = 10.0


# --- The server and who asks it --------------------------------------------------------------------------------------


@dataclass
class Server:
    """`kingpost serve examples.flights` on a port of its own."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    started_s: float = 0.0

    def wait_until_ready(self, seconds: float = 20.0) -> None:
        begun = time.monotonic()
        while self.ready() != 200:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() - begun < seconds, self.log.read_text()
            time.sleep(0.02)
        self.started_s = time.monotonic() - begun

    def ready(self) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()


@contextmanager
def serving(url: str, folder: Path, **environment: str) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KINGPOST_")}
    own = {"KINGPOST_DATABASE_URL": url, "KINGPOST_VERIFICATION_KEY": "k" * 32, "KINGPOST_UNREADY_S": "0.2"}
    log = folder / "printed"
    command = [sys.executable, "-m", "kingpost.cli", "serve", "examples.flights", "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=TOP, env=clean | own | environment, stdout=out, stderr=out)
    server = Server(process, port, log)
    try:
        server.wait_until_ready()
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(15)


@dataclass(frozen=True)
class Heard:
    """One answer; status 0: the connection was refused, -1: it broke before there was an answer."""

    at: float
    target: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


async def ask(port: int, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Heard:
    """One request over a connection that is kept."""
    writer.write(f"GET {target} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    body = await reader.readexactly(int(headers["content-length"]))
    return Heard(time.monotonic(), target, int(head[0].split()[1]), headers, body)


async def client(port: int, until: Callable[[], bool], heard: list[Heard], number: int = 0) -> None:
    """Asks in turn what there is to ask, until told; connects anew when its connection is closed."""
    while not until():
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            heard.append(Heard(time.monotonic(), "", 0))
            await asyncio.sleep(0.02)
            continue
        try:
            while not until():
                number += 1
                one = await asyncio.wait_for(ask(port, TARGETS[number % 4], reader, writer), PATIENCE_S + 5)
                heard.append(one)
                if one.headers.get("connection") == "close":
                    break
        except (OSError, asyncio.IncompleteReadError):
            heard.append(Heard(time.monotonic(), TARGETS[number % 4], -1))
        finally:
            writer.close()


async def under_load(
    server: Server, trouble: Callable[[], Awaitable[None]], calm_s: float
) -> tuple[float, list[Heard]]:
    """All that was heard while `trouble` went on and `calm_s` after it, and when it was over."""
    heard: list[Heard] = []
    over = asyncio.Event()
    clients = [asyncio.create_task(client(server.port, over.is_set, heard, number)) for number in range(CLIENTS)]
    try:
        await asyncio.sleep(0.3)
        await trouble()
        ended = time.monotonic()
        await asyncio.sleep(calm_s)
    finally:
        over.set()
        await asyncio.gather(*clients)
    return ended, heard


async def known(server: Server) -> dict[str, bytes]:
    """What each target's right answer is, asked in peace."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    answers = [await ask(server.port, target, reader, writer) for target in TARGETS]
    writer.close()
    assert [one.status for one in answers] == [200] * 4
    return {one.target: one.body for one in answers}


def assert_honest(heard: list[Heard], right: dict[str, bytes]) -> None:
    """Every answer is the right one, or a 503 that says when to come again."""
    for one in heard:
        if one.status == 200:
            assert one.body == right[one.target]
            continue
        assert one.status == 503, (one, heard.index(one), len(heard))
        assert int(one.headers["retry-after"]) >= 1
        assert one.headers["content-type"] == "application/problem+json"
        assert json.loads(one.body)["status"] == 503
        assert b"postgres" not in one.body.lower()


def assert_calm(heard: list[Heard], since: float) -> None:
    late = [one.status for one in heard if one.at > since]
    assert len(late) > 20
    assert set(late) == {200}


@pytest.fixture(scope="module")
def url(postgres_url: str) -> str:
    return few_flights(postgres_url, "storm")


@pytest.fixture
def server(url: str, tmp_path: Path) -> Iterator[Server]:
    with serving(url, tmp_path) as server:
        yield server


# --- The storms ------------------------------------------------------------------------------------------------------


async def kill_backends(url: str, seconds: float) -> int:
    """Kill all of the server's connections again and again; how many there were in all."""
    kill = """SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
              WHERE application_name = 'kingpost' AND datname = current_database()"""
    killer = await asyncpg.connect(url)
    killed, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        killed += await killer.fetchval(kill)
        await asyncio.sleep(0.03)
    await killer.close()
    return killed


async def test_killed_backends_cost_honest_refusals_at_most_and_no_wrong_answer(server: Server, url: str) -> None:
    right = await known(server)
    killed = 0

    async def trouble() -> None:
        nonlocal killed
        killed = await kill_backends(url, 3.0)

    ended, heard = await under_load(server, trouble, 1.3)
    assert killed > 50
    assert_honest(heard, right)
    assert_calm(heard, ended + 0.3)
    assert sum(one.status == 200 for one in heard) > len(heard) / 2


async def test_a_database_that_stops_and_comes_back_is_found_again(tmp_path: Path) -> None:
    database = await asyncio.to_thread(embedded.start, tmp_path / "pg", durable=False)
    await storm_of_a_stop(database, tmp_path, 2.0)


@pytest.mark.soak
async def test_a_database_that_is_away_for_long_is_found_again(tmp_path: Path) -> None:
    database = await asyncio.to_thread(embedded.start, tmp_path / "pg", durable=False)
    await storm_of_a_stop(database, tmp_path, 10.0)


async def storm_of_a_stop(database: embedded.Server, folder: Path, away_s: float) -> None:
    again = database

    async def trouble() -> None:
        nonlocal again
        await asyncio.to_thread(database.stop)
        await asyncio.sleep(away_s)
        assert await asyncio.to_thread(server.ready) == 503
        again = await asyncio.to_thread(embedded.start, folder / "pg", durable=False)

    try:
        url = await asyncio.to_thread(few_flights, database.url, "storm")
        with serving(url, folder) as server:
            right = await known(server)
            ended, heard = await under_load(server, trouble, 3.0)
            assert await asyncio.to_thread(server.ready) == 200
        assert_honest(heard, right)
        assert {one.status for one in heard} == {200, 503}
        assert_calm(heard, ended + 2.0)
    finally:
        await asyncio.to_thread(again.stop)


# --- Starting and ending ---------------------------------------------------------------------------------------------


async def test_told_to_stop_under_load_it_answers_all_that_it_took(server: Server) -> None:
    right, heard = await known(server), list[Heard]()
    clients = [
        asyncio.create_task(client(server.port, lambda: server.process.poll() is not None, heard, number))
        for number in range(CLIENTS)
    ]
    await asyncio.sleep(0.5)
    server.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(server.process.wait, 15) == 0
    await asyncio.gather(*clients)
    assert {one.status for one in heard} <= {200, 0, -1}
    assert_honest([one for one in heard if one.status == 200], right)
    assert [one for one in heard if one.status == -1] == []


@pytest.mark.soak
def test_a_first_answer_takes_seconds_at_most(url: str, tmp_path: Path) -> None:
    with serving(url, tmp_path) as server:
        print(f"from start to ready: {server.started_s:.2f} s")
        assert server.started_s < 6
