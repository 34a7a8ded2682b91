"""A request is one statement in PostgreSQL, whatever it nests, filters, guards, counts or groups: PostgreSQL counts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio

from kingpost import App
from kingpost.auth.tokens import mint
from kingpost.settings import Secret, Settings
from kingpost.store.postgres.store import PostgresStore
from tests import domain
from tests.asgi import Got, fetch
from tests.asking import domain_in_memory
from tests.asking import get as remembered
from tests.postgres_fixture import new_database

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = Secret("a secret of the tests, long enough")
TIMES = 5
TARGETS = [
    "/v1/teams/red",
    "/v1/people?sort=last,first&limit=2",
    "/v1/people?manager.last[ne]=x&sort=-manager.last&fields=id,full,label,phone",
    "/v1/people?reports.some.last[ne]=x&led.none.status=done&count=exact&limit=1",
    "/v1/people?include=teams.projects.owner.manager,reports,led&teams.sort=-name&teams.limit=1&led.limit=1",
    "/v1/teams?include=people,members.person,projects.owner.manager&projects.sort=-due&projects.limit=1&name[ne]=x",
    "/v1/teams?include=people.org&people.fields=id,phone,well_paid&people.last[ne]=x&count=exact&sort=-name&limit=3",
    "/v1/memberships?include=team.projects,person.org&or=(lead=true,person.manager[is_null]=true)",
    "/v1/memberships/blue,2?include=person.manager.reports",
    "/v1/projects?include=team.people,owner&sort=-due,team.name&count=exact&limit=2",
    "/v1/projects?group=team,status&aggregate=count,sum:budget,avg:score,max:priority&having=count[gte]=1&sort=-count",
    "/v1/projects?group=owner.manager&aggregate=count&team.name[ne]=Nobody",
    "/v1/people?group=org&aggregate=count,max:salary",
]

Get: TypeAlias = Callable[..., Awaitable[Got]]
Calls: TypeAlias = Callable[[], Awaitable[int]]


@pytest.fixture(scope="module")
def url(postgres_url: str) -> str:
    return new_database(postgres_url, "one_statement")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calls(url: str, postgres_url: str) -> AsyncIterator[Calls]:
    """How many statements that database has run so far, BEGIN and SET among them; asked from another database."""
    watcher = await asyncpg.connect(postgres_url)
    await watcher.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    name = urlsplit(url).path[1:]
    count = """SELECT coalesce(sum(calls), 0)::int FROM pg_stat_statements JOIN pg_database ON oid = dbid
               WHERE datname = $1"""

    async def counted() -> int:
        found: int = await watcher.fetchval(count, name)
        return found

    yield counted
    await watcher.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def get(url: str) -> AsyncIterator[Get]:
    """Asks as the boss of acme over one connection, so that what is warm is warm."""
    store = PostgresStore(url, connections=1)
    await store.create(domain.manifest())
    for entity, rows in domain.rows().items():
        await store.load(entity, rows)
    await store.close()
    options: dict[str, Any] = {"environment": "development", "secret": SECRET, "connections": 1, "log_level": "error"}
    app = App("domain", entities=domain.ENTITIES, timezone="Europe/Berlin")
    wired = app.wire(Settings(database_url=Secret(url), **options))
    await wired.start()
    boss = mint(SECRET, sub="1", roles=["boss", "member"], claims={"org": "acme"})

    async def ask(target: str) -> Got:
        return await fetch(wired.http, target, headers={"authorization": f"Bearer {boss}"})

    yield ask
    await wired.stop()


async def warm(get: Get, target: str) -> Got:
    """The answer to a question that was asked before: what a connection asks once about types is not the question's."""
    for _ in range(3):
        got = await get(target)
    assert got.status == 200, got.body
    return got


@pytest.mark.parametrize("target", TARGETS)
async def test_a_request_is_one_statement(get: Get, calls: Calls, target: str) -> None:
    await warm(get, target)
    before = await calls()
    for _ in range(TIMES):
        await get(target)
    assert await calls() - before == TIMES


@pytest.mark.parametrize("target", TARGETS)
async def test_and_its_answer_is_that_of_the_reference(get: Get, target: str) -> None:
    body = (await warm(get, target)).json
    rows = body["data"] if isinstance(body, dict) and "data" in body else body
    assert rows
    assert rows == await remembered(await domain_in_memory(), target)


@pytest.mark.parametrize("to", ["next", "prev"])
async def test_a_page_further_on_or_back_is_one_statement(get: Get, calls: Calls, to: str) -> None:
    question = "/v1/people?include=teams.projects,manager&sort=-manager.last,first&limit=1&count=exact"
    second = f"{question}&cursor={(await get(question)).json['next']}"
    target = f"{question}&cursor={(await get(second)).json[to]}"
    assert len((await warm(get, target)).json["data"]) == 1
    before = await calls()
    await get(target)
    assert await calls() - before == 1


async def test_a_new_shape_on_a_warm_connection_is_one_statement(get: Get, calls: Calls) -> None:
    await warm(get, "/v1/teams?sort=name&include=projects")
    before = await calls()
    assert (await get("/v1/teams?sort=-name&include=projects&name[ne]=new")).status == 200
    assert await calls() - before == 1


@pytest.mark.parametrize("target", ["/v1/people?nam=x", "/v1/people/0x", "/v1/nothing", "/v1/people?ssn=1", "/livez"])
async def test_what_is_refused_or_needs_no_rows_asks_the_database_nothing(get: Get, calls: Calls, target: str) -> None:
    before = await calls()
    assert (await get(target)).status in (200, 400, 403, 404)
    assert await calls() == before
