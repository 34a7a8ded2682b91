"""The commands, as someone at a terminal meets them: what they print, refuse, serve, and how they end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kingpost.cli import COMMANDS, run
from kingpost.cli.log_lines import readable
from kingpost.cli.policy_text import in_words
from kingpost.model.expressions import (
    FALSE,
    TRUE,
    Aggregated,
    And,
    Choose,
    Column,
    Compare,
    Constant,
    Expression,
    FromCall,
    Function,
    HasRole,
    IsNull,
    Name,
    Not,
    Or,
    Quantified,
    Slot,
    Through,
)
from kingpost.model.fields import Field, Relation
from kingpost.model.types import INT

# A package that is served without any database: its store keeps a note of what it was asked to do.
APP = """
import asyncio, json, os
from pathlib import Path
from kingpost import Many, Policy, Ref, Table, Key, anyone, me, role, this
from kingpost.errors import DeclarationError, NotCreated
from kingpost.model.read import read_manifest

class Shelf(Table, plural="shelves"):
    name: Key[str]
    things: Many["Thing"]
    policy = Policy(read=anyone)

class Thing(Table):
    shelf: Ref[Shelf]
    owner: str
    price: int | None
    policy = Policy(read=role("clerk") & (this.owner == me.id), fields={"price": role("boss")})

KEPT = Path("kept.json")

class Store:
    async def open(self, manifest):
        if not KEPT.exists():
            raise NotCreated("nothing here yet")
        if "model" not in KEPT.read_text():
            raise DeclarationError("made for another model", hint="kingpost dev --recreate drops it")
    async def create(self, manifest):
        KEPT.write_text("model ")
    async def load(self, entity, rows):
        count = sum(1 for _ in rows)
        KEPT.write_text(KEPT.read_text() + f"{entity}={count} ")
        return count
    async def close(self):
        pass

class Shop:
    name = "shop"
    manifest = read_manifest("shop", [Shelf, Thing])
    draining = False
    def store_for(self, settings, observe):
        return Store()
    def drain(self):
        self.draining = True
    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                await send({"type": kind + ".complete"})
                if kind == "lifespan.shutdown":
                    Path("stopped").touch()
                    return
        if scope["path"] == "/slow":
            await asyncio.sleep(1)
        status = 503 if scope["path"] == "/readyz" and self.draining else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"one"})

app = Shop()
"""
LOAD = """
ENTITIES = ("Shelf", "Thing")

def rows(entity):
    return [{}] * (2_500 if entity == "Thing" else 3)
"""
ENDED = (
    '{{"time":"2013-07-01T09:30:01.5Z","level":"info","event":"request_ended","method":"GET","path":"/v1/flights",'
    '"status":{status},"duration_s":0.00123,"parameters":["airline","sort"]}}'
)
TO = Relation("to", "Here", "There", False, "to", "id")
URL = {"KINGPOST_DATABASE_URL": "postgresql://nobody:hunter2@nowhere/x"}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with the package `shop`; what it imports is forgotten afterwards."""
    (tmp_path / "shop").mkdir()
    for name, text in (("__init__", ""), ("app", APP), ("load", LOAD)):
        (tmp_path / "shop" / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in [name for name in os.environ if name.startswith("KINGPOST_") or name == "PORT"]:
        monkeypatch.delenv(name)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] in {"shop", "single"}]:
        del sys.modules[name]


Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(shop: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    """Runs a command in the working folder and returns its exit code and what it printed on both streams."""

    def ask(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        out, err = capsys.readouterr()
        return code, out, err

    return ask


# --- Help, misuse and errors -----------------------------------------------------------------------------------------


def test_help_lists_every_command(said: Said) -> None:
    code, out, _ = said("--help")
    assert code == 0
    assert all(re.search(rf"^  {name} ", out, re.MULTILINE) for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_commands_help_has_an_example(name: str, said: Said) -> None:
    code, out, _ = said(name, "--help")
    assert code == 0
    assert "Example:" in out
    assert f"kingpost {name}" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Usage:"),
        (("derv",), "there is no command 'derv'"),
        (("dev",), "Missing argument 'APP'"),
        (("dev", "shop", "--port", "0"), "0 is not in the range"),
        (("token", "--claim", "airline"), "'airline' is not NAME=VALUE"),
        (("token", "--ttl", "soon"), "no duration like 90s, 15m, 8h or 30d"),
        (("explain", "shop", "flights"), "REQUEST is a method and a path"),
    ],
)
def test_a_wrong_call_exits_with_2(arguments: tuple[str, ...], words: str, said: Said) -> None:
    code, out, err = said(*arguments)
    assert code == 2
    assert words in out + err


@pytest.mark.parametrize(
    ("app", "words"),
    [
        ("shopp", "hint: did you mean shop?"),
        ("shop.ap", "hint: did you mean shop.app?"),
        ("shop/ap.py", "there is no shop/ap.py"),
        ("shop.app:shop", "hint: write shop.app:app"),
        ("shop.load", "shop.load has nothing named 'app'"),
    ],
)
def test_an_app_that_is_not_there_is_told_with_a_suggestion(app: str, words: str, said: Said) -> None:
    code, _, err = said("routes", app)
    assert (code, err.startswith("error: ")) == (1, True)
    assert words in err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\ny = nope\n", "error: shop/app.py:2: NameError: name 'nope' is not defined"),
        ("x = (\n", "error: shop/app.py:1: SyntaxError: '(' was never closed"),
        ("import shop.nope\n", "error: shop/app.py:1: ModuleNotFoundError: No module named 'shop.nope'"),
    ],
)
def test_an_app_that_does_not_import_is_told_with_its_line(text: str, words: str, shop: Path, said: Said) -> None:
    (shop / "shop" / "app.py").write_text(text)
    code, _, err = said("routes", "shop")
    assert code == 1
    assert words in err
    assert "Traceback" not in err


