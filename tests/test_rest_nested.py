"""Rows within rows in one body: Refs first, then the row, then its Manys; all of it or nothing, pointers into the body."""

from __future__ import annotations

import pytest

from kingpost import App, Context, Key, Many, New, Policy, Ref, Table, anyone, role
from kingpost.answer import Engine
from kingpost.observe import nobody
from kingpost.store.memory import MemoryStore
from tests.rest_desk import RestDesk

ALL = Policy(read=anyone, create=anyone, update=anyone, delete=anyone)


class Country(Table, plural="countries"):
    """Has gardens."""

    code: Key[str]
    gardens: Many[Garden]
    policy = ALL


class Garden(Table):
    """Has beds."""

    name: str
    country: Ref[Country]
    beds: Many[Bed]
    policy = ALL


class Bed(Table):
    """Has plants; only a gardener makes one."""

    size: int
    garden: Ref[Garden]
    plants: Many[Plant]
    policy = Policy(read=anyone, create=role("boss"))


class Plant(Table):
    """Made by a handler of its own."""

    name: str
    bed: Ref[Bed]
    policy = ALL


app = App("gardens", entities=[Country, Garden, Bed, Plant])


@app.action(replaces=Plant.create)
async def plant(ctx: Context, plant: New[Plant]) -> Plant:
    """Plants have capital names, whichever way they are made."""
    return await ctx.create(plant, name=plant.name.upper())


@pytest.fixture
async def ask() -> RestDesk:
    store = MemoryStore()
    await store.create(app.manifest)
    return RestDesk(Engine(app.manifest, store, store.run, nobody, 100_000), dict(app.classes))


GARDEN = {
    "name": "Sanssouci",
    "country": {"code": "DE"},
    "beds": [{"size": 1}, {"size": 2, "plants": [{"name": "rose"}, {"name": "fig"}]}],
}


async def test_a_body_makes_all_its_rows(ask: RestDesk) -> None:
    got = await ask("POST", "/v1/gardens?fields=name", GARDEN)
    assert (got.status, got.json["name"], got.json["country"]) == (201, "Sanssouci", {"code": "DE"})
    assert [[one["name"] for one in bed.get("plants", [])] for bed in got.json["beds"]] == [[], ["ROSE", "FIG"]]
    beds = (await ask("GET", f"{got.header('location')}?include=beds.plants&beds.sort=size")).json["beds"]
    assert [(bed["size"], [one["name"] for one in bed["plants"]]) for bed in beds] == [(1, []), (2, ["ROSE", "FIG"])]


@pytest.mark.parametrize(
    ("beds", "pointers"),
    [
        ([{"size": "x"}, {"sise": 1}], {"/beds/0/size", "/beds/1/sise", "/beds/1/size"}),
        ([{"size": 1, "plants": [{"name": 5}]}], {"/beds/0/plants/0/name"}),
        ([{"size": 1, "garden": "here"}], {"/beds/0/garden"}),
        ("none", {"/beds"}),
        ([1], {"/beds/0"}),
    ],
)
async def test_a_fault_in_a_nested_row_is_pointed_at_and_nothing_is_made(
    ask: RestDesk, beds: object, pointers: set[str]
) -> None:
    got = await ask("POST", "/v1/gardens", {**GARDEN, "beds": beds})
    assert got.status == 422
    assert {one["pointer"] for one in got.json["errors"]} == pointers
    assert (await ask("GET", "/v1/countries")).json["data"] == []


async def test_the_answer_is_what_a_read_with_includes_has(ask: RestDesk) -> None:
    beds = [{"size": 1}, {"size": 2}]
    got = await ask("POST", "/v1/gardens", {**GARDEN, "beds": beds})
    read = await ask("GET", f"{got.header('location')}?include=country,beds&beds.sort=size")
    assert got.json == read.json
    assert (await ask("POST", "/v1/gardens", {**GARDEN, "country": "DE", "beds": []})).json["beds"] == []


async def test_the_policy_of_a_nested_row_is_asked_too(ask: RestDesk) -> None:
    assert (await ask("POST", "/v1/gardens", GARDEN, who="bob")).status == 403
    assert (await ask("GET", "/v1/gardens")).json["data"] == []


async def test_a_handler_in_place_of_create_is_asked_on_every_way(ask: RestDesk) -> None:
    await ask("POST", "/v1/gardens", GARDEN)
    bed = (await ask("GET", "/v1/beds?sort=size&limit=1")).json["data"][0]["id"]
    one = await ask("POST", "/v1/plants", {"name": "one", "bed": bed})
    assert (one.status, one.json["name"]) == (201, "ONE")
    assert one.header("location") == f"/v1/plants/{one.json['id']}"
    many = await ask("POST", "/v1/plants", [{"name": "two", "bed": bed}, {"name": "three", "bed": bed}])
    assert [row["name"] for row in many.json["data"]] == ["TWO", "THREE"]
    batch = [{"create": "plants", "body": {"name": "four", "bed": bed}}]
    assert (await ask("POST", "/v1/batch", {"operations": batch})).json["results"][0]["body"]["name"] == "FOUR"
    assert (await ask("PUT", f"/v1/plants/{one.json['id']}", {"name": "five", "bed": bed})).status == 405
    wrong = await ask("POST", "/v1/plants", {"name": 5, "nope": 1})
    assert (wrong.status, {fault["pointer"] for fault in wrong.json["errors"]}) == (422, {"/name", "/bed", "/nope"})
