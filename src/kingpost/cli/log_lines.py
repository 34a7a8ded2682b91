"""Turns the server's JSON log lines into lines for someone who watches them go by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_PLAIN, _GREEN, _YELLOW, _RED, _FAINT = "0", "32", "33", "31", "2"
_COLORS = {"debug": _FAINT, "info": _PLAIN, "warning": _YELLOW, "error": _RED}
_FRAME = frozenset({"time", "level", "event"})


def readable(line: str) -> str:
    """One line, as it came unless it is one of ours."""
    if not line.startswith('{"time":'):
        return line
    try:
        event: dict[str, Any] = json.loads(line)
        return _request(event) if event["event"] == "request_ended" else _other(event)
    except (ValueError, KeyError):
        return line


def _request(event: Mapping[str, Any]) -> str:
    status = event["status"]
    names = event.get("parameters")
    path = event["path"] + (f"?{'&'.join(names)}" if names else "")
    took = f"{event['duration_s'] * 1_000:.1f} ms"
    code = f"  {event['error_code']}" if event.get("error_code") else ""
    color = _GREEN if status < 400 else _YELLOW if status < 500 else _RED
    return f"{_clock(event)} {_in(color, str(status))} {event['method']} {path}  {_in(_FAINT, took)}{code}"


def _other(event: Mapping[str, Any]) -> str:
    said = "  ".join(f"{name}={value}" for name, value in event.items() if name not in _FRAME and name != "traceback")
    line = f"{_clock(event)} {_in(_COLORS[event['level']], event['event'])}  {said}"
    return f"{line}\n{event['traceback']}" if "traceback" in event else line


def _clock(event: Mapping[str, Any]) -> str:
    return _in(_FAINT, event["time"][11:19])


def _in(color: str, text: str) -> str:
    return f"\x1b[{color}m{text}\x1b[0m"
