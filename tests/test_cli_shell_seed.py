"""`kingpost shell` and `kingpost seed`: what they run, as whom, what they keep, and how they refuse and end."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kingpost.cli.console import shown
from kingpost.cli.explain import identified
from kingpost.settings import Settings
from tests.shop import URL, Said, asking, shop_in

# Its store forgets all when the process ends, and lives as long as the module.
APP = """
from kingpost import Actor, App, Context, Key, Many, Policy, Ref, Table, anyone, me, role, this
from kingpost.store.memory import MemoryStore

MINE = role("dispatcher") & (this.airline == me.airline)

class Airline(Table):
    carrier: Key[str]
    name: str
    flights: Many["Flight"]
    policy = Policy(read=anyone)

class Flight(Table):
    number: Key[int]
    airline: Ref[Airline]
    remarks: str | None = None
    policy = Policy(read=anyone, create=MINE, update=MINE, fields={"remarks": role("dispatcher")})

STORE = MemoryStore()
ACTORS = {"uma": Actor("uma", frozenset({"dispatcher"}), {"airline": "UA"}), "ron": Actor("ron")}
app = App("airport", entities=[Airline, Flight], actors=ACTORS, store=lambda settings, observe: STORE)

@app.seed
async def seed(ctx: Context) -> None:
    if not await ctx.find(Airline):
        await ctx.create(Airline, carrier="UA", name="United")
    await ctx.create(Flight, number=len(await ctx.find(Flight)), airline="UA", remarks="seeded")
