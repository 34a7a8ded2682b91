"""What the log says of what happens, when it is written, and what it never says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kingpost import observe
from kingpost.observe import EVENTS_MAX, Defect, EngineLost, Event, JsonLog, PlanMade, Refused, RequestEnded, tee

ENDED = RequestEnded("r1", "rest", "Flight.list", "GET", "/v1/flights", 200, 0.001, 12, ("airline",))
EVENTS = [
    one for one in vars(observe).values() if isinstance(one, type) and issubclass(one, Event) and one is not Event
]


class Disk:
    """Somewhere to write, with a clock beside it; `full` while it takes nothing."""

    def __init__(self) -> None:
        self.now = 1_372_636_800.25
        self.full = False
        self.writes: list[bytes] = []

    def write(self, lines: bytes) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.writes.append(lines)

    def log(self, **settings: Any) -> JsonLog:
        return JsonLog(self.write, clock=lambda: self.now, **settings)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in b"".join(self.writes).splitlines()]


def test_a_line_has_its_time_its_level_and_the_events_fields() -> None:
    disk = Disk()
    log = disk.log()
    log(ENDED)
    log.flush()
    (line,) = disk.lines()
    assert list(line)[:3] == ["time", "level", "event"]
    assert line["time"] == "2013-07-01T00:00:00.250Z"
    assert (line["level"], line["event"], line["status"], line["parameters"]) == (
        "info",
        "request_ended",
        200,
        ["airline"],
    )


def test_lines_wait_for_company() -> None:
    disk = Disk()
    log = disk.log()
    log(ENDED)
    assert disk.writes == []
    for _ in range(EVENTS_MAX):
        log(ENDED)
    assert disk.writes
    assert all(len(written) <= observe.LINES_BYTES_MAX for written in disk.writes)
    log.flush()
    assert len(disk.lines()) == EVENTS_MAX + 1


def test_they_wait_no_longer_than_a_tenth_of_a_second() -> None:
    disk = Disk()
    log = disk.log()
    log(ENDED)
    disk.now += observe.FLUSH_EVERY_S + 0.01
    log(ENDED)
    assert len(disk.lines()) == 2


def test_a_warning_and_worse_is_written_at_once_and_in_order() -> None:
    disk = Disk()
    log = disk.log()
    log(ENDED)
    log(EngineLost("postgres", "connection refused"))
    assert [line["event"] for line in disk.lines()] == ["request_ended", "engine_lost"]


def test_what_is_less_important_than_the_level_is_dropped() -> None:
    disk = Disk()
    log = disk.log(level="info")
    log(PlanMade(("rest",), 0.1, 0.1, 0.1, 0.3))
    log(Refused("KP200"))
    log.flush()
    assert disk.lines() == []


def test_lines_that_could_not_be_written_are_counted_and_told() -> None:
    disk = Disk()
    log = disk.log()
    disk.full = True
    for _ in range(2):
        log(ENDED)
        log.flush()
    disk.full = False
    log(ENDED)
    log.flush()
    assert [line["event"] for line in disk.lines()] == ["lines_lost", "request_ended"]
    assert disk.lines()[0]["lines"] == 2


def test_a_lone_surrogate_is_written_too() -> None:
    disk = Disk()
    disk.log()(EngineLost("postgres", "\ud800"))
    assert disk.lines()[0]["message"] == "\ud800"


def test_a_line_break_in_an_event_makes_no_second_line() -> None:
    disk = Disk()
    disk.log()(Defect("ValueError", "Traceback:\n  line\n"))
    assert b"".join(disk.writes).count(b"\n") == 1


def test_a_line_longer_than_a_pipe_takes_at_once_is_written_alone() -> None:
    disk = Disk()
    log = disk.log()
    log(ENDED)
    log(EngineLost("postgres", "x" * observe.LINES_BYTES_MAX))
    log(EngineLost("postgres", "y"))
    assert [written.count(b"\n") for written in disk.writes] == [1, 1, 1]
    assert len(disk.writes[1]) > observe.LINES_BYTES_MAX


def test_tee_tells_every_observer_in_order() -> None:
    heard: list[tuple[str, Event]] = []
    tee(lambda event: heard.append(("first", event)), lambda event: heard.append(("second", event)))(ENDED)
    assert heard == [("first", ENDED), ("second", ENDED)]


@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_is_frozen_has_a_known_level_and_says_what_it_is(kind: type[Event]) -> None:
    assert kind.__struct_config__.frozen
    assert kind.level in {"debug", "info", "warning", "error"}
    assert kind.__doc__


def test_no_event_can_hold_a_query_or_a_credential() -> None:
    fields = {field for kind in EVENTS for field in kind.__struct_fields__}
    assert not fields & {"query", "query_string", "token", "authorization", "credentials", "headers", "body", "values"}
