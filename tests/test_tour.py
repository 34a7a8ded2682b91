"""The tour runs as far as it goes: each of its lines works, or stands in a list of what is still to come and fails."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import pytest

import examples.flights.app
import kingpost
from kingpost import App
from kingpost.auth.tokens import mint
from kingpost.cli.entry import run
from kingpost.model.manifest import Entity, Manifest
from tests.asgi import Got, fetch
from tests.flights_database import SECRET, all_flights, few_flights, settings
from tests.test_cli_servers import Running
from tests.test_docs import TOP

MODEL, APP, REQUESTS, SHELL = re.findall(r"^```\w+\n(.*?)^```", (TOP / "tests" / "tour.md").read_text(), re.S | re.M)

# Each line of the tour that cannot be run yet, by what it lacks. Whoever adds that takes the line off this list.
# A statement stands here with its first line. It lacks a name of the package, or of App (`app.job`).
OUT_OF_SCOPE_STATEMENTS = {
    "class Route(Edge[Airport, Airport]):": "Edge",
    "class Incident(Document):": "Document",
    'class Weather(Series, plural="weather", time="at", tags=["origin"], retention="20y", rollups=["1d"]):': "Series",
    'class SeatHold(KeyValue, ttl="10m"):': "KeyValue",
    '@app.job(retry=Retry(attempts=5, backoff="exponential"), unique=["flight"])': "app.job",
    '@app.schedule("0 2 * * *", timezone="America/New_York")': "app.schedule",
    "@app.on(Flight.updated, where=this.dep_delay > 60)": "app.on",
    "@app.batch(read=Flight, size=1_000)": "app.batch",
    'weather_api = app.dependency("weather-api", timeout="2s", retry=Retry(3), breaker=Breaker(), fallback=None)': (
        "app.dependency"
    ),
    'app.limits = [Limit("1000/min", by="actor", algorithm="token_bucket", burst=200), Quota("1M/month", by="tenant")]': (
        "Limit"
    ),
}
# A line within a statement that runs without it.
OUT_OF_SCOPE_LINES = {
    "    await notify_passengers.enqueue(ctx, flight=flight.id, minutes=minutes)   # same transaction\n": "app.job"
}
# A request stands here by how it begins, with what it would be as HTTP.
OUT_OF_SCOPE_REQUESTS = {
    "GET  /v1/routes:path": "GET /v1/routes:path?from=JFK&to=HNL",
    "GET  /v1/weather:window": (
        "GET /v1/weather:window?origin=JFK&from=2013-01-01&every=1d&aggregate=avg:temp,max:wind_speed"
    ),
    "PUT  /v1/seat-holds/UA1545-12C": "PUT /v1/seat-holds/UA1545-12C",
    "query {": "POST /graphql",
    "subscription {": "GET /graphql/stream",
    "kingpost.flights.v1.Flights/List": "POST /kingpost.flights.v1.Flights/List",
}
OUT_OF_SCOPE_COMMANDS = {
    *("prove", "migrate plan", "migrate apply", "migrate check", "contract diff", "contract check", "advise"),
    *("inspect", "worker", "schedule"),
}
LACKING = {name for name in OUT_OF_SCOPE_STATEMENTS.values() if not name.startswith("app.")}

# What the lines of the tour's app take from elsewhere without saying so.
IMPORTS = """
from kingpost import App, Context, New, Response
from kingpost.constraints import Gt

async def other_asgi_app(scope, receive, send): ...

"""

Get: TypeAlias = Callable[..., Awaitable[Got]]


# --- The lines -------------------------------------------------------------------------------------------------------


def statements(block: str) -> Iterator[tuple[str, str]]:
    """The first line of each statement, without its comment, and all of it."""
    lines = block.splitlines()
    for node in ast.parse(block).body:
        start = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
        yield re.sub(r"\s+# .*", "", lines[start - 1]), "\n".join(lines[start - 1 : node.end_lineno])


def requests() -> list[str]:
    return [line for line in REQUESTS.splitlines() if line.strip()]


def commands() -> list[str]:
    """Each command of the shell's lines, without comments; `a | b` are two and `a b|c` as well."""
    found = []
    for line in SHELL.splitlines():
        first, *others = re.sub(r"\s+# .*", "", line).removeprefix("kingpost ").split(" | ")
        for one in (first, *others):
            head, *choices = one.split("|")
            found += [head, *(f"{head.rpartition(' ')[0]} {choice}" for choice in choices)]
    return found


