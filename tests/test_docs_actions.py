"""The guides to actions and endpoints: their code is an app, and their requests are answered as they say."""

from __future__ import annotations

import re
import sys
from types import ModuleType

import pytest

from kingpost.auth.tokens import mint
from kingpost.perform.seeding import sow
from kingpost.settings import Secret, Settings
from tests.asgi import fetch
from tests.test_docs import TOP

SECRET = Secret("a secret of the tests, long enough")
SETTINGS = Settings(environment="development", secret=SECRET, log_level="error")
EXAMPLE = re.compile(r"([A-Z]+) (\S+)(?: (.+))? as (\w+) -> (\d{3})(?: (KP\d{3}))?")


@pytest.mark.parametrize("name", ["actions", "own-endpoints"])
async def test_what_a_guide_asks_is_answered_as_it_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (TOP / "docs" / "how-to" / f"{name}.md").read_text()
    module = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    # The first block is the app; others are run by the test of all pages.
    exec(re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0], vars(module))
    development = module.app.declared.development
    wired = module.app.wire(SETTINGS, lambda event: None)
    await wired.engine.store.create(module.app.manifest)
    if development.seed is not None:
        await sow(wired.performer.endpoint, development.seed)
    tokens = {
        one: mint(SECRET, sub=actor.id, roles=sorted(actor.roles), claims=dict(actor.claims))
        for one, actor in development.actors.items()
    }
    [block] = re.findall(r"^```http\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    for line in block.splitlines():
        example = EXAMPLE.fullmatch(line)
        assert example is not None, line
        method, target, body, who, status, code = example.groups()
        headers = {"content-type": "application/json"}
        headers |= {} if who == "nobody" else {"authorization": f"Bearer {tokens[who]}"}
        got = await fetch(wired.http, target, method, headers=headers, body=(body or "").encode())
        assert (got.status, got.json["code"] if got.status >= 400 else None) == (int(status), code), (line, got.body)
    await wired.engine.store.close()