"""
FIND = "await ctx.find(Flight)"
AS_UMA = ("--role", "dispatcher", "--claim", "airline=UA", "--sub", "uma")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with shop_in(tmp_path, monkeypatch) as folder:
        (folder / "single.py").write_text(APP)
        monkeypatch.setenv(*next(iter(URL.items())))
        yield folder


@pytest.fixture
def said(folder: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    return asking(capsys)


# --- seed ------------------------------------------------------------------------------------------------------------


def test_seed_runs_past_every_policy_and_finds_what_it_made(said: Said) -> None:
    assert said("seed", "single")[0] == 0
    assert said("seed", "single")[0] == 0
    code, out, _ = said("shell", "single", "-c", FIND)
    assert code == 0
    assert out == "[\n    Flight(number=0, airline='UA'),\n    Flight(number=1, airline='UA'),\n]\n"


def test_seed_prints_a_token_for_each_actor(said: Said) -> None:
    code, out, _ = said("seed", "single")
    assert (code, out.splitlines()[0]) == (0, "airport is seeded")
    settings = Settings.load(assume="development")
    (united, first), (reader, second) = re.findall(r"^(\w+: .+)\n(\S+)$", out, re.MULTILINE)
    assert (united, reader) == ("uma: dispatcher, airline=UA", "ron: no roles")
    uma, ron = identified(settings, first), identified(settings, second)
    assert (uma.id, uma.roles, uma.claims["airline"]) == ("uma", frozenset({"dispatcher"}), "UA")
    assert (ron.id, ron.roles) == ("ron", frozenset())


@pytest.mark.parametrize(
    ("last", "words"),
    [
        ("    await ctx.get(Airline, 'XX')", "the seed fails: there is no such Airline"),
        ("    raise ValueError('half')", "the seed fails: ValueError: half"),
    ],
)
def test_a_seed_that_fails_keeps_nothing_and_is_told_with_its_line(
    last: str, words: str, folder: Path, said: Said
) -> None:
    (folder / "single.py").write_text(f"{APP}{last}\n")
    code, out, err = said("seed", "single")
    assert (code, out) == (1, "")
    assert f"error: single.py:{APP.count(chr(10)) + 1}: {words}" in err
    assert "Traceback" not in err
    assert said("shell", "single", "-c", "await ctx.find(Airline)")[1] == "[]\n"


def test_an_app_without_a_seed_is_told_how_to_write_one(folder: Path, said: Said) -> None:
    (folder / "single.py").write_text(APP.replace("@app.seed\n", ""))
    code, _, err = said("seed", "single")
    assert code == 1
    assert "airport declares no seed" in err
    assert "write @app.seed" in err


def test_seed_refuses_production(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINGPOST_ENVIRONMENT", "production")
    code, _, err = said("seed", "single")
    assert code == 1
    assert "`kingpost seed` is for development" in err


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("@app.seed", "@app.seed\ndef sow(ctx: Context) -> None: ...\n", "sow: it is no async function"),
        ("(ctx: Context) -> None", "(ctx: Context, more: int) -> None", "given the Context and nothing else"),
        ("(ctx: Context) -> None", "(ctx: Context) -> int", "a seed returns nothing"),
        ("@app.seed", "@app.seed\nasync def first(ctx: Context) -> None: ...\n@app.seed", "there is a seed already"),
        ('"ron": Actor("ron")', '"ron": "dispatcher"', "'ron' names no Actor"),
    ],
)
def test_a_wrong_seed_is_a_wrong_declaration(before: str, after: str, words: str, folder: Path, said: Said) -> None:
    assert before in APP
    (folder / "single.py").write_text(APP.replace(before, after))
    code, _, err = said("seed", "single")
    assert code == 1
    assert words in err
    assert "Traceback" not in err


# --- shell -c --------------------------------------------------------------------------------------------------------


def test_the_shell_writes_as_who_calls_and_commits_each_call_by_itself(said: Said) -> None:
    said("seed", "single")
    write = "await ctx.create(Flight, number=7, airline='UA', remarks='x')\nawait ctx.create(Flight, number=7, airline='UA')"
    code, _, err = said("shell", "single", *AS_UMA, "-c", write)
    assert code == 1
    assert "error: " in err
    assert said("shell", "single", *AS_UMA, "-c", "(await ctx.get(Flight, 7)).remarks")[1] == "'x'\n"


@pytest.mark.parametrize(
    ("who", "out"),
    [
        ((), "(None, [])"),
        (("--as", "uma"), "('uma', ['dispatcher'])"),
        (("--sub", "ann", "--role", "b", "--role", "a"), "('ann', ['a', 'b'])"),
    ],
)
def test_the_shell_asks_as_who_it_is_told_to(who: tuple[str, ...], out: str, said: Said) -> None:
    code, printed, _ = said("shell", "single", *who, "-c", "ctx.actor.id, sorted(ctx.actor.roles)")
    assert (code, printed) == (0, out + "\n")


def test_the_system_goes_past_every_policy(said: Said) -> None:
    create = "(await ctx.create(Airline, carrier='AA', name='American')).name"
    assert said("shell", "single", "-c", create)[0] == 1
    assert said("shell", "single", "--system", "-c", create) == (0, "'American'\n", "")


def test_what_one_needs_is_at_hand(said: Said) -> None:
    code, out, _ = said("shell", "single", "-c", "app.name, Airline, Flight, this.number, me.id, role('x'), ctx.now")
    assert code == 0
    assert out.startswith("('airport', <class 'single.Airline'>")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\nboom", "error: <code>:2: NameError: name 'boom' is not defined"),
        ("x = (", "error: <code>:1: SyntaxError: '(' was never closed"),
        ("await ctx.get(Flight, 404)", "error: there is no such Flight"),
        ("await ctx.find(Flight, this.nmber == 1)", "did you mean 'number'?"),
    ],
)
def test_what_fails_is_told_without_a_traceback(text: str, words: str, said: Said) -> None:
    code, out, err = said("shell", "single", "-c", text)
    assert (code, out) == (1, "")
    assert words in err
    assert "Traceback" not in err


def test_the_code_may_say_how_it_ends(said: Said) -> None:
    assert said("shell", "single", "-c", "raise SystemExit(3)")[0] == 3


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("token", "single", "--as", "umma"), 1, "did you mean 'uma'?"),
        (("shell", "single", "--as", "umma", "-c", "1"), 1, "airport has no actor 'umma'"),
        (("shell", "single", "--as", "uma", "--role", "x", "-c", "1"), 2, "--as says all of who it is"),
        (("shell", "shop", "-c", "1"), 1, "no kingpost.App"),
    ],
)
def test_who_is_not_there_is_refused(arguments: tuple[str, ...], code: int, words: str, said: Said) -> None:
    got, _, err = said(*arguments)
    assert got == code
    assert words in err


def test_a_token_of_an_actor_is_believed(said: Said) -> None:
    code, out, _ = said("token", "single", "--as", "uma")
    actor = identified(Settings.load(assume="development"), out.strip())
    assert (code, actor.id, actor.claims["airline"]) == (0, "uma", "UA")


def test_routes_lists_writes_actions_endpoints_and_mounts(folder: Path, said: Said) -> None:
    own = """
