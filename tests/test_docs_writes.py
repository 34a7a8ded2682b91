"""The writes in the documentation are answered as it says, each in its turn."""

from __future__ import annotations

import json
import re
from pathlib import Path

from examples.flights.app import app
from kingpost.answer import Engine
from kingpost.observe import nobody
from kingpost.store.memory import MemoryStore
from tests.rest_desk import RestDesk

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "rest-writes.md"
EXAMPLE = re.compile(r"(POST|PUT|PATCH|DELETE) (\S+)(?: (.+))? -> (\d{3})(?: (KP\d{3}))?")


async def test_what_the_reference_writes_is_answered_as_it_says() -> None:
    store = MemoryStore()
    await store.create(app.manifest)
    await store.load("Airline", [{"carrier": code, "name": code} for code in ("UA", "DL")])
    await store.load("Airport", [{"faa": code} for code in ("JFK", "SFO")])
    ask = RestDesk(Engine(app.manifest, store, store.run, nobody, 100_000), dict(app.classes))
    blocks = re.findall(r"^```http\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) > 10
    for line in lines:
        example = EXAMPLE.fullmatch(line)
        assert example is not None, line
        body = None if example[3] is None else example[3].encode()
        got = await ask(example[1], example[2], body, who="uma")
        code = json.loads(got.body).get("code") if got.status >= 400 else None
        assert (got.status, code) == (int(example[4]), example[5]), (line, got.body)
