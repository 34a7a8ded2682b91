"""The cases that write: what they send, and that all contenders answer it alike, refusals included, before any is timed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias
from uuid import UUID, uuid4

from bench.asking import Json, Reply, Unequal, ask, difference
from bench.cases import COMPETITOR, WRITER, Case, mint, mint_writer, request
from bench.copies import added, restore
from bench.database import hidden_flight, written_flights
from bench.load import CONNECTIONS, NUMBER, TAG, Job
from bench.servers import Contender

FLIGHTS = "/v1/flights"
HEADERS = ("content-length", "vary", "x-request-id", "cache-control")
BATCH, BATCHES = 100, 8
ROWS_EACH = 4  # of each connection that updates
CREATED, EVENTS = 1 + BATCH, 1 + 1 + BATCH  # what the comparison leaves behind

Told: TypeAlias = list[tuple[str, Json]]


@dataclass(frozen=True, slots=True)
class Writing:
    """A case that writes.

    Args:
        case: which.
        url: of the database.
        bodies: new flights, BATCH of them.
        token: of a dispatcher.
    """

    case: Case
    url: str
    bodies: Sequence[Json]
    token: str

    async def job(self, contender: Contender, seconds: float) -> Job:
        """The same for every contender and round but for keys and ETags; rows to update are made anew."""
        if self.case.work == "update":
            return await self._updates(contender, seconds)
        bodies = self.bodies if self.case.work == "create" else _batches(self.bodies)
        requests = tuple(request(FLIGHTS, self.token, "POST", json.dumps(body)) for body in bodies)
        return Job(contender.port, requests, seconds, status=201)

    async def restore(self, contender: Contender) -> None:
        """Remove what was added."""
        await restore(self.url, contender.name)

    async def _updates(self, contender: Contender, seconds: float) -> Job:
        """Each connection has rows of its own, so that no version is ever out of date."""
        requests, tags = [], []
        for number in range(CONNECTIONS * ROWS_EACH):
            body = json.dumps(self.bodies[number % len(self.bodies)])
            made = await ask(contender.port, request(FLIGHTS, self.token, "POST", body))
            _expect(contender.name, "a flight to update", made, 201)
            path, tag = made.headers["location"], made.headers["etag"]
            # With three digits, which Content-Length counts, in place of the number.
            whole = request(path, self.token, "PATCH", '{"dep_delay": 000}', TAG)
            requests.append(whole.replace("000}", NUMBER + "}"))
            tags.append(tag)
        return Job(contender.port, tuple(requests), seconds, tags=tuple(tags))


async def writing(case: Case, contenders: Mapping[str, Contender], url: str) -> tuple[Writing, tuple[str, ...]]:
    """A case ready to be timed, and what is to be said against its figures.

    Raises:
        Unequal: a contender answers or stores something else than the first, or than it has to.
    """
    made = Writing(case, url, await written_flights(url, WRITER, BATCH), mint_writer())
    hidden = await hidden_flight(url, COMPETITOR)
    expected: Told = []
    doubts: list[str] = []
    for name, contender in contenders.items():
        await restore(url, name)
        told = await transcript(contender, made.bodies, hidden)
        expected = expected or told
        compare(f"{case.id}: {name} and {next(iter(contenders))} differ", expected, told)
        rows, events = await added(url, name)
        if rows != CREATED:
            raise Unequal(f"{case.id}: {name} stored {rows} flights where {CREATED} were accepted")
        if events is None:
            doubts.append(f"{case.id}: {name} writes no events, the others do; its figures count for nothing")
        elif events != EVENTS:
            raise Unequal(f"{case.id}: {name} wrote {events} events of {EVENTS} changes")
        await restore(url, name)
    return made, tuple(doubts)


async def transcript(contender: Contender, bodies: Sequence[Json], hidden: str) -> Told:
    """What a contender answers to every kind of write, ids and times aside; of refusals the status alone.

    Raises:
        Unequal: it answers with another status, or without a header, than it has to.
    """
    by = _Asking(contender, mint_writer())
    made = await by.post("create", bodies[0], 201)
    path, tag = made.headers["location"], made.headers["etag"]
    changed = await by.patch("update", path, {"dep_delay": 7}, tag, 200)
    told: Told = [("create", _row(contender.name, made)), ("update", _row(contender.name, changed))]
    await by.patch("update by a stale ETag", path, {"dep_delay": 8}, tag, 412)
    several = await by.post("batch", list(bodies), 201)
    rows = several.json()["data"]
    told.append(("batch", [{**row, "id": _version_of(row["id"])} for row in rows]))

    await by.patch("update of nothing", f"{FLIGHTS}/{_unknown()}", {"dep_delay": 8}, "", 404)
    await by.patch("update of a hidden row", f"{FLIGHTS}/{hidden}", {"dep_delay": 8}, "", 404)
    await by.patch("update by a broken value", path, {"number": 0}, changed.headers["etag"], 422)
    await by.post("another's airline", {**bodies[0], "airline": "DL"}, 403)
    await by.post("a broken constraint", {**bodies[0], "number": 0}, 422)
    await by.post("a wrong type", {**bodies[0], "number": "1"}, 422)
    await by.post("an unknown field", {**bodies[0], "gate": "A1"}, 422)
    await by.post("an unknown airport", {**bodies[0], "origin": "XXX"}, 422)
    await by.post("a batch with one fault", [*bodies[:-1], {**bodies[-1], "origin": "XXX"}], 422)
    await replace(by, token=mint()).patch("update without a role", path, {"dep_delay": 8}, "", 403)
    await replace(by, token=mint()).post("create without a role", bodies[0], 403)
    await replace(by, token="").post("create by nobody", bodies[0], 401)
    return told


def compare(what: str, expected: Told, told: Told) -> None:
    """Two transcripts have to be equal.

    Raises:
        Unequal: with the first place where they differ.
    """
    for (name, wanted), (_, got) in zip(expected, told, strict=True):
        differs = difference(wanted, got)
        if differs is not None:
            raise Unequal(f"{what} for {name}: {differs}")


@dataclass(frozen=True, slots=True)
class _Asking:
    """Asks a contender under one token and holds each answer against the status it has to have."""

    contender: Contender
    token: str

    async def post(self, what: str, body: Json, status: int) -> Reply:
        reply = await ask(self.contender.port, request(FLIGHTS, self.token, "POST", json.dumps(body)))
        _expect(self.contender.name, what, reply, status)
        return reply

    async def patch(self, what: str, path: str, body: Json, if_match: str, status: int) -> Reply:
        reply = await ask(self.contender.port, request(path, self.token, "PATCH", json.dumps(body), if_match))
        _expect(self.contender.name, what, reply, status)
        return reply


def _expect(name: str, what: str, reply: Reply, status: int) -> None:
    if reply.status != status:
        said = reply.body[:300].decode(errors="replace")
        raise Unequal(f"{name} answers {what} with {reply.status}, not {status}: {said}")
    if status < 300 and (missing := [one for one in (*HEADERS, "content-type") if one not in reply.headers]):
        raise Unequal(f"{name} answers {what} without {', '.join(missing)}")


def _row(name: str, reply: Reply) -> Json:
    """A written row with the version its ETag tells, once its address and its id agree."""
    row = reply.json()
    if "location" in reply.headers and reply.headers["location"] != f"{FLIGHTS}/{row['id']}":
        raise Unequal(f"{name} says that {row['id']} is at {reply.headers['location']}")
    return {**row, "id": _version_of(row["id"]), "etag": reply.headers["etag"].partition("-")[0]}


def _version_of(identity: str) -> Json:
    return UUID(identity).version


def _unknown() -> str:
    return str(uuid4())


def _batches(bodies: Sequence[Json]) -> list[Json]:
    """Arrays of the same flights, each begun at another."""
    step = len(bodies) // BATCHES
    return [[*bodies[number * step :], *bodies[: number * step]] for number in range(BATCHES)]
