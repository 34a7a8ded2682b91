"""Endpoints of a team's own under an Idempotency-Key: they run once, and answer again what they answered first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kingpost import App, Context, Key, Policy, Response, Table, anyone, role
from kingpost.auth.tokens import mint
from kingpost.errors import Conflict
from kingpost.ports import Store
from kingpost.settings import Secret, Settings
from kingpost.store.memory import MemoryStore
from kingpost.store.postgres.store import PostgresStore
from tests.asgi import Got, fetch
from tests.postgres_fixture import new_database

SECRET = Secret("a secret of the tests, long enough")
SETTINGS = Settings(environment="development", secret=SECRET, log_level="error")
ANN = mint(SECRET, sub="ann", roles=["staff"])
BOB = mint(SECRET, sub="bob", roles=["staff"])
KEY = {"idempotency-key": "b7a1"}


class Ticket(Table):
    """One is made by each run."""

    number: Key[int]
    seat: str
    policy = Policy(read=anyone, create=role("staff"))


class Desk:
    """The app as it is served."""

    def __init__(self, store: Store) -> None:
        self.runs = 0
        self.running, self.may_end = asyncio.Event(), asyncio.Event()
        self.app = app = App("desk", entities=[Ticket], store=lambda *_: store)

        @app.route("POST", "/sell/{seat}", policy=role("staff"))
        async def sell(ctx: Context, seat: str, body: bytes = b"", fails: bool = False) -> Response:
            self.runs += 1
            number = self.runs
            await ctx.create(Ticket, number=number, seat=seat)
            await asyncio.sleep(0.05)
            if fails:
                raise Conflict("the seat is taken", where="seat")
            return Response(b"\x00ticket %d" % number, 201, {"X-Ticket": str(number)}, "application/x-ticket")

        @app.route("PUT", "/count/{how}")
        @app.route("PATCH", "/count/{how}")
        @app.route("DELETE", "/count/{how}")
        async def count(ctx: Context, how: str) -> Response:
            self.runs += 1
            await ctx.system.create(Ticket, number=self.runs, seat=how)
            self.running.set()
            if how == "slowly":
                await self.may_end.wait()
            body = object() if how == "badly" else {"run": self.runs}
            return Response(body, 409 if how == "refusing" else 200)

        @app.route("GET", "/sell/{seat}")
        async def look(ctx: Context, seat: str) -> Response:
            self.runs += 1
            return Response(str(self.runs))

        self.wired = app.wire(SETTINGS, lambda _: None)

    async def __call__(
        self, target: str = "/sell/A1", method: str = "POST", token: str = ANN, body: bytes = b"", **headers: str
    ) -> Got:
        given = {"authorization": f"Bearer {token}", **KEY, **headers}
        return await fetch(self.wired.http, target, method, headers=given, body=body)

    async def anonymous(self, target: str, method: str, address: str) -> Got:
        return await fetch(self.wired.http, target, method, headers=KEY, client=(address, 5))

    async def tickets(self) -> int:
        return len((await fetch(self.wired.http, "/v1/tickets")).json["data"])


class Clock:
    """The store's, set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def desk(clock: Clock) -> AsyncIterator[Desk]:
    store = MemoryStore(clock)
    desk = Desk(store)
    await store.create(desk.app.manifest)
    yield desk
    await store.close()


async def test_an_endpoint_runs_once_and_answers_the_same_again(desk: Desk) -> None:
    first, again = await desk(), await desk()
    assert (first.status, first.body, first.header("x-ticket")) == (201, b"\x00ticket 1", "1")
    assert (again.status, again.body) == (first.status, first.body)
    assert [again.header(name) for name in ("x-ticket", "content-type")] == ["1", "application/x-ticket"]
    assert (desk.runs, await desk.tickets()) == (1, 1)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_every_unsafe_method_runs_once(desk: Desk, method: str) -> None:
    assert [(await desk("/count/once", method)).json for _ in range(2)] == [{"run": 1}] * 2
    assert (desk.runs, await desk.tickets()) == (1, 1)


async def test_another_method_under_the_same_key_is_refused(desk: Desk) -> None:
    await desk("/count/once", "PUT")
    got = await desk("/count/once", "DELETE")
    assert (got.status, got.json["code"], desk.runs) == (422, "KP204", 1)


async def test_a_key_is_forgotten_after_a_day(desk: Desk, clock: Clock) -> None:
    for clock.now, runs in ((0.0, 1), (24 * 3600.0 - 1, 1), (24 * 3600.0, 2)):
        assert (await desk("/count/once", "PUT")).json == {"run": runs}


