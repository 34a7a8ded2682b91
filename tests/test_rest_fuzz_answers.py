"""Odd values for fields of every type, asked over REST of the store in memory, never end in a 500."""

from __future__ import annotations

import asyncio
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from kingpost.answer import Engine, answer
from kingpost.api.rest.app import rest
from kingpost.observe import nobody
from kingpost.store.memory import MemoryStore
from tests import domain
from tests.asgi import Desk

MANIFEST = domain.manifest()
FIELDS = [name for name in MANIFEST.entities["Project"].fields if name not in ("settings",)]
NAMES = st.sampled_from(
    [*FIELDS, "team.name", "owner.manager", "team.members.lead", "team.people.none.salary", "settings"]
)
OPERATORS = st.sampled_from(["", "[ne]", "[gt]", "[lte]", "[in]", "[like]", "[ilike]", "[contains]"])
ODD = st.sampled_from(
    [
        "",
        "0",
        "-1",
        str(2**63),
        str(2**70),
        "1e400",
        "NaN",
        "Infinity",
        "-0.0",
        "%00",
        "true",
        "null",
        "[]",
        "{}",
        '"',
        "%25_%5C",
    ]
) | st.sampled_from(
    [
        "2024-02-30",
        "0000-00-00",
        "99999-01-01",
        "2024-01-01T25:00:00Z",
        "9999-12-31T23:59:59-23:59",
        "P1Y",
        "PT1e9S",
        "%F0%9F%8C%B1",
    ]
)
FILTERS = st.builds(
    "{}{}={}".format, NAMES, OPERATORS, ODD | st.integers().map(str) | st.datetimes().map(lambda at: at.isoformat())
)
OTHERS = st.builds("sort={}".format, NAMES) | st.builds(
    "group={0}&aggregate=min:{0},sum:{0}&having=max:{0}[gt]={1}".format, NAMES, ODD
)


def _desk() -> Desk:
    store = MemoryStore()
    asyncio.run(store.create(MANIFEST))
    for entity, rows in domain.rows().items():
        asyncio.run(store.load(entity, rows))
    engine = Engine(MANIFEST, store, store.run, nobody, cost_rows_max=100_000)
    return Desk(
        handler=rest(MANIFEST, partial(answer, engine=engine)), roles=frozenset({"boss"}), claims={"org": "acme"}
    )


DESK = _desk()


@settings(max_examples=300, deadline=None)
@given(st.lists(FILTERS, min_size=1, max_size=3), st.none() | OTHERS)
def test_odd_values_are_answered_or_refused(filters: list[str], other: str | None) -> None:
    query = "&".join([*filters, *([other] if other else [])])
    got = asyncio.run(DESK.fetch(f"/v1/projects?{query}", headers={"authorization": "Bearer good"}))
    assert got.status in (200, 400, 414), got.body
