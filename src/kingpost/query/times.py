"""Dates, times and durations from text: RFC 3339, and ISO 8601 where RFC 3339 says nothing.

A bare date, or a time without an offset, is meant in the app's timezone. Where clocks go back, the first of the
two instants is meant; where they go forward, the offset before the change holds. No leap seconds: no store keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from datetime import timezone as fixed
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

_DATE = r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
_TIME = r"([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?"
# A plus sign that was not escaped in a URL arrives as a space.
_DATETIME_TEXT = re.compile(rf"{_DATE}(?:[Tt ]{_TIME}(?:([Zz])|([-+ ])([0-9]{{2}}):([0-9]{{2}}))?)?")
_DATE_TEXT = re.compile(_DATE)
_TIME_TEXT = re.compile(_TIME)
_SECONDS = r"([0-9]{1,18}(?:\.[0-9]{1,6})?)"
_DURATION_TEXT = re.compile(
    rf"(-)?P(?=[0-9T])(?:([0-9]{{1,9}})W)?(?:([0-9]{{1,9}})D)?"
    rf"(?:T(?=[0-9])(?:([0-9]{{1,12}})H)?(?:([0-9]{{1,14}})M)?(?:{_SECONDS}S)?)?"
)
_SECONDS_TEXT = re.compile(rf"(-)?{_SECONDS}")
_UNITS_S: Mapping[int, int] = {2: 7 * 86_400, 3: 86_400, 4: 3_600, 5: 60, 6: 1}


def to_datetime(value: object, timezone: str) -> datetime:
    """An instant, in UTC.

    Raises:
        ValueError, OverflowError: it is none, or is outside the years 1 to 9999 in UTC.
    """
    if isinstance(value, datetime):
        zoned = value if value.tzinfo is not None else value.replace(tzinfo=ZoneInfo(timezone))
    elif isinstance(value, date):
        zoned = datetime(value.year, value.month, value.day, tzinfo=ZoneInfo(timezone))
    else:
        zoned = _usual(value, timezone) or _datetime(_matched(_DATETIME_TEXT, value), timezone)
    return zoned if zoned.tzinfo is UTC else zoned.astimezone(UTC)


# The same few days are asked for over and over. Only what is an instant is kept, and that is no longer than 32 letters.
instant_of = lru_cache(maxsize=1_024)(to_datetime)


def to_date(value: object) -> date:
    """A date; a datetime is none.

    Raises:
        ValueError: it is no date.
    """
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    year, month, day = _matched(_DATE_TEXT, value).groups()
    return date(int(year), int(month), int(day))


def to_time(value: object) -> time:
    """A time of day, without an offset.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, time) and value.tzinfo is None:
        return value.replace(fold=0)
    return time(*_clock(_matched(_TIME_TEXT, value).groups()))


def to_duration(value: object) -> timedelta:
    """A length of time: ISO 8601 in weeks, days, hours, minutes and seconds, or a number of seconds.

    Years and months are refused: they have no length of their own.

    Raises:
        ValueError, OverflowError: it is none, or longer than a timedelta can be.
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        value = f"{value:f}"
    if not isinstance(value, str):
        raise ValueError(value)
    if plain := _SECONDS_TEXT.fullmatch(value):
        sign, microseconds = plain[1], _micro(plain[2])
    else:
        iso = _matched(_DURATION_TEXT, value)
        sign = iso[1]
        microseconds = sum(_micro(iso[unit]) * size_s for unit, size_s in _UNITS_S.items() if iso[unit])
    return timedelta(microseconds=-microseconds if sign else microseconds)


def _usual(value: object, timezone: str) -> datetime | None:
    """The forms that nearly all callers write, by Python's own parser, which is twenty times faster; None for others."""
    if not isinstance(value, str) or value[4:5] != "-" or value[7:8] != "-":
        return None
    if len(value) == 10:
        return datetime.fromisoformat(value).replace(tzinfo=ZoneInfo(timezone))
    if value[10:11] == "T" and value[13:14] == value[16:17] == ":":
        if len(value) == 20 and value[19] == "Z":
            return datetime.fromisoformat(value)
        if len(value) == 25 and value[19] in "+-" and value[22] == ":":
            return datetime.fromisoformat(value)
    return None


def _datetime(found: re.Match[str], timezone: str) -> datetime:
    year, month, day = (int(part) for part in found.groups()[:3])
    clock = _clock(found.groups()[3:7]) if found[4] else (0, 0, 0, 0)
    return datetime(year, month, day, *clock, tzinfo=_zone(found, timezone))


def _zone(found: re.Match[str], timezone: str) -> tzinfo:
    if found[8]:
        return UTC
    if not found[9]:
        return ZoneInfo(timezone)
    hours, minutes = int(found[10]), int(found[11])
    if hours > 23 or minutes > 59:
        raise ValueError(found[0])
    offset = timedelta(hours=hours, minutes=minutes)
    return fixed(-offset if found[9] == "-" else offset)


def _clock(parts: tuple[Any, ...]) -> tuple[int, int, int, int]:
    hour, minute, second, fraction = parts
    return int(hour), int(minute), int(second or 0), int((fraction or "").ljust(6, "0"))


def _micro(seconds: str) -> int:
    whole, _, fraction = seconds.partition(".")
    return int(whole) * 1_000_000 + int(fraction.ljust(6, "0"))


def _matched(pattern: re.Pattern[str], value: object) -> re.Match[str]:
    found = pattern.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(value)
    return found
