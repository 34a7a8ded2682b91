"""Where one index serves filter and order a page's limit may be written out; elsewhere PostgreSQL must see the values."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

import pytest

from kingpost.api.rest.read import reader
from kingpost.api.rest.skeleton import split
from kingpost.call import ANONYMOUS
from kingpost.model.declare import Index, Key, Many, Policy, Ref, Table
from kingpost.model.read import read_manifest
from kingpost.model.terms import anyone, this
from kingpost.policy.allow import allow
from kingpost.query.bind import bind
from kingpost.query.stages import PLAIN, Allowed, Select
from kingpost.query.values import filler
from kingpost.store.postgres.compile import compile_question
from kingpost.store.postgres.connections import Connections
from kingpost.store.postgres.expressions import Writing
from kingpost.store.postgres.kept import Settings
from kingpost.store.postgres.program import Program
from kingpost.store.postgres.rows import served, walk_rows
from kingpost.store.postgres.store import PostgresStore
from tests.asking import NOW
from tests.postgres_fixture import new_database

COMMON, RARE = "UA", "OO"
ROWS, RARE_EVERY = 40_000, 4_000
# PostgreSQL weighs a generic plan from the sixth time on; ours is prepared from the second.
RUNS = 8


class Line(Table):
    """Whose flights they are."""

    code: Key[str]
    name: str
    flights: Many[Flight]
    policy = Policy(read=anyone)


class Flight(Table, scan_rows_max=1_000_000):
    """Indexed in every way that makes a difference; `seats` is not indexed at all."""

    id: Key[int]
    line: Ref[Line]
    number: int
    price: Decimal
    delay: int | None = None
    seats: int = 100
    indexes = [
        Index("line", "number"),
        Index("line", "-delay"),
        Index("number"),
        Index("-price"),
        Index("delay"),
        Index("seats", where=this.number > 0),
    ]
    policy = Policy(read=anyone)


MANIFEST = read_manifest("served", (Line, Flight))

# What is asked, whether one index serves it, and why.
DECISIONS: tuple[tuple[str, bool, str], ...] = (
    ("", True, "the key's own order"),
    ("sort=number", True, "an index in this order"),
    ("sort=-number", True, "the same backwards"),
    ("sort=number,-id", False, "no index has these directions"),
    ("sort=price", True, "a descending index backwards"),
    ("sort=-price", True, "a descending index"),
    ("sort=delay", True, "nulls stand last in the index too"),
    ("sort=-delay", False, "backwards they would come first"),
    ("sort=seats", False, "its index lacks rows"),
    ("sort=line.name", False, "no index holds what lies behind a Ref"),
    ("line=UA", False, "within a line the index goes on by number, not by key"),
    ("line=UA&sort=number", True, "equal, then in order"),
    ("line=UA&sort=-number", True, "the same backwards"),
    ("line=UA&sort=line,number", True, "what is equal needs no order"),
    ("line=UA&sort=-delay", True, "equal, then in this order"),
    ("line=UA&sort=delay", False, "backwards, nulls would come first"),
    ("line=UA&sort=price", False, "one index for the filter, another for the order"),
    ("line=UA&sort=number,price", False, "the index goes on by key"),
    ("line=UA&number=1", True, "both equal, then by key"),
    ("number=1&line=UA", True, "in whatever order they are asked"),
    ("line=UA&number=1&sort=price", False, "the index goes on by key"),
    ("number=1", True, "equal, then by key"),
    ("number=1&sort=price", False, "one index for the filter, another for the order"),
    ("seats=100", False, "its index lacks rows"),
    ("seats=100&sort=number", False, "no index of the filter"),
    ("line=UA&seats=100&sort=number", False, "the index lacks one of the filters"),
    ("number[gt]=1&sort=number", True, "where the range begins"),
    ("number[gt]=1&number[lt]=9&sort=-number", True, "its begin and its end"),
    ("number[gt]=1", False, "a range in another order than the key's"),
    ("number[gt]=1&sort=price", False, "a range in another order"),
    ("line=UA&number[lte]=9&sort=number", True, "equal, then a range in order"),
    ("line=UA&delay[gt]=9&sort=number", False, "a range of something else may pass next to nothing"),
    ("line[ne]=UA&sort=number", True, "it passes most rows"),
    ("line[in]=UA,AA&sort=number", False, "it may pass next to nothing"),
    ("line[like]=U%25&sort=number", False, "it may pass next to nothing"),
    ("seats[is_null]=true&sort=number", True, "it holds no value: a generic plan knows as much"),
    ("delay[is_null]=false&line=UA&sort=number", True, "it holds no value"),
    ("or=(line[ne]=UA,delay[is_null]=true)&sort=number", True, "each part passes most rows or holds no value"),
    ("or=(line=UA,delay[is_null]=true)&sort=number", False, "a part may pass next to nothing"),
    ("not=(line[like]=U%25)&sort=number", False, "it may pass next to nothing"),
    ("line.name=United&sort=number", False, "which rows lie behind is not known"),
    ("line=UA&line.name=United&sort=number", True, "one row lies behind all of them"),
)


@pytest.mark.parametrize(("query", "is_served", "_why"), DECISIONS)
def test_one_index_serves_filter_and_order_or_not(query: str, is_served: bool, _why: str) -> None:
    allowed, _ = _allowed(query)
    select = allowed.question
    assert isinstance(select, Select)
    walked = walk_rows(select.source, "t1", Writing(MANIFEST.entities, allowed.slots))
    assert served(walked, select.sort) is is_served


@dataclass(frozen=True)
class Planned:
    """What PostgreSQL made of a statement: the plan for a value, and how often it took the generic one before."""

    plan: str
    generic: int


@pytest.fixture(scope="module")
def url(postgres_url: str) -> str:
    return new_database(postgres_url, "served")


@pytest.fixture
async def connections(url: str) -> AsyncIterator[Connections]:
    """One connection to very many flights of one line and ten of another, dearest and last of all."""
    store = PostgresStore(url, connections=1)
    await store.create(MANIFEST)
    await store.load("Line", [{"code": COMMON, "name": "United"}, {"code": RARE, "name": "SkyWest"}])
    await store.load("Flight", map(_flight, range(ROWS)))
    await store.close()
    one = Connections(url, Settings(size=1))
    yield one
    await one.close()


async def test_a_rare_value_is_looked_up_however_often_a_common_one_was_asked(connections: Connections) -> None:
    found = await _planned(connections, "line={}&sort=price&limit=5")
    assert "flight_line" in found.plan, found.plan
    assert "flight_price" not in found.plan, found.plan


async def test_with_a_literal_limit_it_would_be_searched_for_along_the_order(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kingpost.store.postgres.compile_page.served", lambda walked, sort: True)
    found = await _planned(connections, "line={}&sort=price&limit=5")
    assert "flight_price" in found.plan, found.plan
    assert found.generic > 0


async def test_what_one_index_serves_is_planned_once_for_all_values(connections: Connections) -> None:
    found = await _planned(connections, "line={}&sort=number&limit=5")
    assert "flight_line_number" in found.plan, found.plan
    assert found.generic > 0


def _flight(number: int) -> dict[str, object]:
    rare = number >= ROWS - ROWS // RARE_EVERY
    return {"id": number, "line": RARE if rare else COMMON, "number": number % 500, "price": Decimal(number)}


async def _planned(connections: Connections, query: str) -> Planned:
    """After RUNS of `query` with the common value: the plan for the rare one."""
    allowed, values = _allowed(query.format(COMMON))
    plan = compile_question(allowed, PLAIN)
    sql = cast("Program", plan.program).sql
    arguments = filler(plan, MANIFEST.timezone)(values, ANONYMOUS, NOW)
    for _ in range(RUNS):
        await connections.fetch(sql, arguments, _soon())
    held = "SELECT name, generic_plans FROM pg_prepared_statements WHERE statement = $1"
    [(name, generic)] = await connections.fetch(held, (sql,), _soon())
    rare = ", ".join(_literal(RARE if one == COMMON else one) for one in arguments)
    lines = await connections.fetch(f"EXPLAIN (COSTS OFF) EXECUTE {name}({rare})", (), _soon())
    return Planned("\n".join(line for (line,) in lines), generic)


def _allowed(query: str) -> tuple[Allowed, list[Any]]:
    skeleton, values = split("/v1/flights", query.encode())
    operation, _ = reader(MANIFEST)(skeleton)
    bound = bind(operation, MANIFEST)
    return allow(bound, frozenset(), known=False), values


def _literal(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def _soon() -> float:
    return time.monotonic() + 30