def is_listed(line: str, listed: dict[str, str] | set[str]) -> bool:
    return any(line.startswith(one) for one in listed)


TO_RUN = [text for first, text in (*statements(MODEL), *statements(APP)) if first not in OUT_OF_SCOPE_STATEMENTS]


def test_the_tour_is_read_whole() -> None:
    assert [len(list(statements(MODEL))), len(list(statements(APP)))] == [12, 11]
    assert [len(requests()), len(commands())] == [9, 15]


# --- What is listed is not there -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("line", "lacks"), [*OUT_OF_SCOPE_STATEMENTS.items(), *OUT_OF_SCOPE_LINES.items()])
def test_a_listed_statement_lacks_what_it_says(line: str, lacks: str) -> None:
    if line in OUT_OF_SCOPE_STATEMENTS:
        assert line in dict([*statements(MODEL), *statements(APP)])
        assert lacks.removeprefix("app.") in line
    owner = App if lacks.startswith("app.") else kingpost
    assert not hasattr(owner, lacks.removeprefix("app.")), (
        "it is there now: take the line off the list, so that it is run"
    )


async def test_a_listed_request_is_not_answered(get: Get) -> None:
    for line, request in OUT_OF_SCOPE_REQUESTS.items():
        assert any(one.startswith(line) for one in requests()), line
        method, target = request.split()
        assert (await get(target, method)).status in (400, 404, 405), f"{line}: take it off the list"


