"""The contract of REST: valid OpenAPI 3.1, whole, bounded, with nothing private, and true of what is answered."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from examples.flights.app import app as flights
from kingpost import App
from kingpost.api.rest.describe import openapi
from kingpost.auth.tokens import mint
from kingpost.cli.routes import rows as routes
from kingpost.model.manifest import Manifest
from kingpost.model.read import read_manifest
from kingpost.settings import Secret, Settings
from kingpost.store.conformance import model, workshop
from kingpost.store.memory import MemoryStore
from tests.asgi import Got, fetch
from tests.test_compile_golden import check_golden

GOLDEN = Path(__file__).parent / "golden" / "openapi.json"
SECRET = Secret("a secret of the tests, long enough")
SETTINGS = Settings(environment="development", secret=SECRET, log_level="error")
UMA = mint(SECRET, sub="uma", roles=["dispatcher"], claims={"airline": "UA"})
# Without the entity of two hundred fields, with whose filters a validator is busy for ten seconds.
NARROW = read_manifest("writes", [one for one in workshop.ENTITIES if one is not model.Wide], timezone="UTC")
MANIFESTS = {"flights": flights.manifest, "writes": NARROW}
FLIGHT = {"airline": "UA", "origin": "JFK", "dest": "SFO", "number": 1, "departs_at": "2013-07-01T09:00:00Z"}


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Every object of a document."""
    if isinstance(node, dict):
        yield node
    for one in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(one)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def test_the_contract_of_flights_is_as_its_file_says() -> None:
    check_golden(GOLDEN, json.dumps(openapi(flights.manifest), indent=1) + "\n")


@pytest.mark.parametrize("manifest", MANIFESTS.values(), ids=MANIFESTS)
def test_the_document_is_valid(manifest: Manifest) -> None:
    validate(openapi(manifest))


@pytest.mark.parametrize("manifest", MANIFESTS.values(), ids=MANIFESTS)
def test_every_route_is_in_it_and_no_other(manifest: Manifest) -> None:
    wanted = {(method, path.removesuffix("?filter")) for method, path, *_ in routes(manifest) if path.startswith("/v1")}
    assert {(method, path) for method, path, _ in operations(openapi(manifest))} == wanted


@pytest.mark.parametrize("manifest", MANIFESTS.values(), ids=MANIFESTS)
def test_each_operation_has_a_name_of_its_own_and_says_what_it_does(manifest: Manifest) -> None:
    found = [one for _, _, one in operations(openapi(manifest))]
    names = [one["operationId"] for one in found]
    assert len(set(names)) == len(names)
    assert all(one["summary"] and one["description"] and one["tags"] for one in found)
    assert all({"400", "500", "503"} <= one["responses"].keys() for one in found)


@pytest.mark.parametrize("manifest", MANIFESTS.values(), ids=MANIFESTS)
def test_everything_is_bounded_and_nothing_is_free_form_but_declared_json(manifest: Manifest) -> None:
    for node in nodes(openapi(manifest)):
        kinds = node["type"] if isinstance(node.get("type"), list) else [node.get("type")]
        if "string" in kinds and "in" not in node and "scheme" not in node:
            assert "maxLength" in node or "enum" in node, node
        if "array" in kinds:
            assert "maxItems" in node, node
            assert "items" in node or "prefixItems" in node, node
        if "object" in kinds and "op" not in node["properties"]:
            assert node["additionalProperties"] is False, node


def test_what_is_private_is_not_in_it() -> None:
    assert "hidden" not in json.dumps(openapi(NARROW))


# --- What is answered ------------------------------------------------------------------------------------------------


class Desk:
    """The flights as they are served, each answer held against the contract."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        app = App("flights", entities=list(flights._entities), store=lambda *_: self.store)
        self.wired = app.wire(SETTINGS, lambda _: None)
        self.manifest = app.manifest
        self.document = openapi(self.manifest)

    async def __call__(self, target: str, path: str, method: str = "GET", body: object = None) -> Got:
        headers = {"authorization": f"Bearer {UMA}", "content-type": "application/json"}
        content = b"" if body is None else json.dumps(body).encode()
        got = await fetch(self.wired.http, target, method, headers=headers, body=content)
        response = self.document["paths"][path][method.lower()]["responses"][str(got.status)]
        if "$ref" in response:
            response = self.document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        if got.body:
            schema = response["content"][got.header("content-type")]["schema"]
            Draft202012Validator({**schema, "components": self.document["components"]}).validate(got.json)
        return got


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    await desk.store.create(desk.manifest)
    await desk.store.load("Airline", [{"carrier": "UA", "name": "United"}, {"carrier": "DL", "name": "Delta"}])
    await desk.store.load("Airport", [{"faa": "JFK", "name": "Kennedy"}, {"faa": "SFO"}])
    yield desk
    await desk.store.close()


async def test_answers_are_as_the_contract_says(desk: Desk) -> None:
    made = await desk("/v1/flights", "/v1/flights", "POST", FLIGHT)
    row = f"/v1/flights/{made.json['id']}"
    statuses = [
        made.status,
        (await desk("/v1/flights", "/v1/flights", "POST", [FLIGHT, {**FLIGHT, "number": 2}])).status,
        (await desk(row, "/v1/flights/{id}")).status,
        (await desk("/v1/flights?include=origin,airline&count=exact", "/v1/flights")).status,
        (await desk("/v1/airlines?include=flights.dest&flights.limit=1", "/v1/airlines")).status,
        (await desk(row, "/v1/flights/{id}", "PATCH", {"dep_delay": 5})).status,
        (await desk("/v1/flights?number=2", "/v1/flights", "PATCH", {"dep_delay": 6})).status,
        (await desk("/v1/batch", "/v1/batch", "POST", {"operations": [{"create": "flights", "body": FLIGHT}]})).status,
    ]
    assert statuses == [201, 201, 200, 200, 200, 200, 200, 200]


async def test_refusals_are_as_the_contract_says(desk: Desk) -> None:
    nowhere = "/v1/flights/0190a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"
    statuses = [
        (await desk("/v1/flights?nmber=1", "/v1/flights")).status,
        (await desk("/v1/flights", "/v1/flights", "POST", {"number": "x"})).status,
        (await desk("/v1/flights", "/v1/flights", "POST", {**FLIGHT, "airline": "DL"})).status,
        (await desk(nowhere, "/v1/flights/{id}")).status,
        (await desk(nowhere, "/v1/flights/{id}", "PATCH", {"dep_delay": 1})).status,
    ]
    assert statuses == [400, 422, 403, 404, 404]


async def test_it_is_served_to_everybody(desk: Desk) -> None:
    got = await fetch(desk.wired.http, "/openapi.json")
    assert (got.status, got.header("content-type")) == (200, "application/json")
    assert got.json == desk.document