def test_each_wrong_declaration_is_told(shop: Path, said: Said) -> None:
    (shop / "shop" / "app.py").write_text(APP.replace("this.owner", "this.onwer").replace("Ref[Shelf]", "Ref[int]"))
    code, _, err = said("routes", "shop")
    assert code == 1
    assert "shop/app.py:" in err
    assert "Traceback" not in err


def test_debug_shows_the_traceback(shop: Path, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINGPOST_DEBUG", "1")
    (shop / "shop" / "app.py").write_text("y = nope\n")
    with pytest.raises(Exception, match="nope"):
        said("routes", "shop")


# --- routes, token, version ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("app", ["shop", "shop.app", "shop.app:app", "shop/app.py", "shop/", "./shop/app.py"])
def test_routes_tells_what_is_served_and_who_may(app: str, said: Said) -> None:
    code, out, _ = said("routes", app)
    lines = [re.split(r"\s{2,}", line.strip()) for line in out.splitlines()]
    assert code == 0
    assert ["GET", "/v1/shelves/{name}", "Shelf.get", "anyone"] in lines
    may = 'role("clerk") & (this.owner == me.id); price: role("boss")'
    assert ["GET", "/v1/things", "Thing.list", may] in lines


def test_a_single_file_is_an_app_too(shop: Path, said: Said) -> None:
    (shop / "single.py").write_text(APP)
    assert said("routes", "single.py")[0] == 0


def test_token_prints_one_that_the_app_believes(said: Said) -> None:
    from kingpost.cli.explain import identified
    from kingpost.settings import Settings

    code, out, _ = said("token", "--sub", "ann", "--role", "clerk", "--claim", 'at=["JFK"]', "--claim", "airline=UA")
    actor = identified(Settings.load(assume="development"), out.strip())
    assert code == 0
    assert (actor.id, actor.roles, actor.claims["at"], actor.claims["airline"]) == (
        "ann",
        frozenset({"clerk"}),
        ["JFK"],
        "UA",
    )


def test_token_points_out_what_no_policy_names(said: Said) -> None:
    code, out, err = said("token", "shop", "--role", "clark", "--claim", "airline=UA")
    assert (code, out.count(".")) == (0, 2)
    assert "no policy names role 'clark' (did you mean 'clerk'?)" in err


@pytest.mark.parametrize("command", [("token",), ("dev", "shop")])
def test_what_is_for_developers_refuses_production(
    command: tuple[str, ...], said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KINGPOST_ENVIRONMENT", "production")
    code, _, err = said(*command)
    assert code == 1
    assert "is for development" in err


def test_version_names_ours_and_what_it_runs_on(said: Said) -> None:
    code, out, _ = said("version")
    assert code == 0
    assert re.search(r"^kingpost \d", out, re.MULTILINE)
    assert re.search(r"^granian \d", out, re.MULTILINE)


# --- explain and what it is made of ----------------------------------------------------------------------------------


def explained(said: Said, monkeypatch: pytest.MonkeyPatch, request: str, *options: str) -> tuple[int, str, str]:
    """Explains a request to the shop's rows as the memory store keeps them; no database is needed."""
    source = Path("shop/app.py")
    source.write_text(source.read_text().replace("return Store()", "return Memory()"))
    source.write_text("from kingpost.store.memory import MemoryStore as Memory\n" + source.read_text())
    monkeypatch.setenv("KINGPOST_DATABASE_URL", "postgresql://nowhere")
    return said("explain", "shop", request, *options)


def test_explain_shows_each_stage(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, err = explained(said, monkeypatch, "GET /v1/shelves?name=top&limit=2")
    assert (code, err) == (0, "")
    assert "Skeleton: the shape under which the plan is kept\nrest\nlist\nshelves\nname\nlimit\n" in out
    assert "Read\n  entity Shelf\n  where this.name == slot0\n  limit slot1\n" in out
    assert "rows: Shelf, this.name == slot0\n" in out


def test_explain_shows_what_the_policy_makes_of_it(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    token = said("token", "--role", "clerk", "--sub", "ann")[1].strip()
    code, out, _ = explained(said, monkeypatch, "GET /v1/things?sort=id", "--token", token)
    assert code == 0
    assert "rows: Thing, all rows\n    becomes this.owner == me.id\n    without price\n" in out
    assert "'ann'" in out


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ("GET /v1/things", "error: "),
        ("GET /v1/shelfs", "did you mean 'shelves'?"),
        ("POST /v1/shelves", "POST is not explained yet"),
    ],
)
def test_explain_refuses_what_the_server_would(
    request_: str, words: str, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = explained(said, monkeypatch, request_)
    assert code == 1
    assert words in err


A, B = Column(Field("a", INT, "a")), Column(Field("b", INT, "b"))
LESS = Compare("lt", A, Constant(3))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (TRUE, "anyone"),
        (FALSE, "nobody"),
        (And((LESS, Or((HasRole("x"), Not(IsNull(B)))))), '(this.a < 3) & (role("x") | ~this.b.is_null())'),
        (Compare("in", A, Slot(2)), "this.a.in(slot2)"),
        (Compare("eq", FromCall("me", "id"), FromCall("call", "host")), "me.id == host"),
        (Through(TO, LESS), "this.to.a < 3"),
        (And((Through(TO, LESS), HasRole("x"))), '(this.to.a < 3) & role("x")'),
        (Through(TO, A, LESS), "this.to.a [of those with this.a < 3]"),
        (Quantified("some", TO, LESS), "this.to.some(this.a < 3)"),
        (Choose(LESS, A), "(this.a if this.a < 3 else null)"),
        (Function("lower", (A,), INT), "lower(this.a)"),
        (Aggregated("count", None, INT), "count()"),
        (Name(("to", "a")), "this.to.a"),
    ],
)
def test_a_rule_is_said_as_a_team_would_write_it(rule: Expression, words: str) -> None:
    assert in_words(rule) == words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("no JSON at all", "no JSON at all"),
        ('{"time":broken', '{"time":broken'),
        (ENDED.format(status=200), "09:30:01 200 GET /v1/flights?airline&sort  1.2 ms"),
        (ENDED.format(status=404), "09:30:01 404 GET /v1/flights?airline&sort  1.2 ms"),
        (
            '{"time":"2013-07-01T09:30:01.5Z","level":"error","event":"defect","kind":"ValueError","traceback":"Trace\\n x"}',
            "09:30:01 defect  kind=ValueError\nTrace\n x",
        ),
    ],
)
def test_a_log_line_is_made_readable(line: str, words: str) -> None:
    assert re.sub(r"\x1b\[\d+m", "", readable(line)) == words


