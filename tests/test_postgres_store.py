"""The PostgreSQL store beyond conformance: connections, deadlines, a server that fails, and databases that do not fit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from kingpost.answer import Engine
from kingpost.api.rest.read import reader
from kingpost.api.rest.skeleton import split
from kingpost.errors import DeclarationError, EngineFailed, EngineUnavailable, KingpostError, TooLate
from kingpost.observe import EngineLost, EngineRecovered, EngineRefused, Event, nobody
from kingpost.policy.allow import allow
from kingpost.query.bind import bind
from kingpost.query.stages import PLAIN
from kingpost.query.values import filler
from kingpost.store.postgres import embedded
from kingpost.store.postgres.connections import Connections
from kingpost.store.postgres.gate import Gate
from kingpost.store.postgres.kept import Settings
from kingpost.store.postgres.prepared import STATEMENTS_MAX, Held, Prepared
from kingpost.store.postgres.store import PostgresStore
from tests import domain
from tests.asking import BOSS, NOW, get
from tests.postgres_fixture import new_database

MANIFEST = domain.manifest()


@pytest.fixture(scope="module")
def url(postgres_url: str) -> str:
    return new_database(postgres_url, "store")


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(url, connections=4)
    await store.create(MANIFEST)
    for entity, rows in domain.rows().items():
        await store.load(entity, rows)
    yield store
    await store.close()


@pytest.fixture
async def connections(url: str) -> AsyncIterator[Connections]:
    connections = Connections(url, Settings(size=2))
    yield connections
    await connections.close()


def soon(seconds: float = 10.0) -> float:
    return time.monotonic() + seconds


async def value(connections: Connections, sql: str, *arguments: object) -> Any:
    return (await connections.fetch(sql, arguments, soon()))[0][0]


async def answer(store: PostgresStore, target: str) -> Any:
    """The parsed body of a GET."""
    return await get(_engine(store), target, BOSS)


def _engine(store: PostgresStore) -> Engine:
    return Engine(MANIFEST, store, store.run, nobody, 100_000)


# --- Databases -------------------------------------------------------------------------------------------------------


def test_the_url_is_never_shown() -> None:
    assert "secret" not in repr(PostgresStore("postgresql://me:secret@nowhere/db"))


async def test_an_empty_database_is_told_so(postgres_url: str) -> None:
    store = PostgresStore(await asyncio.to_thread(new_database, postgres_url, "empty"))
    with pytest.raises(DeclarationError, match="no tables of this app yet"):
        await store.open(MANIFEST)
    await store.close()


async def test_a_database_of_another_model_is_refused(store: PostgresStore) -> None:
    entities = {name: one for name, one in MANIFEST.entities.items() if name != "Project"}
    with pytest.raises(DeclarationError, match=r"made for another model.*--recreate"):
        await store.open(replace(MANIFEST, entities=entities))


async def test_tables_of_others_are_never_dropped(postgres_url: str) -> None:
    url = await asyncio.to_thread(new_database, postgres_url, "others")
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE project (precious text); CREATE TABLE other (precious text)")
    store = PostgresStore(url)
    with pytest.raises(DeclarationError, match="did not make: project"):
        await store.create(MANIFEST)
    await connection.execute("DROP TABLE project")
    await store.create(MANIFEST)
    await store.create(MANIFEST)
    assert await connection.fetchval("SELECT count(*) FROM other") == 0
    await connection.close()
    await store.close()


async def test_what_depends_on_a_table_keeps_it(store: PostgresStore, connections: Connections) -> None:
    async with connections.one(soon()) as connection:
        await connection.execute("CREATE VIEW mine AS SELECT name FROM project")
    with pytest.raises(DeclarationError, match="view mine depends on table project"):
        await store.create(MANIFEST)
    async with connections.one(soon()) as connection:
        await connection.execute("DROP VIEW mine")


async def test_a_closed_store_opens_again(store: PostgresStore) -> None:
    await store.close()
    with pytest.raises(EngineUnavailable):
        await store.ready()
    await store.open(MANIFEST)
    assert await answer(store, "/v1/orgs/acme") == {"slug": "acme", "name": "Acme"}


# --- Statements ------------------------------------------------------------------------------------------------------


async def test_a_nested_guarded_read_is_one_statement(store: PostgresStore, connections: Connections) -> None:
    target = "/v1/teams?include=projects.owner.manager,people&projects.sort=-due&name[ne]=x&sort=name&count=exact"
    for _ in range(4):  # what a connection asks once about types is not the question's
        await answer(store, target)
    async with connections.one(soon()) as connection:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        await connection.execute("SELECT pg_stat_statements_reset()")
    body = await answer(store, target)
    assert [team["projects"][0]["name"] for team in body if team["projects"]] == ["Epsilon", "alpha", "Gamma"]
    calls = await value(connections, "SELECT sum(calls)::int FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat%'")
    assert calls == 1


async def test_a_shape_is_prepared_at_its_second_use(connections: Connections) -> None:
    prepared = "SELECT count(*)::int FROM pg_prepared_statements WHERE statement = 'SELECT 40 + 2'"
    found = []
    for _ in range(3):
        assert await value(connections, "SELECT 40 + 2") == 42
        found.append(await value(connections, prepared))
    assert found == [0, 1, 1]


async def test_a_flood_of_shapes_leaves_hot_statements_alone(connections: Connections) -> None:
    await value(connections, "SELECT 'hot'")
    for number in range(STATEMENTS_MAX + 50):
        assert await value(connections, "SELECT 'hot'") == "hot"
        await value(connections, f"SELECT {number}")
        await value(connections, f"SELECT {number}")
    held = await connections.fetch("SELECT statement FROM pg_prepared_statements", (), soon())
    assert len(held) <= STATEMENTS_MAX + 1
    assert "SELECT 'hot'" in {record[0] for record in held}


def test_statements_that_were_used_outlive_those_that_were_not() -> None:
    prepared = Prepared(statements_max=2)
    for sql in ("hot", "cold"):
        prepared.hold(sql, _held())
    prepared.get("hot")
    prepared.hold("new", _held())
    assert [prepared.get(sql) is None for sql in ("hot", "cold", "new")] == [False, True, False]


@pytest.mark.parametrize(
    ("name", "setting"),
    [("TimeZone", "UTC"), ("jit", "off"), ("statement_timeout", "1min"), ("application_name", "kingpost")],
)
async def test_a_connection_is_set_up_as_we_say(connections: Connections, name: str, setting: str) -> None:
    assert await value(connections, f"SHOW {name}") == setting


async def test_explain_shows_what_postgres_does(store: PostgresStore) -> None:
    skeleton, values = split("/v1/people", b"last=Lee")
    bound = bind(reader(MANIFEST)(skeleton)[0], MANIFEST)
    plan = store.compile(allow(bound, bound.roles & BOSS.roles, known=True), PLAIN)
    arguments = filler(plan, MANIFEST.timezone)(values, BOSS, NOW)
    assert "person" in await store.explain(plan, arguments)
    assert "Execution Time" in await store.explain(plan, arguments, analyze=True)


# --- Deadlines and waiting -------------------------------------------------------------------------------------------


async def test_a_deadline_cancels_the_statement_on_the_server(connections: Connections) -> None:
    started = time.monotonic()
    with pytest.raises(TooLate):
        await connections.fetch("SELECT pg_sleep(30)", (), soon(0.2))
    assert time.monotonic() - started < 2
    running = "SELECT count(*)::int FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30)' AND state = 'active'"
    await _until(lambda: value(connections, running), 0)


async def test_a_caller_that_goes_away_cancels_too(connections: Connections) -> None:
    task = asyncio.create_task(connections.fetch("SELECT pg_sleep(31)", (), soon()))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    running = "SELECT count(*)::int FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(31)' AND state = 'active'"
    await _until(lambda: value(connections, running), 0)


async def test_waiting_past_the_deadline_is_refused_and_leaves_nothing(connections: Connections) -> None:
    busy = [asyncio.create_task(connections.fetch("SELECT pg_sleep(0.5)", (), soon())) for _ in range(2)]
    await asyncio.sleep(0.1)
    with pytest.raises(EngineUnavailable, match="in use until the deadline"):
        await connections.fetch("SELECT 1", (), soon(0.1))
    await asyncio.gather(*busy)
    assert await value(connections, "SELECT 1") == 1


async def test_who_came_first_is_served_first(url: str) -> None:
    connections = Connections(url, Settings(size=1))  # with two, the server may finish a later one earlier
    served: list[int] = []

    async def ask(number: int) -> None:
        await connections.fetch("SELECT pg_sleep(0.005)", (), soon())
        served.append(number)

    await asyncio.gather(*(ask(number) for number in range(12)))
    assert served == list(range(12))
    await connections.close()


async def test_a_refused_statement_is_our_defect_and_told_of(url: str) -> None:
    seen: list[Event] = []
    connections = Connections(url, Settings(size=1), seen.append)
    with pytest.raises(EngineFailed, match="42P01"):
        await connections.fetch("SELECT * FROM nowhere", (), soon())
    assert [type(event) for event in seen] == [EngineRefused]
    assert await value(connections, "SELECT 1") == 1
    await connections.close()


async def test_a_value_the_driver_refuses_is_not_repeated_in_the_error(connections: Connections) -> None:
    with pytest.raises(EngineFailed) as caught:
        await connections.fetch("SELECT $1::bigint", ("hunter2",), soon())
    assert "hunter2" not in str(caught.value)
    assert await value(connections, "SELECT $1::bigint", 2) == 2


# --- Failing servers -------------------------------------------------------------------------------------------------


async def test_killed_backends_fail_as_unavailable_and_are_replaced(store: PostgresStore, url: str) -> None:
    wanted = await answer(store, "/v1/people?sort=last")
    outcomes: list[object] = []
    until = soon(2.0)

    async def read() -> None:
        while time.monotonic() < until:
            try:
                outcomes.append(await answer(store, "/v1/people?sort=last"))
            except KingpostError as error:
                outcomes.append(type(error))

    killer = await asyncpg.connect(url)
    readers = [asyncio.create_task(read()) for _ in range(8)]
    while time.monotonic() < until:
        await killer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kingpost' LIMIT 2"
        )
        await asyncio.sleep(0.02)
    await asyncio.gather(*readers)
    await killer.close()
    assert [outcome for outcome in outcomes if outcome not in (wanted, EngineUnavailable)] == []
    assert outcomes.count(wanted) > len(outcomes) / 2
    assert await answer(store, "/v1/people?sort=last") == wanted


async def test_a_connection_that_died_while_idle_costs_nobody_an_answer(url: str) -> None:
    async with _proxy(url) as (through, breaking):
        connections = Connections(through, Settings(size=1))
        assert await value(connections, "SELECT 1") == 1
        breaking.set()
        assert await value(connections, "SELECT 2") == 2
        assert not breaking.is_set()
        await connections.close()


async def test_a_server_that_is_gone_is_told_at_once_and_found_again(tmp_path: Path) -> None:
    seen: list[Event] = []
    server = await asyncio.to_thread(embedded.start, tmp_path / "pg", durable=False)
    connections = Connections(server.url, Settings(size=4), seen.append)
    assert await value(connections, "SELECT 1") == 1
    await asyncio.to_thread(server.stop)
    started = time.monotonic()
    tries = [connections.fetch("SELECT 1", (), soon()) for _ in range(20)]
    refused = await asyncio.gather(*tries, return_exceptions=True)
    assert {type(one) for one in refused} == {EngineUnavailable}
    assert time.monotonic() - started < 1
    server = await asyncio.to_thread(embedded.start, tmp_path / "pg", durable=False)
    await _until(lambda: _one(connections), 1)
    assert [type(event) for event in seen] == [EngineLost, EngineRecovered]
    await connections.close()
    await asyncio.to_thread(server.stop)


async def test_an_unreachable_server_is_not_ready_and_its_url_not_shown() -> None:
    store = PostgresStore("postgresql://me:secret@127.0.0.1:1/db")
    with pytest.raises(EngineUnavailable) as caught:
        await store.open(MANIFEST)
    assert "secret" not in str(caught.value)
    await store.close()


def test_while_the_server_is_lost_one_tries_at_a_time() -> None:
    gate = Gate()
    assert gate.missed()
    with pytest.raises(EngineUnavailable):
        gate.enter()
    time.sleep(0.06)
    gate.enter()
    with pytest.raises(EngineUnavailable):
        gate.enter()
    assert not gate.missed()
    assert gate.lost


# --- Means -----------------------------------------------------------------------------------------------------------


async def _one(connections: Connections) -> object:
    try:
        return await value(connections, "SELECT 1")
    except EngineUnavailable:
        return None


def _held() -> Held:
    protocol = SimpleNamespace(bind_execute=None)
    statement: Any = SimpleNamespace(_state=None, _connection=SimpleNamespace(_protocol=protocol))
    return Held(statement)


@asynccontextmanager
async def _proxy(url: str) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A way to the server that, once told to, drops the next thing sent together with its connection."""
    breaking = asyncio.Event()
    place = parse_qs(urlsplit(url).query)
    path = f"{place['host'][0]}/.s.PGSQL.{place['port'][0]}"

    async def forward(source: asyncio.StreamReader, target: asyncio.StreamWriter, drops: bool) -> None:
        while data := await source.read(65_536):
            if drops and breaking.is_set():
                breaking.clear()
                break
            target.write(data)
        target.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_unix_connection(path)
        await asyncio.gather(forward(reader, there[1], True), forward(there[0], writer, False))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield f"postgresql://postgres@127.0.0.1:{port}{urlsplit(url).path}", breaking


async def _until(ask: Callable[[], Any], wanted: object) -> None:
    """Wait until the answer is as wanted; five seconds at most."""
    until = soon(5.0)
    while (found := await ask()) != wanted:
        assert time.monotonic() < until, f"{found!r} instead of {wanted!r} after five seconds"
        await asyncio.sleep(0.02)
