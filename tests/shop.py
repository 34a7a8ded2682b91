"""A package that is served without any database, and commands run where it stands."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kingpost.cli.entry import run

# Its store keeps a note of what it was asked to do.
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
URL = {"KINGPOST_DATABASE_URL": "postgresql://nobody:hunter2@nowhere/x"}


Said = Callable[..., tuple[int, str, str]]


@contextmanager
def shop_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with the package `shop`; what it imports is forgotten afterwards."""
    (folder / "shop").mkdir()
    for name, text in (("__init__", ""), ("app", APP), ("load", LOAD)):
        (folder / "shop" / f"{name}.py").write_text(text)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in [name for name in os.environ if name.startswith("KINGPOST_") or name == "PORT"]:
        monkeypatch.delenv(name)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] in {"shop", "single"}]:
        del sys.modules[name]


def asking(capsys: pytest.CaptureFixture[str]) -> Said:
    """Runs a command in the working folder and returns its exit code and what it printed on both streams."""

    def ask(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        out, err = capsys.readouterr()
        return code, out, err

    return ask