@pytest.mark.parametrize("command", sorted(OUT_OF_SCOPE_COMMANDS))
def test_a_listed_command_is_not_there(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert any(one.startswith(command) for one in commands())
    assert run([command.split()[0]]) == 2
    assert "there is no command" in capsys.readouterr().err


# --- What is not listed runs -----------------------------------------------------------------------------------------


@pytest.fixture
def tour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of all that is not listed, word by word, but that its lists name only what is there."""
    classes = re.findall(r"class (\w+)\(", "\n".join(OUT_OF_SCOPE_STATEMENTS))
    lines = "\n\n".join(TO_RUN)
    for line in OUT_OF_SCOPE_LINES:
        assert line in lines
        lines = lines.replace(line, "")
    for name in (*LACKING, *classes):
        lines = re.sub(rf"(import .*|entities=.*)\b{name}(, |(?=\]))", r"\1", lines)
    path = tmp_path / "the_tour.py"
    path.write_text(IMPORTS + lines.replace(", ]", "]") + "\n")
    spec = importlib.util.spec_from_file_location("the_tour", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "the_tour", module)
    spec.loader.exec_module(module)
    return module


def test_the_tours_model_and_app_are_the_examples(tour: ModuleType) -> None:
    assert set(tour.app.manifest.entities) == {"Airline", "Airport", "Plane", "Flight"}
    assert without_places(tour.app.manifest) == without_places(examples.flights.app.app.manifest)


def test_the_tours_actions_and_endpoints_are_declared(tour: ModuleType) -> None:
    actions = {(one.entity, one.name): one for one in tour.app.manifest.actions if one.handler}
    assert list(actions) == [("Flight", "create"), ("Flight", "delay")]
    assert actions["Flight", "delay"].on == "row"
    assert [one.path for one in tour.app.declared.routes] == ["/board/{origin}"]
    assert [one.parts for one in tour.app.declared.mounts] == [("legacy",)]


def without_places(manifest: Manifest) -> dict[str, Entity]:
    """The entities without where each was declared."""
    return {name: replace(one, at="") for name, one in manifest.entities.items()}


@pytest.fixture(scope="module")
def url(postgres_url: str) -> str:
    return all_flights(postgres_url)


@pytest.fixture
async def get(url: str, tour: ModuleType) -> AsyncIterator[Get]:
    """Asks the tour's own app."""
    wired = tour.app.wire(settings(url))
    await wired.start()
    yield lambda target, method="GET": fetch(wired.http, target, method)
    await wired.stop()


async def rows(get: Get, line: str) -> Any:
    method, target = line.split()
    assert method == "GET"
    got = await get(target)
    assert got.status == 200, got.body
    return got.json["data"]


async def test_the_tours_requests_are_answered_as_it_says(get: Get) -> None:
    listed, grouped, _ = [line for line in requests() if not is_listed(line, OUT_OF_SCOPE_REQUESTS)]
    late = await rows(get, listed)
    assert [list(one) for one in late] == [["number", "departs_at", "dep_delay", "origin", "dest", "plane"]] * 20
    assert late[0]["dep_delay"] == 483
    assert late[0]["plane"]["model"] == "757-222"
    assert late == sorted(late, key=lambda one: -one["dep_delay"])
    airlines = await rows(get, grouped)
    assert {"airline": "UA", "count": 58_665, "avg_dep_delay": "12.1060728884596147"} in airlines
    assert [one["airline"] for one in airlines[:2]] == ["EV", "FL"]
    assert "OO" not in {one["airline"] for one in airlines}


@pytest.fixture(scope="module")
def own_url(postgres_url: str) -> str:
    """A database that may be written to."""
    return few_flights(postgres_url, "tour", 10)


async def test_the_tours_action_is_done_once_for_each_key(own_url: str, tour: ModuleType) -> None:
    [line] = [line for line in requests() if line.startswith("POST")]
    path, header = re.fullmatch(r"POST (\S+) +(Idempotency-Key): …", line).groups()
    target = path.replace("{id}", "013bf59b-64a0-763f-bb6a-7483af908499")
    token = mint(SECRET, sub="uma", roles=["dispatcher"], claims={"airline": "UA"})
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json", header.lower(): '"fog-1"'}
    wired = tour.app.wire(settings(own_url))
    await wired.start()
    for _ in range(2):
        got = await fetch(wired.http, target, "POST", headers=headers, body=b'{"minutes": 20, "reason": "fog"}')
        assert (got.status, got.json["dep_delay"], got.json["remarks"]) == (200, 22, "fog"), got.body
    await wired.stop()


def test_the_tours_commands_that_are_there_are_these() -> None:
    there = [one for one in commands() if not is_listed(one, OUT_OF_SCOPE_COMMANDS)]
    assert there == ["dev examples.flights", "shell", "seed", "routes", 'explain "GET /v1/flights?…"']


def test_dev_serves_what_the_tour_says(url: str, tmp_path: Path) -> None:
    own = {"KINGPOST_DATABASE_URL": url, "KINGPOST_DATA_FOLDER": str(tmp_path), "PYTHONPATH": str(TOP)}
    dev = Running(tmp_path, "dev", "examples.flights", **own)
    try:
        dev.wait(lambda: dev.get("/v1/airlines/UA")[0] == 200, seconds=20)
        assert dev.get("/v1/airlines/UA")[1] == '{"carrier":"UA","name":"United Air Lines Inc."}'
    finally:
        assert dev.end(signal.SIGINT) == 0


def test_seed_and_shell_work_on_the_flights(
    own_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(TOP)
    monkeypatch.setenv("KINGPOST_DATABASE_URL", own_url)
    monkeypatch.setenv("KINGPOST_DATA_FOLDER", str(tmp_path))
    for _ in range(2):
        assert run(["seed", "examples.flights"]) == 0
    assert re.findall(r"^(\w+): ", capsys.readouterr().out, re.MULTILINE) == ["uma", "dan", "ada", "ron"] * 2
    text = "mine = await ctx.find(Flight, this.status == 'scheduled', sort=['departs_at'])\n"
    text += "(await ctx.update(mine[0], dep_delay=7)).remarks, [one.airline for one in mine]"
    assert run(["shell", "examples.flights", "--as", "uma", "-c", text]) == 0
    assert capsys.readouterr().out == "(None, ['UA', 'UA', 'UA', 'DL', 'DL', 'DL'])\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("routes", "/v1/flights/{id}"),
        ('explain "GET /v1/flights?airline=UA&sort=-dep_delay&limit=5"', "Index Scan"),
        (r"explain examples.flights 'GET /v1/flights?group=airline&aggregate=count,avg:dep_delay'", "GROUP BY"),
    ],
)
def test_explain_and_routes_say_what_happens(
    command: str, said: str, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(TOP)
    monkeypatch.setenv("KINGPOST_DATABASE_URL", url)
    assert run(shlex.split(command)) == 0
    assert said in capsys.readouterr().out
