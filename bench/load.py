"""Loads an HTTP server over kept-alive connections and counts what comes back, as cheaply as Python can.

Runs as a process of its own (`python -m bench.load`), so that its cost is nobody else's: it reads a `Job` as JSON from
its standard input and writes a `Tally` to its standard output. Every connection has one request in flight; requests
are taken in turn from one list, so that several are alternated evenly whatever each of them takes.
"""

from __future__ import annotations

import asyncio
import gc
import json
import select
import socket
import sys
from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from time import perf_counter, process_time

CONNECTIONS = 16
STALL_S = 30.0  # no byte for so long ends the run: the server hangs
READ_BYTES = 1 << 18


class LoadFailed(Exception):
    """The server closed a connection, hung or spoke something else than HTTP/1.1 with Content-Length."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to send, and how long.

    Args:
        port: of 127.0.0.1.
        requests: whole HTTP/1.1 requests in Latin-1, taken in turn.
        seconds: how long new requests are sent.
        connections: kept open at once, each with one request in flight.
    """

    port: int
    requests: tuple[str, ...]
    seconds: float
    connections: int = CONNECTIONS


@dataclass(frozen=True, slots=True)
class Tally:
    """What came back.

    Args:
        answers: complete responses.
        refused: those among them whose status was not 200.
        seconds: from the first request to the last response.
        p50_ms, p99_ms: latency of a request, from its last byte sent to its last byte received.
        client_us: CPU time the generator itself spent on a request, in microseconds.
    """

    answers: int
    refused: int
    seconds: float
    p50_ms: float
    p99_ms: float
    client_us: float

    @property
    def rps(self) -> float:
        """Responses a second."""
        return self.answers / self.seconds


async def load(job: Job) -> Tally:
    """Run a job in a process of its own.

    Raises:
        LoadFailed: with what the generator said.
    """
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "bench.load")
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    out, said = await process.communicate(json.dumps(asdict(job)).encode())
    if process.returncode:
        raise LoadFailed(said.decode(errors="replace").strip())
    return Tally(**json.loads(out))


def run(job: Job) -> Tally:
    """Send the job's requests until its time is over, then wait for the responses still due.

    Raises:
        LoadFailed: see there.
        OSError: the server could not be reached.
    """
    poll, connections = select.epoll(), _connect(job.port, job.connections)
    for number in connections:
        poll.register(number, select.EPOLLIN)
    gc.disable()  # nothing here makes a cycle
    spent_s = process_time()
    latencies, refused, seconds = _exchange(poll, connections, [one.encode("latin-1") for one in job.requests], job)
    spent_s = process_time() - spent_s
    for connection in connections.values():
        connection.close()
    poll.close()
    ordered = sorted(latencies)
    return Tally(
        answers=len(ordered),
        refused=refused,
        seconds=seconds,
        p50_ms=_quantile(ordered, 0.50) * 1e3,
        p99_ms=_quantile(ordered, 0.99) * 1e3,
        client_us=spent_s / len(ordered) * 1e6,
    )


def _connect(port: int, count: int) -> dict[int, socket.socket]:
    made = [socket.create_connection(("127.0.0.1", port), timeout=STALL_S) for _ in range(count)]
    for one in made:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.setblocking(False)
    return {one.fileno(): one for one in made}


def _exchange(
    poll: select.epoll, connections: dict[int, socket.socket], requests: Sequence[bytes], job: Job
) -> tuple[array[float], int, float]:
    """The hot loop: everything it touches for each response is a local name."""
    following, latencies, refused, clock = cycle(requests).__next__, array("d"), 0, perf_counter
    receive = {number: one.recv for number, one in connections.items()}
    send = {number: one.send for number, one in connections.items()}
    partial: dict[int, bytes] = {}
    sent_at: dict[int, float] = {}
    started = now = clock()
    until, waiting = started + job.seconds, len(connections)
    for number in connections:
        send[number](following())
        sent_at[number] = now
    wait = poll.poll
    while waiting:
        ready = wait(STALL_S)
        if not ready:
            raise LoadFailed(f"no response for {STALL_S:.0f} s")
        for number, _ in ready:
            data = receive[number](READ_BYTES)
            if number in partial:
                data = partial.pop(number) + data if data else data
            body_at = data.find(b"\r\n\r\n") + 4
            if body_at < 4 or len(data) < body_at + _content_length(data, body_at):
                if not data:
                    raise LoadFailed("the server closed a connection")
                partial[number] = data
                continue
            if data[9:12] != b"200":
                refused += 1
            now = clock()
            latencies.append(now - sent_at[number])
            if now < until:
                sent_at[number] = now
                send[number](following())
            else:
                waiting -= 1
    return latencies, refused, clock() - started


def _content_length(data: bytes, body_at: int) -> int:
    at = data.find(b"content-length: ", 0, body_at)
    if at < 0:
        at = data[:body_at].lower().find(b"content-length: ")
        if at < 0:
            raise LoadFailed(f"a response without Content-Length: {data[:80]!r}")
    return int(data[at + 16 : data.index(b"\r", at)])


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _main() -> None:
    given = json.load(sys.stdin)
    try:
        tally = run(Job(**{**given, "requests": tuple(given["requests"])}))
    except (LoadFailed, OSError) as error:
        sys.exit(str(error))
    json.dump(asdict(tally), sys.stdout)


if __name__ == "__main__":
    _main()