@pytest.mark.parametrize(("target", "body"), [("/sell/B2", b""), ("/sell/A1?fails=false", b""), ("/sell/A1", b"x")])
async def test_another_request_under_the_same_key_is_refused(desk: Desk, target: str, body: bytes) -> None:
    await desk()
    got = await desk(target, body=body)
    assert (got.status, got.json["code"]) == (422, "KP204")
    assert desk.runs == 1


async def test_another_actor_has_keys_of_its_own(desk: Desk) -> None:
    assert [(await desk(token=token)).body for token in (ANN, BOB, ANN)] == [
        b"\x00ticket 1", b"\x00ticket 2", b"\x00ticket 1",
    ]  # fmt: skip


async def test_what_fails_is_not_remembered(desk: Desk) -> None:
    for run in (1, 2):
        assert (await desk("/sell/A1?fails=true")).status == 409
        assert (desk.runs, await desk.tickets()) == (run, 0)


async def test_what_cannot_be_sent_is_not_remembered(desk: Desk) -> None:
    for run in (1, 2):
        assert (await desk("/count/badly", "PUT")).status == 500
        assert (desk.runs, await desk.tickets()) == (run, 0)


async def test_a_refusal_that_is_returned_is_remembered_with_what_was_written(desk: Desk) -> None:
    found = [await desk("/count/refusing", "PUT") for _ in range(2)]
    assert [(one.status, one.json) for one in found] == [(409, {"run": 1})] * 2
    assert (desk.runs, await desk.tickets()) == (1, 1)


async def test_who_is_not_known_has_the_keys_of_an_address(desk: Desk) -> None:
    addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.1"]
    found: list[Any] = [(await desk.anonymous("/count/once", "PUT", one)).json["run"] for one in addresses]
    assert found == [1, 2, 1]


async def test_an_endpoint_for_anyone_is_not_told_again_to_who_lost_a_role(desk: Desk) -> None:
    await desk("/count/once", "PUT")
    got = await desk("/count/once", "PUT", mint(SECRET, sub="ann"))
    assert (got.status, got.json["code"], desk.runs) == (403, "KP301", 1)
    assert (await desk("/count/once", "PUT")).json == {"run": 1}


async def test_who_lost_the_right_hears_nothing_again(desk: Desk) -> None:
    await desk()
    got = await desk(token=mint(SECRET, sub="ann"))
    assert (got.status, b"ticket" in got.body) == (403, False)


async def test_an_answer_that_is_too_long_to_be_kept_is_refused_and_undone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kingpost.perform.idempotency.RECORD_BYTES_MAX", 50)
    got = await desk()
    assert (got.status, got.json["code"]) == (413, "KP101")
    assert await desk.tickets() == 0


async def test_reading_takes_no_key(desk: Desk) -> None:
    assert [(await desk(method="GET")).body for _ in range(2)] == [b"1", b"2"]
    assert (await desk(method="GET", **{"idempotency-key": "a b"})).status == 200


async def test_a_key_that_is_none_is_refused(desk: Desk) -> None:
    got = await desk(**{"idempotency-key": "a b"})
    assert (got.status, desk.runs) == (400, 0)


@pytest.fixture
def own_url(postgres_url: str) -> str:
    return new_database(postgres_url, "own_once")


async def test_of_many_at_once_one_runs(own_url: str) -> None:
    store = PostgresStore(own_url, connections=8)
    desk = Desk(store)
    await store.create(desk.app.manifest)
    found = await asyncio.gather(*(desk() for _ in range(6)))
    assert sorted({one.status for one in found}) in ([201], [201, 409])
    assert {one.body for one in found if one.status == 201} == {b"\x00ticket 1"}
    assert (desk.runs, await desk.tickets()) == (1, 1)
    await store.close()


async def test_while_the_first_runs_the_second_is_told_so_and_later_hears_its_answer(own_url: str) -> None:
    store = PostgresStore(own_url, connections=4)
    desk = Desk(store)
    await store.create(desk.app.manifest)
    first = asyncio.create_task(desk("/count/slowly", "PUT"))
    await asyncio.wait_for(desk.running.wait(), 10)
    meanwhile = await desk("/count/slowly", "PUT")
    assert (meanwhile.status, meanwhile.json["code"]) == (409, "KP307")
    desk.may_end.set()
    assert (await first).json == (await desk("/count/slowly", "PUT")).json == {"run": 1}
    assert (desk.runs, await desk.tickets()) == (1, 1)
    await store.close()
