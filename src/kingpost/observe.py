"""What happened, as frozen events at every hop; logs, metrics and traces only read them.

Events are msgspec structs, as a Call is: they are made for every request. None of them holds a value that a caller
sent: of a query only the parameters' names, of a token only why it was refused.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from typing import ClassVar, TypeAlias

import msgspec
from msgspec import Struct

from kingpost.settings import LogLevel

LINES_BYTES_MAX = 4_096
"""A pipe takes this much at once (PIPE_BUF on Linux), so the lines of several workers never mix."""
FLUSH_EVERY_S = 0.1
EVENTS_MAX = 64
"""So many events wait at most before they are written."""

_LEVELS: dict[LogLevel, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


class Event(Struct, frozen=True, tag=_snake, tag_field="event", omit_defaults=True):
    """Something that happened. `level` says who wants to know."""

    level: ClassVar[LogLevel] = "info"


Observer: TypeAlias = Callable[[Event], None]


class RequestEnded(Event, frozen=True):
    """One request was answered: a line of the access log. `parameters` are the names only."""

    request_id: str
    protocol: str
    action: str
    method: str
    path: str
    status: int
    duration_s: float
    bytes_out: int = 0
    parameters: tuple[str, ...] = ()
    address: str = ""
    actor: str | None = None
    error_code: str | None = None


class PlanMade(Event, frozen=True):
    """A shape came for the first time and was bound, allowed and compiled."""

    level = "debug"
    skeleton: tuple[str, ...]
    bind_s: float
    allow_s: float
    compile_s: float
    duration_s: float


class Refused(Event, frozen=True):
    """A stage said no; `where` is the parameter at fault."""

    level = "debug"
    code: str
    where: str | None = None
    request_id: str = ""


class IdentityRefused(Event, frozen=True):
    """Credentials were not believed; `reason` stays in the log, the caller hears less."""

    reason: str


class SystemAccess(Event, frozen=True):
    """A team's own code went past the policies; `how` is `system`, `sql` or `events`."""

    how: str
    actor: str | None
    request_id: str = ""


class EngineLost(Event, frozen=True):
    """The store cannot be reached."""

    level = "error"
    engine: str
    message: str


class EngineRecovered(Event, frozen=True):
    """It can be again."""

    level = "warning"
    engine: str
    gone_s: float


class EngineRefused(Event, frozen=True):
    """The store refused what we sent it; `code` is its own, for PostgreSQL the SQLSTATE."""

    level = "error"
    engine: str
    code: str
    message: str
    request_id: str = ""


class SlowStatement(Event, frozen=True):
    """A statement took long; the ordinary ones are too many to tell of."""

    level = "warning"
    engine: str
    fingerprint: str
    duration_s: float
    rows: int | None = None


class ServerStarted(Event, frozen=True):
    """A worker can answer."""

    app: str
    address: str
    process: int


class ServerDraining(Event, frozen=True):
    """A worker was told to stop: readiness says no, what is in flight is answered."""

    level = "warning"
    app: str
    process: int


class ServerStopped(Event, frozen=True):
    """A worker has answered all it had begun."""

    app: str
    process: int


class Defect(Event, frozen=True):
    """Our mistake; the traceback is for the log only."""

    level = "error"
    kind: str
    traceback: str
    request_id: str = ""


class LinesLost(Event, frozen=True):
    """The log could not be written for a while."""

    level = "warning"
    lines: int


def tee(*observers: Observer) -> Observer:
    """One observer that tells each of several, in their order."""

    def tell(event: Event) -> None:
        for observer in observers:
            observer(event)

    return tell


def nobody(event: Event) -> None:
    """The observer that looks away."""


class JsonLog:
    """An observer that writes one JSON object a line: time (RFC 3339, UTC), level, event and the event's fields.

    Lines wait until there are enough of them, until one is a warning or worse, until an event comes FLUSH_EVERY_S after
    the first, or until `flush`, which the edge calls every FLUSH_EVERY_S and at the end. Writing waits for the reader
    at the other end. Lines that cannot be written are counted, and told of once writing works again.

    Args:
        write: takes whole lines; standard error unless given.
        level: events less important than this are dropped.
        clock: seconds since 1970.
    """

    __slots__ = ("_clock", "_least", "_lost", "_second", "_stamp", "_waiting", "_write")

    def __init__(
        self,
        write: Callable[[bytes], None] | None = None,
        *,
        level: LogLevel = "info",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._write = write or _to_standard_error
        self._least = _LEVELS[level]
        self._clock = clock
        self._waiting: list[tuple[float, Event]] = []
        self._lost = self._second = 0
        self._stamp = b""

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        importance = _LEVELS[event.level]
        if importance < self._least:
            return
        now, waiting = self._clock(), self._waiting
        waiting.append((now, event))
        if importance >= _WARNING or len(waiting) >= EVENTS_MAX or now - waiting[0][0] >= FLUSH_EVERY_S:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        # Encoded all at once, with the encoder's code still warm: half of what it costs one by one among requests.
        lost, self._lost = self._lost, 0
        if lost:
            waiting.insert(0, (self._clock(), LinesLost(lost)))
        for some in _together(self._lines(waiting)):
            try:
                self._write(some)
            except OSError:  # a full disk or a closed pipe must not fail the request that was answered
                self._lost += some.count(b"\n") + max(lost - 1, 0)
            lost = 0

    def _lines(self, events: list[tuple[float, Event]]) -> bytes:
        parts: list[bytes] = []
        for at, event in events:
            if not 0.0 <= (since := at - self._second) < 1.0:
                self._second = int(at)
                self._stamp = time.strftime('{"time":"%Y-%m-%dT%H:%M:%S', time.gmtime(at)).encode()
                since = at - self._second
            parts += self._stamp, _THOUSANDTHS[int(since * 1_000)], _AFTER_TIME[event.level], _encoded(event)[1:], b"\n"
        return b"".join(parts)


_WARNING = _LEVELS["warning"]
_THOUSANDTHS = [b".%03dZ" % thousandth for thousandth in range(1_000)]
_AFTER_TIME = {level: f'","level":"{level}",'.encode() for level in _LEVELS}
_encode = msgspec.json.Encoder().encode


def _encoded(event: Event) -> bytes:
    try:
        return _encode(event)
    except UnicodeEncodeError:  # a lone surrogate, which only the standard library's encoder can write
        return json.dumps(msgspec.to_builtins(event), separators=(",", ":")).encode()


def _together(lines: bytes) -> Iterator[bytes]:
    """The lines in runs that a pipe takes at once; a longer line is a run of its own."""
    at = 0
    while at < len(lines):
        end = lines.rfind(b"\n", at, at + LINES_BYTES_MAX) + 1 or lines.index(b"\n", at) + 1
        yield lines[at:end]
        at = end


def _to_standard_error(lines: bytes) -> None:
    while lines:
        lines = lines[os.write(2, lines) :]