# --- serve -----------------------------------------------------------------------------------------------------------


def test_serve_needs_a_database(said: Said) -> None:
    code, _, err = said("serve", "shop")
    assert code == 1
    assert "set KINGPOST_DATABASE_URL" in err


def test_serve_needs_a_key_where_a_policy_asks_who_calls(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*next(iter(URL.items())))
    code, _, err = said("serve", "shop")
    assert code == 1
    assert "the policy of Thing asks who calls" in err
    assert "hunter2" not in err


def test_serve_refuses_a_foreign_database(shop: Path, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**URL, "KINGPOST_VERIFICATION_KEY": "k" * 32}.items():
        monkeypatch.setenv(name, value)
    (shop / "kept.json").write_text("something else")
    code, _, err = said("serve", "shop")
    assert code == 1
    assert "made for another model" in err


def test_a_port_that_is_taken_is_told(said: Said) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = said("dev", "shop", "--port", str(port))
    assert code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in err
    assert f"try --port {port + 1}" in err


# --- Running servers -------------------------------------------------------------------------------------------------


class Running:
    """A command that goes on, and what it printed."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("KINGPOST_")}
        self.log = folder / "printed"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kingpost.cli", *arguments, "--port", str(self.port)],
                cwd=folder,
                env={**clean, **URL, **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def get(self, path: str = "/") -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, ""
        except OSError:
            return 0, ""

    def wait(self, until: Callable[[], bool], seconds: float = 15.0) -> None:
        deadline = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def printed(self, words: str) -> bool:
        return words in self.log.read_text()

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(15)


@pytest.fixture
def start(shop: Path) -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def begin(*arguments: str, **environment: str) -> Running:
        running.append(Running(shop, *arguments, **environment))
        return running[-1]

    yield begin
    for one in running:
        if one.process.poll() is None:
            one.end()


Start = Callable[..., Running]


def test_dev_makes_the_database_loads_its_rows_and_shows_what_to_try(start: Start, shop: Path) -> None:
    dev = start("dev", "shop")
    dev.wait(lambda: dev.printed("Ctrl-C stops everything"))
    screen = dev.log.read_text()
    assert f"curl -g 'http://127.0.0.1:{dev.port}/v1/shelves?limit=3'" in screen
    assert "kingpost token shop --role clerk --sub me" in screen
    assert (shop / "kept.json").read_text() == "model Shelf=3 Thing=2500 "
    assert not list((shop / ".kingpost").glob("unfinished-*"))
    assert "hunter2" not in screen
    assert dev.get() == (200, "one")
    assert dev.end(signal.SIGINT) == 0
    assert (shop / "stopped").exists()


def test_dev_follows_the_sources_and_waits_while_they_are_broken(start: Start, shop: Path) -> None:
    dev, source = start("dev", "shop"), shop / "shop" / "app.py"
    dev.wait(lambda: dev.get() == (200, "one"))
    source.write_text("nope\n")
    dev.wait(lambda: dev.printed("Waiting for a change"))
    assert dev.printed("error: shop/app.py:1: NameError")
    assert not dev.printed("Traceback")
    source.write_text(APP.replace('b"one"', 'b"two"'))
    dev.wait(lambda: dev.get() == (200, "two"))


def test_dev_refuses_a_foreign_database_unless_told_to_recreate_it(start: Start, shop: Path) -> None:
    (shop / "kept.json").write_text("something else")
    dev = start("dev", "shop")
    assert dev.process.wait(15) == 1
    assert dev.printed("--recreate")
    dev = start("dev", "shop", "--recreate")
    dev.wait(lambda: dev.get() == (200, "one"))
    assert "Thing=2500" in (shop / "kept.json").read_text()


def test_dev_begins_a_loading_anew_that_was_cut_short(start: Start, shop: Path) -> None:
    (shop / "shop" / "load.py").write_text("def rows(entity):\n    yield {}\n    raise ValueError('half')\n")
    dev = start("dev", "shop")
    assert dev.process.wait(15) == 1
    assert dev.printed("error: shop/load.py:3: the rows of Shelf cannot be loaded: ValueError: half")
    (shop / "shop" / "load.py").write_text(LOAD)
    dev = start("dev", "shop")
    dev.wait(lambda: dev.get() == (200, "one"))
    assert (shop / "kept.json").read_text() == "model Shelf=3 Thing=2500 "


def test_nothing_goes_on_when_dev_is_killed(start: Start) -> None:
    dev = start("dev", "shop")
    dev.wait(lambda: dev.get() == (200, "one"))
    dev.end(signal.SIGKILL)
    dev.wait(lambda: dev.get()[0] == 0)


def test_serve_drains_readiness_first_and_answers_what_is_in_flight(start: Start, shop: Path) -> None:
    (shop / "kept.json").write_text("model")
    key = "k" * 32
    server = start("serve", "shop", "--workers", "2", KINGPOST_VERIFICATION_KEY=key, KINGPOST_UNREADY_S="0.5")
    server.wait(lambda: server.get("/readyz")[0] == 200)
    slow = subprocess.Popen(
        [sys.executable, "-c", f"import urllib.request as u; u.urlopen('http://127.0.0.1:{server.port}/slow')"]
    )
    time.sleep(0.4)
    server.process.send_signal(signal.SIGTERM)
    server.wait(lambda: server.get("/readyz")[0] == 503, seconds=0.45)
    assert server.get("/")[0] == 200
    assert slow.wait(10) == 0
    assert server.process.wait(10) == 0


def test_serve_ends_well_on_ctrl_c(start: Start, shop: Path) -> None:
    (shop / "kept.json").write_text("model")
    server = start("serve", "shop", KINGPOST_VERIFICATION_KEY="k" * 32, KINGPOST_UNREADY_S="0")
    server.wait(lambda: server.get()[0] == 200)
    assert server.end(signal.SIGINT) == 0
    assert not server.printed("Traceback")
