"""Loads an HTTP server over kept-alive connections and counts what comes back, as cheaply as Python can.

Runs as a process of its own (`python -m bench.load`), so that its cost is nobody else's: it reads a `Job` as JSON from
its standard input and writes a `Tally` to its standard output. Every connection has one request in flight; requests
are taken in turn from one list, so that several are alternated evenly whatever each of them takes. Requests that follow
on what the last answer told are shared out among the connections instead, so that none is sent twice at once.
"""

from __future__ import annotations

import asyncio
import gc
import json
import select
import socket
import sys
from array import array
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from time import perf_counter, process_time

CONNECTIONS = 16
STALL_S = 30.0  # no byte for so long ends the run: the server hangs
READ_BYTES = 1 << 18
SEND_BYTES = 1 << 17  # a request longer than what the kernel takes at once is refused
TAG, NUMBER = "{tag}", "{number}"  # what stands in a request, in this order, in place of an ETag and a changing number


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
        status: with which all have to be answered; others count as refused.
        tags: for requests with TAG and NUMBER the ETag each begins with; later ones are those of its own answers. The
            number has three digits.
    """

    port: int
    requests: tuple[str, ...]
    seconds: float
    connections: int = CONNECTIONS
    status: int = 200
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """What came back.

    Args:
        answers: complete responses.
        refused: those among them whose status was not the job's.
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
    latencies, refused, seconds = _exchange(poll, connections, _turns(job), job)
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


@dataclass(slots=True)
class _Following:
    """The requests of one connection, each with the ETag that the last answer to it told."""

    parts: Sequence[tuple[bytes, bytes, bytes]]
    tags: list[bytes]
    at: int = -1
    sent: int = 0

    def next(self) -> bytes:
        self.at = (self.at + 1) % len(self.parts)
        self.sent += 1
        before, between, after = self.parts[self.at]
        return b"%b%b%b%d%b" % (before, self.tags[self.at], between, 100 + self.sent % 900, after)

    def heed(self, data: bytes) -> None:
        start = data.find(b"etag: ") + 6
        if start < 6:
            raise LoadFailed(f"a response without ETag: {data[:80]!r}")
        self.tags[self.at] = data[start : data.index(b"\r", start)]


_Turn = tuple[Callable[[], bytes], Callable[[bytes], None] | None]


def _turns(job: Job) -> list[_Turn]:
    """For each connection what gives its next request, and what heeds the answer to it, if anything does."""
    if not job.tags:
        following = cycle([one.encode("latin-1") for one in job.requests]).__next__
        return [(following, None)] * job.connections
    made: list[_Turn] = []
    for first in range(job.connections):
        parts = [_parts(one.encode("latin-1")) for one in job.requests[first :: job.connections]]
        own = _Following(parts, [tag.encode("latin-1") for tag in job.tags[first :: job.connections]])
        made.append((own.next, own.heed))
    return made


def _parts(request: bytes) -> tuple[bytes, bytes, bytes]:
    before, _, rest = request.partition(TAG.encode())
    between, _, after = rest.partition(NUMBER.encode())
    return before, between, after


def _connect(port: int, count: int) -> dict[int, socket.socket]:
    made = [socket.create_connection(("127.0.0.1", port), timeout=STALL_S) for _ in range(count)]
    for one in made:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        one.setblocking(False)
    return {one.fileno(): one for one in made}


def _exchange(
    poll: select.epoll, connections: dict[int, socket.socket], turns: Sequence[_Turn], job: Job
) -> tuple[array[float], int, float]:
    """The hot loop: everything it touches for each response is a local name."""
    latencies, refused, clock, status = array("d"), 0, perf_counter, b"%d" % job.status
    following = {number: turn[0] for number, turn in zip(connections, turns, strict=True)}
    heeding = {number: turn[1] for number, turn in zip(connections, turns, strict=True) if turn[1] is not None}
    receive = {number: one.recv for number, one in connections.items()}
    send = {number: one.send for number, one in connections.items()}
    partial: dict[int, bytes] = {}
    sent_at: dict[int, float] = {}
    started = now = clock()
    until, waiting = started + job.seconds, len(connections)
    for number in connections:
        _send_whole(send[number], following[number]())
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
            if data[9:12] != status:
                refused += 1
            elif heeding:
                heeding[number](data)
            now = clock()
            latencies.append(now - sent_at[number])
            if now < until:
                sent_at[number] = now
                _send_whole(send[number], following[number]())
            else:
                waiting -= 1
    return latencies, refused, clock() - started


def _send_whole(send: Callable[[bytes], int], request: bytes) -> None:
    if send(request) != len(request):
        raise LoadFailed(f"a request of {len(request)} bytes could not be sent at once")


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
        tally = run(Job(**{**given, "requests": tuple(given["requests"]), "tags": tuple(given["tags"])}))
    except (LoadFailed, OSError) as error:
        sys.exit(str(error))
    json.dump(asdict(tally), sys.stdout)


if __name__ == "__main__":
    _main()
