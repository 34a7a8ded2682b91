"""The examples in the documentation do what it says: every GET is asked, every Python block is run."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from uuid import UUID

import pytest

from examples.flights.app import TRY, TRY_WRITE, app
from kingpost.answer import Engine
from kingpost.errors import CallerError
from kingpost.model.declare import Table
from kingpost.model.read import read_manifest
from kingpost.observe import nobody
from kingpost.store.memory import MemoryStore
from tests.asking import BOB, BOSS, DEE, NOBODY, ask, domain_in_memory

TOP = Path(__file__).parents[1]
DOCS = TOP / "docs"
PYTHON_PAGES = [page for page in sorted(DOCS.rglob("*.md")) if "```python" in page.read_text()]
ACTORS = {"boss": BOSS, "bob": BOB, "dee": DEE, "nobody": NOBODY}
# A GET, who asks it where that is told, and the code of its refusal where it is refused.
EXAMPLE = re.compile(r"^GET (\S+)(?: +as (\w+))?(?: +(KP\d{3}))?$", re.MULTILINE)


def examples(page: str) -> list[tuple[str, str, str]]:
    """The GETs in a page's `http` blocks: what is asked, by whom, and the code of its refusal."""
    blocks = re.findall(r"^```http\n(.*?)^```", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line]
    found = [EXAMPLE.fullmatch(line) for line in lines]
    assert lines
    assert all(found), "a line in an http block is no example"
    return [(one[1], one[2] or "nobody", one[3] or "") for one in found if one]


async def code_of(engine: Engine, target: str, who: str) -> str:
    """The code of the refusal; nothing where there is an answer."""
    try:
        found = await ask(engine, target, ACTORS[who])
    except CallerError as refused:
        return refused.code
    return "" if found.body is not None else "KP302"


@pytest.fixture
async def flights() -> Engine:
    """The flights' model with a few rows, in memory."""
    store = MemoryStore()
    await store.create(app.manifest)
    await store.load("Airline", [{"carrier": "UA", "name": "United"}, {"carrier": "9E", "name": "Endeavor"}])
    await store.load("Airport", [{"faa": code} for code in ("JFK", "LGA", "SFO")])
    await store.load("Plane", [{"tailnum": "N1", "manufacturer": "BOEING", "model": "737", "seats": 149}])
    await store.load("Flight", [_flight(number) for number in range(1, 6)])
    return Engine(app.manifest, store, store.run, nobody, 100_000)


def _flight(number: int) -> dict[str, object]:
    return {
        "id": UUID(int=number),
        "airline": "UA" if number % 2 else "9E",
        "origin": "JFK",
        "dest": "SFO",
        "plane": "N1" if number < 3 else None,
        "number": number,
        "departs_at": datetime(2013, 7, number, tzinfo=UTC),
        "dep_delay": 60 * number if number < 5 else None,
    }


@pytest.mark.parametrize(("target", "who", "code"), examples("reference/rest.md"))
async def test_what_the_reference_asks_is_answered_as_it_says(
    target: str, who: str, code: str, flights: Engine
) -> None:
    assert await code_of(flights, target, who) == code


@pytest.mark.parametrize("target", TRY)
async def test_what_the_first_screen_offers_is_answered(target: str, flights: Engine) -> None:
    assert await code_of(flights, target, "nobody") == ("KP200" if "airlin=" in target else "")


def test_the_readme_tries_what_the_first_screen_offers() -> None:
    tried = re.findall(r"^curl -g 'http://127\.0\.0\.1:8000(.+)'$", (TOP / "README.md").read_text(), re.MULTILINE)
    assert tried == TRY


def test_the_readme_writes_what_the_first_screen_offers() -> None:
    who, path, body = TRY_WRITE
    (block,) = re.findall(r"^curl -X POST (?:.+\\\n)+.+", (TOP / "README.md").read_text(), re.MULTILINE)
    assert f"'http://127.0.0.1:8000{path}'" in block
    assert f"kingpost token examples.flights --as {who})" in block
    assert f"-d '{body}'" in block


@pytest.mark.parametrize(("target", "who", "code"), examples("how-to/write-policies.md"))
async def test_who_asks_is_told_what_the_guide_to_policies_says(target: str, who: str, code: str) -> None:
    assert await code_of(await domain_in_memory(), target, who) == code


@pytest.mark.parametrize("page", PYTHON_PAGES, ids=lambda page: page.name)
def test_the_python_of_a_page_declares_a_model(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)  # where annotations are looked up
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        exec(compile(block, str(page), "exec"), vars(module))
    declared = [one for one in vars(module).values() if isinstance(one, type) and issubclass(one, Table)]
    assert read_manifest("page", [one for one in declared if one is not Table]).entities
