"""The load generator sends what it is given, follows ETags where it has to, and counts what comes back."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise

import pytest

from bench.cases import request
from bench.load import NUMBER, TAG, Job, LoadFailed, load
from tests.bench_server import Asked, Told, serving

PATHS = tuple(f"/rows/{number}" for number in range(6))


def update(path: str) -> str:
    return request(path, "token", "PATCH", '{"dep_delay": 000}', TAG).replace("000}", NUMBER + "}")


async def test_requests_are_sent_in_turn_and_other_statuses_count_as_refused() -> None:
    seen: dict[str, int] = defaultdict(int)

    def answer(asked: Asked) -> Told:
        seen[asked.path] += 1
        return Told({}, 404 if asked.path == "/b" else 200)

    async with serving("one", answer) as one:
        tally = await load(Job(one.port, (request("/a", ""), request("/b", "")), 0.2, connections=2))
    assert tally.answers == sum(seen.values())
    assert tally.refused == seen["/b"]
    assert abs(seen["/a"] - seen["/b"]) <= 1


async def test_the_status_that_is_wanted_can_be_another() -> None:
    async with serving("one", lambda _: Told({}, 201)) as one:
        tally = await load(Job(one.port, (request("/", "t", "POST", "{}"),), 0.1, connections=2, status=201))
    assert (tally.refused, tally.answers > 0) == (0, True)


async def test_each_update_bears_the_etag_of_the_last_answer_and_no_row_is_written_by_two_at_once() -> None:
    versions = dict.fromkeys(PATHS, 1)
    told: dict[str, list[int]] = defaultdict(list)

    def answer(asked: Asked) -> Told:
        told[asked.path].append(json.loads(asked.body)["dep_delay"])
        if asked.headers["if-match"] != f'"{versions[asked.path]}-x"':
            return Told({}, 412)
        versions[asked.path] += 1
        return Told({}, 200, {"etag": f'"{versions[asked.path]}-x"'})

    job = (tuple(update(path) for path in PATHS), 0.3)
    async with serving("one", answer) as one:
        tally = await load(Job(one.port, *job, connections=3, tags=('"1-x"',) * len(PATHS)))
    assert tally.refused == 0
    assert tally.answers == sum(map(len, told.values())) > len(PATHS)
    assert told.keys() == set(PATHS)
    assert all(100 <= number <= 999 for numbers in told.values() for number in numbers)
    assert all(one != other for numbers in told.values() for one, other in pairwise(numbers))


async def test_an_answer_without_an_etag_ends_an_update() -> None:
    async with serving("one", lambda _: Told({})) as one:
        with pytest.raises(LoadFailed, match="without ETag"):
            await load(Job(one.port, (update("/a"),), 0.1, connections=1, tags=('"1-x"',)))
