"""Contenders that answer differently are not compared."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from bench.asking import Unequal, difference
from bench.cases import Case
from bench.parity import requests_of
from bench.writing import compare, transcript
from tests.bench_server import Asked, Told, serving

ONE = Case("R1", "one flight", ("/v1/flights?limit=1",), contenders=("a", "b"))
BODY = {"airline": "UA", "origin": "EWR", "number": 1}
HIDDEN = "013bf59b-64a0-763f-bb6a-7483af908499"
NEW = "01999999-64a0-763f-bb6a-7483af908499"


async def asked(**bodies: object) -> dict[str, tuple[str, ...]]:
    async with AsyncExitStack() as stack:
        there = {
            name: await stack.enter_async_context(serving(name, lambda _, body=body: Told(body)))
            for name, body in bodies.items()
        }
        return await requests_of(ONE, there, "token")


async def test_equal_json_is_taken_whatever_its_order_and_cursors() -> None:
    made = await asked(a={"data": [{"x": 1, "y": None}], "next": None}, b={"next": None, "data": [{"y": None, "x": 1}]})
    assert made["a"] == made["b"]


@pytest.mark.parametrize(
    ("other", "place"),
    [
        ({"data": [{"x": 2}], "next": None}, ".data[0].x"),
        ({"data": [{"x": 1.0}], "next": None}, ".data[0].x"),
        ({"data": [{"x": "1"}], "next": None}, ".data[0].x"),
        ({"data": [{}], "next": None}, ".data[0]"),
        ({"data": [{"x": 1}, {"x": 1}], "next": None}, ".data"),
    ],
)
async def test_unequal_json_is_refused_with_the_place(other: object, place: str) -> None:
    with pytest.raises(Unequal) as refused:
        await asked(a={"data": [{"x": 1}], "next": None}, b=other)
    assert f"R1: b and a differ for /v1/flights?limit=1: at {place}: " in str(refused.value)


async def test_another_status_or_a_missing_header_is_refused() -> None:
    async with serving("late", lambda _: Told({"detail": "no"}, 404)) as late:
        with pytest.raises(Unequal, match=r"late answers /v1/flights\?limit=1 with 404"):
            await requests_of(ONE, {"late": late}, "token")
    async with serving("bare", lambda _: Told({"next": "more"})) as bare:
        with pytest.raises(Unequal, match="without link"):
            await requests_of(ONE, {"bare": bare}, "token")


def test_a_difference_names_the_first_place() -> None:
    assert difference({"a": [1, {"b": True}]}, {"a": [1, {"b": 1}]}) == "at .a[1].b: true and 1"
    assert difference({"a": 1}, {"a": 1}) is None


# --- Writes ----------------------------------------------------------------------------------------------------------


def writer(stale: int) -> Callable[[Asked], Told]:
    """A contender that keeps one flight and answers a stale ETag with this status."""
    version = 1

    def answer(request: Asked) -> Told:
        nonlocal version
        if request.headers.get("if-match") == '"1-x"' and version == 2:
            return Told({}, stale, {"etag": '"2-x"'})
        version = 2 if request.method == "PATCH" else 1
        row = {**BODY, "id": NEW, "dep_delay": 7 if version == 2 else None}
        place = {"location": f"/v1/flights/{NEW}"} if request.method == "POST" else {}
        return Told(row, 201 if place else 200, {"etag": f'"{version}-x"', **place})

    return answer


async def test_a_stale_etag_has_to_be_refused_with_412() -> None:
    async with serving("lax", writer(stale=200)) as lax:
        with pytest.raises(Unequal, match="lax answers update by a stale ETag with 200, not 412"):
            await transcript(lax, [BODY], HIDDEN)


def test_transcripts_that_differ_are_refused_with_what_was_asked() -> None:
    with pytest.raises(Unequal, match=r"W1: b and a differ for update: at \.dep_delay: 7 and 8"):
        compare("W1: b and a differ", [("update", {"dep_delay": 7})], [("update", {"dep_delay": 8})])
    compare("equal", [("create", {"x": 1})], [("create", {"x": 1})])