from kingpost import Response
from typing import Any

@app.action(policy=role("dispatcher"))
async def call_off(ctx: Context, flight: Flight) -> Flight: ...

@app.action(policy=role("admin"))
async def tidy_up(ctx: Context) -> None: ...

@app.route("GET", "/board/{origin}", policy=role("guest"))
async def board(ctx: Context, origin: str) -> Response: ...

app.mount("/legacy", seed)
"""
    (folder / "single.py").write_text(APP + own)
    code, out, _ = said("routes", "single")
    lines = [re.split(r"\s{2,}", line.strip()) for line in out.splitlines()]
    mine = 'role("dispatcher") & (this.airline == me.airline)'
    assert code == 0
    for method, path, verb in (
        ("POST", "", "create"),
        ("PATCH", "/{number}", "update"),
        ("PUT", "/{number}", "upsert"),
    ):
        assert [method, f"/v1/flights{path}", f"Flight.{verb}", mine] in lines
    assert ["POST", "/v1/flights/{number}:call-off", "Flight.call_off", 'role("dispatcher")'] in lines
    assert ["POST", "/v1/tidy-up", "tidy_up", 'role("admin")'] in lines
    assert ["GET", "/board/{origin}", "board", 'role("guest")'] in lines
    assert ["any", "/legacy/…", "who the mounted app lets in"] in lines
    assert not [line for line in lines if line[0] == "DELETE"], "nobody may delete, so it is not listed"


# --- The prompt ------------------------------------------------------------------------------------------------------

TYPED = """
for number in range(2):
    await ctx.create(Airline, carrier=str(number), name="x")

[one.carrier for one in await ctx.find(Airline)]
len(_)
boom
await ctx.get(Airline, "9")
"still here"
"""


def test_the_prompt_takes_await_shows_values_and_goes_on_after_errors(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kingpost.cli", "shell", "single", "--system"],
        input=TYPED,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0
    assert "['0', '1']" in done.stdout
    assert ">>> 2\n" in done.stdout
    assert "'still here'" in done.stdout
    assert "NameError: name 'boom' is not defined" in done.stderr
    assert "error: there is no such Airline" in done.stderr
    assert "console.py" not in done.stderr


def test_ctrl_c_at_an_empty_prompt_leaves(folder: Path) -> None:
    command = [sys.executable, "-m", "kingpost.cli", "shell", "single"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, bufsize=0, **pipes) as shell:
        assert shell.stdin is not None
        assert shell.stdout is not None
        shell.stdin.write(b"'ready'\n")
        assert b"ready" in shell.stdout.readline()
        time.sleep(0.2)
        shell.send_signal(signal.SIGINT)
        _, err = shell.communicate(timeout=15)
    assert shell.returncode == 0, err
    assert b"Traceback" not in err


def test_a_row_is_shown_by_its_fields() -> None:
    row = type("Flight", (), {"__kingpost__": None})()
    row.number = 1
    assert shown(row) == "Flight(number=1)"
    assert shown([row]) == "[\n    Flight(number=1),\n]"
    assert shown([1]) == "[1]"
