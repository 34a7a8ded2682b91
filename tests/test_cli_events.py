"""`kingpost events tail`: what it prints of each row that is written, what it leaves out, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flights_database import few_flights
from tests.shop import URL, Said, asking, shop_in
from tests.test_docs import TOP

# Its store forgets all when the process ends, and lives as long as the module.
APP = """
from typing import Annotated
from kingpost import App, Context, Key, Policy, Private, Ref, Table, anyone
from kingpost.store.memory import MemoryStore

class Airline(Table):
    carrier: Key[str]
    name: str
    password: Annotated[str, Private()] = "s3cret"
    policy = Policy(read=anyone)

class Seat(Table, soft_delete=True):
    number: Key[int]
    airline: Ref[Airline]
    note: str | None = None
    policy = Policy(read=anyone)

STORE = MemoryStore()
app = App("airport", entities=[Airline, Seat], store=lambda settings, observe: STORE)

@app.seed
async def seed(ctx: Context) -> None:
    await ctx.create(Airline, carrier="UA", name="United")
    seat = await ctx.create(Seat, number=1, airline="UA", note="a\\x1b[31mred\\u009b" + "x" * 80)
    await ctx.update(seat, note=None)
    await ctx.delete(seat)
"""


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Said]:
    with shop_in(tmp_path, monkeypatch) as folder:
        (folder / "single.py").write_text(APP)
        monkeypatch.setenv(*next(iter(URL.items())))
        said = asking(capsys)
        assert said("seed", "single")[0] == 0
        yield said


def test_events_are_told_in_words(said: Said) -> None:
    code, out, err = said("events", "tail", "single", "--after", "oldest", "--count", "4")
    long = '"a\\u001b[31mred\\x9b' + "x" * 20 + "…"
    assert code == 0
    lines = [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in out.splitlines()]
    assert lines == [
        'created Airline UA v1  name="United"',
        f'created Seat 1 v1  airline="UA"  note={long}',
        f"updated Seat 1 v2  note={long} -> null",
        "deleted Seat 1 v3",
    ]
    assert re.fullmatch(r"go on with --after \w+\.4\n", err)


def test_events_are_told_as_json_without_what_is_private(said: Said) -> None:
    code, out, err = said("events", "tail", "single", "--after", "oldest", "--count", "4", "--json")
    told = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert [one["op"] for one in told] == ["created", "created", "updated", "deleted"]
    assert told[0]["new"] == {"carrier": "UA", "name": "United"}
    assert (told[0]["entity"], told[0]["key"], told[0]["version"], told[0]["old"]) == ("Airline", ["UA"], 1, None)
    assert len({one["transaction"] for one in told}) == 1
    assert "s3cret" not in out


def test_one_may_go_on_after_an_event_and_ask_for_one_entity(said: Said) -> None:
    _, out, _ = said("events", "tail", "single", "--after", "oldest", "--count", "2", "--json")
    token = json.loads(out.splitlines()[1])["token"]
    _, out, _ = said("events", "tail", "single", "--after", token, "--count", "1", "--json")
    assert json.loads(out)["op"] == "updated"
    _, out, _ = said("events", "tail", "single", "--after", "oldest", "--entity", "Seat", "--count", "1", "--json")
    assert json.loads(out)["entity"] == "Seat"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--after", "nonsense"), 1, "this is no token of an event"),
        (("--after", "other.1"), 1, "not kept any more"),
        (("--entity", "Seet"), 1, "Seet"),
        (("--count", "0"), 2, "--count"),
    ],
)
def test_what_cannot_be_is_refused_in_words(said: Said, arguments: tuple[str, ...], code: int, words: str) -> None:
    found, out, err = said("events", "tail", "single", *arguments)
    assert (found, out) == (code, "")
    assert words in err
    assert "Traceback" not in err


def test_it_waits_for_what_is_written_and_ends_by_ctrl_c(postgres_url: str, tmp_path: Path) -> None:
    url = few_flights(postgres_url, "tailed", 10)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KINGPOST_")}
    env = clean | {"KINGPOST_DATABASE_URL": url, "KINGPOST_DATA_FOLDER": str(tmp_path)}
    kingpost = (sys.executable, "-m", "kingpost.cli")
    write = (
        "shell",
        "examples.flights",
        "--system",
        "-c",
        "await ctx.create(Plane, tailnum='N1', manufacturer='x', model='y', seats=1)",
    )
    with subprocess.Popen(
        [*kingpost, "events", "tail", "examples.flights", "--after", "oldest"],
        cwd=TOP, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as tail:  # fmt: skip
        done = subprocess.run([*kingpost, *write], cwd=TOP, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert tail.stdout is not None
        assert "created Plane N1 v1" in tail.stdout.readline()
        tail.send_signal(signal.SIGINT)
        out, err = tail.communicate(timeout=20)
    assert (tail.returncode, out) == (130, "")
    assert re.fullmatch(r"go on with --after \w+\.\d+\n+", err)
