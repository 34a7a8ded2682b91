"""The example end to end: all flights in a real PostgreSQL, asked as HTTP asks."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

import asyncpg
import pytest
import pytest_asyncio

from examples.flights.app import app
from kingpost.auth.tokens import mint
from tests.asgi import Got, fetch
from tests.flights_database import SECRET, all_flights, settings
from tests.test_docs import TOP

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIRST = "/v1/flights/013bf59b-64a0-763f-bb6a-7483af908499"
LATEST = "/v1/flights?sort=-dep_delay&fields=dep_delay,status&limit=100"
README_TARGETS = re.findall(r"curl -g 'http://127\.0\.0\.1:8000(\S+)'", (TOP / "README.md").read_text())

Get: TypeAlias = Callable[..., Awaitable[Got]]


@pytest.fixture(scope="module")
def url(postgres_url: str) -> str:
    return all_flights(postgres_url)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def get(url: str) -> AsyncIterator[Get]:
    """Asks for a target, as somebody with this token if one is given."""
    wired = app.wire(settings(url))
    await wired.start()

    async def ask(target: str, token: str | None = None, **headers: str) -> Got:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await fetch(wired.http, target, headers=given | ({"authorization": f"Bearer {token}"} if token else {}))

    yield ask
    await wired.stop()


def token(*roles: str, **claims: object) -> str:
    return mint(SECRET, sub="ann", roles=roles, claims=claims)


async def data(get: Get, target: str, token: str | None = None) -> Any:
    """The rows of a list that has to be there."""
    got = await get(target, token)
    assert got.status == 200, got.body
    return got.json["data"]


# --- Counts and values -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "number"),
    [
        ("/v1/flights?airline=UA", 58_665),
        ("/v1/flights?airline=OO", 32),
        ("/v1/flights?tailnum[is_null]=true", 2_512),
        ("/v1/flights?tailnum[is_null]=false&plane[is_null]=true", 50_094),
        ("/v1/flights?status=cancelled", 8_255),
        ("/v1/flights?dest.name[is_null]=true", 7_602),
        ("/v1/airlines", 16),
        ("/v1/airports", 1_462),
        ("/v1/planes", 3_322),
    ],
)
async def test_counts_are_those_of_the_data(get: Get, target: str, number: int) -> None:
    got = await get(f"{target}{'&' if '?' in target else '?'}limit=1&count=exact")
    assert (got.status, got.json["count"], len(got.json["data"])) == (200, number, 1)


async def test_averages_of_all_airlines_are_what_plain_sql_says(get: Get, url: str) -> None:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT airline, count(*), avg(dep_delay)::text FROM flight GROUP BY 1 ORDER BY 1")
    await connection.close()
    found = await data(get, "/v1/flights?group=airline&aggregate=count,avg:dep_delay&limit=100")
    assert [tuple(one.values()) for one in found] == [tuple(row) for row in rows]
    assert {"airline": "UA", "count": 58_665, "avg_dep_delay": "12.1060728884596147"} in found


async def test_a_flight_is_what_the_file_says_without_what_staff_alone_sees(get: Get) -> None:
    assert (await get(FIRST)).json == {
        "id": FIRST.rpartition("/")[2],
        "airline": "UA",
        "origin": "EWR",
        "dest": "IAH",
        "plane": "N14228",
        "tailnum": "N14228",
        "number": 1545,
        "departs_at": "2013-01-01T10:15:00+00:00",
        "dep_delay": 2,
        "status": "departed",
    }


async def test_the_latest_come_first_and_cancelled_ones_never_open_the_list(get: Get) -> None:
    found = await data(get, LATEST)
    assert found[0] == {"dep_delay": 1301, "status": "departed"}
    assert {one["status"] for one in found} == {"departed"}
    delays = [one["dep_delay"] for one in found]
    assert delays == sorted(delays, reverse=True)


async def test_a_plane_that_nobody_lists_is_null_where_it_is_included(get: Get) -> None:
    (found,) = await data(get, "/v1/flights?plane[is_null]=true&include=plane,airline,dest&dest=BQN&limit=1")
    assert found["plane"] is None
    assert found["airline"]["carrier"] == "UA"
    assert found["dest"] == {"faa": "BQN", "name": None, "lat": None, "lon": None}


async def test_each_included_list_ends_by_its_own_limit_and_says_where_it_goes_on(get: Get) -> None:
    for airline in await data(get, "/v1/airlines?include=flights&flights.limit=2&flights.sort=-departs_at"):
        assert len(airline["flights"]) == 2
        assert airline["flights_next"]
        assert {one["airline"] for one in airline["flights"]} == {airline["carrier"]}


# --- Pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", ["", "&sort=-dep_delay", "&sort=plane.seats,-departs_at"])
async def test_paging_there_and_back_meets_each_flight_once(get: Get, sort: str) -> None:
    question = f"/v1/flights?airline=OO&fields=id&limit=5{sort}"
    whole = [one["id"] for one in await data(get, question.replace("limit=5", "limit=100"))]
    forward = await pages(get, question, "next")
    assert len(forward) == 7
    assert [one for page in forward for one in page] == whole
    last = (await get(question + "&cursor=" + await cursor_of_last_page(get, question))).json
    back = [[one["id"] for one in last["data"]], *await pages(get, f"{question}&cursor={last['prev']}", "prev")]
    assert [one for page in reversed(back) for one in page] == whole
    assert len(set(whole)) == 32


async def pages(get: Get, target: str, to: str) -> list[list[str]]:
    """The ids of each page from this one on."""
    question, found = re.sub(r"&cursor=.*", "", target), []
    while True:
        body = (await get(target)).json
        found.append([one["id"] for one in body["data"]])
        if body[to] is None:
            return found
        target = f"{question}&cursor={body[to]}"


async def cursor_of_last_page(get: Get, question: str) -> str:
    cursor, body = "", (await get(question)).json
    while body["next"] is not None:
        cursor = body["next"]
        body = (await get(f"{question}&cursor={cursor}")).json
    return cursor


async def test_a_link_leads_where_the_cursor_does(get: Get) -> None:
    got = await get("/v1/flights?airline=OO&fields=id&limit=5")
    link = re.fullmatch(r'<(.+)>; rel="next"', got.header("link") or "")
    assert link is not None
    assert len(await data(get, link[1])) == 5


# --- Who may ---------------------------------------------------------------------------------------------------------

ASKING_FOR_REMARKS = [
    "/v1/flights?fields=number,remarks&limit=1",
    "/v1/flights?remarks[is_null]=true&limit=1",
    "/v1/flights?sort=remarks&origin=JFK&limit=1",
    "/v1/flights?group=remarks&aggregate=count",
    "/v1/airlines?flights.some.remarks=x",
    "/v1/airlines?include=flights&flights.fields=remarks&limit=1",
    f"{FIRST}?fields=remarks",
]


@pytest.mark.parametrize("target", ASKING_FOR_REMARKS)
async def test_remarks_are_for_staff_however_they_are_asked_for(get: Get, target: str) -> None:
    assert (await get(target)).status == 401
    assert (await get(target, token("passenger"))).status == 403
    for role in ("dispatcher", "admin"):
        assert (await get(target, token(role))).status == 200


async def test_staff_sees_remarks_without_asking(get: Get) -> None:
    assert "remarks" in (await get(FIRST, token("admin"))).json
    assert "remarks" not in (await get(FIRST, token("passenger"))).json


async def test_a_token_of_another_key_is_not_believed(get: Get) -> None:
    head, body, signature = token("admin").split(".")
    got = await get(FIRST, ".".join((head, body, signature[::-1])))
    assert_problem(got, 401)
    assert (got.header("www-authenticate") or "").startswith("Bearer")


# --- HTTP ------------------------------------------------------------------------------------------------------------


async def test_what_a_caller_still_has_is_not_sent_again(get: Get) -> None:
    first = await get(FIRST)
    tag = first.header("etag")
    again = await get(FIRST, if_none_match=tag)
    assert (again.status, again.body, again.header("etag")) == (304, b"", tag)
    other = await get(FIRST, token("admin"), if_none_match=tag)
    assert (other.status, "remarks" in other.json) == (200, True)


def assert_problem(got: Got, status: int) -> None:
    assert (got.status, got.header("content-type")) == (status, "application/problem+json"), got.body
    assert got.json["status"] == status
    assert got.json["request_id"]


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("/v1/flights?airlin=UA", "did you mean 'airline'?"),
        ("/v1/flights?sort=-dep_dela", "did you mean 'dep_delay'?"),
        ("/v1/flights?origin.fa=JFK", "did you mean 'faa'?"),
        ("/v1/flights?include=plan", "did you mean 'plane'?"),
        ("/v1/flights?group=airlines&aggregate=count", "did you mean 'airline'?"),
    ],
)
async def test_a_misspelt_name_is_answered_with_the_right_one(get: Get, target: str, hint: str) -> None:
    got = await get(target)
    assert_problem(got, 400)
    assert got.json["hint"] == hint


async def test_an_unknown_collection_is_not_there(get: Get) -> None:
    got = await get("/v1/flihgts")
    assert_problem(got, 404)
    assert got.json["hint"] == "did you mean 'flights'?"


def cursor(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "target",
    [
        f"/v1/flights?number={2**70}",
        f"/v1/flights?limit={2**70}",
        f"/v1/flights?number[gt]=-{2**63 + 1}",
        "/v1/flights?number=NaN",
        "/v1/airports?lat[gt]=NaN",
        "/v1/airports?lat=1e999",
        "/v1/airports?lat[gt]=Infinity",
        "/v1/airlines?name=%00",
        "/v1/airlines/%00",
        "/v1/airlines?name=%FF",
        "/v1/airlines?name=%ED%A0%80",
        "/v1/flights/nothing",
        "/v1/flights?departs_at[gte]=2013-13-01",
        "/v1/flights?departs_at[gte]=99999-01-01",
        "/v1/flights?cursor=abc",
        "/v1/flights?cursor=%F0%9F%9B%AB",
        f"/v1/flights?cursor={cursor('of another question', 'n', '013bf59b-64a0-763f-bb6a-7483af908499')}",
        f"/v1/flights?cursor={cursor('x', 'n')}",
        f"/v1/flights?cursor={cursor('x', 'q', 1)}",
        f"/v1/flights?cursor={cursor('x', 'n', {'a': 1})}",
        f"/v1/flights?cursor={cursor('x', 'n', *range(100))}",
        "/v1/flights?limit=0",
        "/v1/flights?limit=-1",
        "/v1/flights?status=lost",
        "/v1/flights?or=(airline=UA",
    ],
)
async def test_what_cannot_be_meant_is_refused_in_words(get: Get, target: str) -> None:
    got = await get(target)
    assert_problem(got, 400)
    assert got.json["detail"]


@pytest.mark.parametrize("changed", [0, 1, 2, 3])
async def test_a_cursor_that_somebody_changed_is_refused(get: Get, changed: int) -> None:
    question = "/v1/flights?airline=OO&sort=-dep_delay&limit=5"
    given = (await get(question)).json["next"]
    parts: list[object] = json.loads(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)))
    parts[changed] = [2**70, "é", "sideways", "no id"][changed]
    assert_problem(await get(f"{question}&cursor={cursor(*parts)}"), 400)


@pytest.mark.parametrize(
    "target",
    [
        "/v1/flights?airline=" + "A" * 17_000,
        "/v1/flights?" + "&".join(f"number={number}" for number in range(2_000)),
        "/v1/flights?include=airline" + ".flights.airline" * 4,
        f"/v1/flights?cursor={cursor('x', 'n', *range(2_000))}",
    ],
)
async def test_what_is_too_long_is_told_so(get: Get, target: str) -> None:
    assert_problem(await get(target), 414)


async def test_a_flood_of_odd_questions_never_makes_a_defect(get: Get) -> None:
    values = ["", "%00", "%FF", "NaN", str(2**70), "1e999", "'", "--", "null", "\\", "%25", "(", "[]", "%F0%9F%9B%AB"]
    names = ["airline", "number[gte]", "departs_at[lt]", "sort", "fields", "include", "limit", "cursor", "or", "count"]
    names += ["group", "aggregate", "having", "status[in]", "plane.seats", "airline.flights.some.number", "id", "[", ""]
    for name in names:
        for value in values:
            got = await get(f"/v1/flights?{name}={value}")
            assert got.status < 500, (name, value, got.body)


# --- The README ------------------------------------------------------------------------------------------------------


async def test_the_readme_shows_five_questions(get: Get) -> None:
    assert len(README_TARGETS) == 5
    assert [(await get(target)).status for target in README_TARGETS] == [200, 200, 200, 200, 400]


async def test_the_readmes_answers_are_what_it_says(get: Get) -> None:
    united, late, grouped, nested = [await data(get, target) for target in README_TARGETS[:4]]
    for one in united:
        assert (one["airline"], one["plane"].keys() >= {"tailnum", "seats"}) == ("UA", True)
        assert datetime.fromisoformat(one["departs_at"]) >= datetime(2013, 7, 1, 4, tzinfo=UTC)
    assert (len(united), len(late), late[0]["dep_delay"]) == (3, 5, 1301)
    assert grouped[0]["airline"] == "EV"
    assert min(one["count"] for one in grouped) > 1_000
    assert [len(airline["flights"]) for airline in nested] == [2, 2]
    assert nested[0]["flights"][0]["plane"]["manufacturer"] == "BOMBARDIER INC"


async def test_the_readmes_misspelling_is_answered_with_what_was_meant(get: Get) -> None:
    assert (await get(README_TARGETS[4])).json["hint"] == "did you mean 'airline'?"
