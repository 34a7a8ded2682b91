"""The commands that go on: how dev and serve start, follow changes, drain and end."""

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

from tests.shop import APP, LOAD, URL, shop_in


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with shop_in(tmp_path, monkeypatch) as folder:
        yield folder


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
    assert re.search(r"\$\(\S*kingpost token shop --role clerk --sub me\)", screen)
    assert "openapi" not in screen
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


REAL = """
from kingpost import App, Key, Policy, Table, anyone
from kingpost.store.memory import MemoryStore

class Shelf(Table, plural="shelves"):
    name: Key[str]
    policy = Policy(read=anyone)

app = App("real", entities=[Shelf], store=lambda settings, observe: MemoryStore())
"""


def test_an_app_tells_how_its_server_starts_drains_and_stops(start: Start, shop: Path) -> None:
    (shop / "single.py").write_text(REAL)
    server = start("serve", "single", KINGPOST_UNREADY_S="0.5")
    server.wait(lambda: server.get("/readyz")[0] == 200)
    server.process.send_signal(signal.SIGTERM)
    server.wait(lambda: server.get("/readyz")[0] == 503, seconds=0.45)
    assert [server.get(path)[0] for path in ("/livez", "/v1/shelves")] == [200, 200]
    assert server.process.wait(10) == 0
    told = re.findall(r'"event":"(server_\w+)"', server.log.read_text())
    assert told == ["server_started", "server_draining", "server_stopped"]


def test_serve_ends_well_on_ctrl_c(start: Start, shop: Path) -> None:
    (shop / "kept.json").write_text("model")
    server = start("serve", "shop", KINGPOST_VERIFICATION_KEY="k" * 32, KINGPOST_UNREADY_S="0")
    server.wait(lambda: server.get()[0] == 200)
    assert server.end(signal.SIGINT) == 0
    assert not server.printed("Traceback")
