"""Any body, path and header whatever: never a 500, and what is refused has changed nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kingpost.store.memory import MemoryStore
from tests import domain
from tests.asking import domain_in_memory
from tests.rest_desk import RestDesk

MANIFEST = domain.manifest()
NAMES = st.sampled_from(
    sorted(
        {*MANIFEST.entities["Project"].fields, *MANIFEST.entities["Person"].fields, "team", "reports", "memberships"}
    )
) | st.text(max_size=5)
ODD = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        2**63,
        2**70,
        -(2**63),
        1.5,
        1e300,
        "",
        "\0",
        "é",
        "red",
        "acme",
        "2024-02-30",
        "P1Y",
        "1e9",
        [],
        {},
    ]
)
KNOWN = st.sampled_from([str(UUID(int=1)), str(UUID(int=4)), "red", "2", 2, "blue,2", "acme", "done", "2024-01-01"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    ODD | KNOWN | st.text(max_size=8) | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)
PATCH = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "x"]) | VALUES},
    optional={
        "path": st.sampled_from(["", "/", "/name", "/tags/0", "/tags/-", "/settings/a/b", "/~2"]) | VALUES,
        "from": st.sampled_from(["", "/settings", "/tags/9"]) | VALUES,
        "value": VALUES,
    },
)
COPIES = st.integers(1, 250).map(lambda many: [{"op": "copy", "from": "", "path": f"/x{one}"} for one in range(many)])
OPERATION = st.dictionaries(
    st.sampled_from(["create", "update", "upsert", "delete", "body", "key", "as", "if_match"]),
    st.sampled_from(["projects", "people", "teams", "a", "³", '"1-x"', {"$ref": "a"}, {"$ref": ""}, ["red", 1]])
    | VALUES
    | st.dictionaries(NAMES, VALUES, max_size=3),
    max_size=4,
)
WRONG_WIDTHS = st.sampled_from(
    [
        {"n" * 200: 1},
        {f"n{one}": 1 for one in range(250)},
        [{f"n{one}": 1} for one in range(250)],
        [{"team": "red", "name": "x"}] * 1_001,
    ]
)
BODIES = (
    st.dictionaries(NAMES, VALUES, max_size=5)
    | st.lists(st.dictionaries(NAMES, VALUES, max_size=3), max_size=3)
    | st.lists(PATCH, max_size=4)
    | COPIES
    | WRONG_WIDTHS
    | st.fixed_dictionaries({"operations": st.lists(OPERATION, max_size=4)})
    | VALUES
).map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")) | st.binary(max_size=30)
COLLECTIONS = ["projects", "people", "teams", "memberships", "orgs"]
PATHS = (
    st.sampled_from([f"/v1/{name}" for name in (*COLLECTIONS, "batch", "nope", "projects:delay", "")])
    | st.builds(
        "/v1/{}/{}".format,
        st.sampled_from(COLLECTIONS),
        KNOWN | st.sampled_from(["a,b", "%00", "", ":x", ",", "9" * 30]),
    )
    | st.builds(
        "/v1/{}?{}={}".format,
        st.sampled_from(COLLECTIONS),
        st.sampled_from(["status", "include", "fields", "id[in]", "limit", "team.name"]),
        KNOWN,
    )
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "content_type": st.sampled_from(
            ["application/json", "application/json-patch+json", "application/merge-patch+json", "text/plain", "", ";"]
        ),
        "if_match": st.sampled_from(["*", '"1-x"', '"2"', "1", "", 'W/"1"', '"' + "9" * 40 + '"', '"é"', '"9", "1-x"']),
        "if_none_match": st.sampled_from(["*", '"1"', 'W/"7", "1-a"', ""]),
        "idempotency_key": st.sampled_from(["k", '"k"', "", "a b", "x" * 300]),
        "prefer": st.sampled_from(["return=minimal", "return=x", ","]),
        "content_length": st.sampled_from(["0", "-1", "9" * 30, "x"]),
    },
)
METHODS = st.sampled_from(["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "LINK", "GET"])
WHO = st.sampled_from(["boss", "bob", "dee", "admin", ""])


def never_a_500(examples: int) -> None:
    async def one(method: str, path: str, body: bytes, who: str, headers: dict[str, str]) -> None:
        engine = await domain_in_memory()
        store = engine.store
        assert isinstance(store, MemoryStore)
        before = store._tables
        got = await RestDesk(engine)(method, path, body, who, **headers)
        assert got.status < 500, (got.status, got.body)
        if got.status >= 400:
            assert store._tables is before
            assert json.loads(got.body)["code"].startswith("KP")

    @settings(max_examples=examples, deadline=None)
    @given(METHODS, PATHS, BODIES, WHO, HEADERS)
    def check(method: str, path: str, body: bytes, who: str, headers: dict[str, str]) -> None:
        asyncio.run(one(method, path, body, who, headers))

    check()


def test_whatever_is_sent_is_answered_or_refused() -> None:
    never_a_500(300)


@pytest.mark.soak
def test_whatever_is_sent_is_answered_or_refused_for_long() -> None:
    never_a_500(10_000)
