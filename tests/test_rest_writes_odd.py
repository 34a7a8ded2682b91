"""Writes over REST that go wrong or are asked oddly: replays of patches, several versions, bounds, what is offered."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from kingpost import App, Context, Key, Policy, Table, anyone
from kingpost.answer import Engine
from kingpost.observe import nobody
from kingpost.store.memory import MemoryStore
from kingpost.store.postgres.store import PostgresStore
from tests import domain
from tests.asgi import Got
from tests.asking import domain_in_memory
from tests.postgres_fixture import new_database
from tests.rest_desk import RestDesk

ALPHA, BETA, NEW = str(UUID(int=1)), str(UUID(int=4)), str(UUID(int=99))
JSON_PATCH = "application/json-patch+json"
ROW = {"team": "red", "name": "Put"}


@pytest.fixture
async def ask() -> RestDesk:
    return RestDesk(await domain_in_memory())


def pointers(got: Got) -> list[str]:
    return [fault["pointer"] for fault in got.json["errors"]]


# --- Once only -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (
            [{"op": "test", "path": "/name", "value": "Beta"}, {"op": "replace", "path": "/name", "value": "B"}],
            {"content_type": JSON_PATCH},
        ),
        ([{"op": "add", "path": "/tags/-", "value": "x"}], {"content_type": JSON_PATCH}),
        ({"settings": {"a": {"c": 1}}}, {}),
        ({"score": 1}, {"if_match": '"9-a", "1-b"'}),
        ({"score": 1}, {"if_none_match": '"9-a"'}),
    ],
)
async def test_a_change_that_reads_first_has_one_effect_too(ask: RestDesk, body: Any, headers: dict[str, str]) -> None:
    one = await ask("PATCH", f"/v1/projects/{BETA}", body, idempotency_key="k", **headers)
    two = await ask("PATCH", f"/v1/projects/{BETA}", body, idempotency_key="k", **headers)
    assert (one.status, one.body, one.header("etag")) == (200, two.body, two.header("etag"))
    assert (await ask("GET", f"/v1/projects/{BETA}")).header("etag") == one.header("etag")
    other = await ask("PATCH", f"/v1/projects/{BETA}", {"settings": {"b": 2}}, idempotency_key="k")
    assert (other.status, other.json["code"]) == (422, "KP204")


async def test_a_replay_of_a_patch_asks_the_policy_of_writing_again(ask: RestDesk) -> None:
    body = {"settings": {"a": 1}}
    assert (await ask("PATCH", f"/v1/projects/{BETA}", body, who="bob", idempotency_key="k")).status == 200
    assert (await ask("PATCH", f"/v1/projects/{BETA}", body, who="bob", idempotency_key="k")).status == 200
    assert (await ask("PATCH", f"/v1/projects/{BETA}", body, who="", idempotency_key="k")).status == 401


@pytest.mark.parametrize("key", ['"half', 'half"', "", "a b", "x" * 256, "é"])
async def test_an_idempotency_key_that_is_none_is_refused(ask: RestDesk, key: str) -> None:
    got = await ask("POST", "/v1/projects", ROW, idempotency_key=key)
    assert (got.status, got.json["code"]) == (400, "KP100")
    assert (await ask("GET", "/v1/projects", idempotency_key=key)).status == 200


# --- Preconditions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
async def test_any_of_several_versions_will_do(method: str) -> None:
    for tags, status in (('"7-a", "8-b"', 412), ('"7-a", "1-b"', 200), ('"1-a"', 200)):
        ask = RestDesk(await domain_in_memory())
        path = "/v1/memberships/red,1" if method == "DELETE" else f"/v1/projects/{ALPHA}"
        got = await ask(method, path, None if method == "DELETE" else ROW, if_match=tags)
        assert got.status in ({204} if (method, status) == ("DELETE", 200) else {status})


async def test_to_put_only_what_is_there_takes_a_star(ask: RestDesk) -> None:
    assert (await ask("PUT", f"/v1/projects/{NEW}", ROW, if_match="*")).status == 412
    assert (await ask("GET", f"/v1/projects/{NEW}")).status == 404
    assert (await ask("PUT", f"/v1/projects/{ALPHA}", ROW, if_match="*")).status == 200


async def test_versions_that_a_row_must_not_have(ask: RestDesk) -> None:
    path = f"/v1/projects/{ALPHA}"
    assert (await ask("PATCH", path, {"score": 1}, if_none_match='W/"1-a", "5-b"')).status == 412
    assert (await ask("PATCH", path, {"score": 1}, if_none_match='"5-b"')).status == 200
    assert (await ask("PATCH", path, {"score": 1}, if_match='"2-x"', if_none_match='"2-x"')).status == 412
    assert (await ask("PUT", f"/v1/projects/{NEW}", ROW, if_none_match='"5-b"')).status == 201
    assert (await ask("PATCH", path, {"score": 1}, if_none_match="b")).status == 400


async def test_what_can_never_hold_changes_nothing(ask: RestDesk) -> None:
    assert (await ask("PUT", f"/v1/projects/{NEW}", ROW, if_match='"1-a"', if_none_match="*")).status == 412
    assert (await ask("GET", f"/v1/projects/{NEW}")).status == 404


@pytest.mark.parametrize("tags", ['"7-a", "8-b"', '"5-b", "1-a"'])
async def test_a_row_one_may_not_read_is_not_there_whatever_is_supposed(ask: RestDesk, tags: str) -> None:
    secret = str(UUID(int=2))
    for path in (secret, NEW):
        assert (await ask("PATCH", f"/v1/projects/{path}", {"score": 1}, who="bob", if_match=tags)).status == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/projects", ROW),
        ("POST", "/v1/projects", [ROW]),
        ("POST", "/v1/batch", {"operations": [{"create": "projects", "body": ROW}]}),
        ("PATCH", "/v1/projects?status=draft", {"score": 1}),
        ("DELETE", "/v1/projects?status=draft", None),
    ],
)
@pytest.mark.parametrize("header", ["if_match", "if_none_match"])
async def test_a_precondition_on_no_one_row_is_refused(
    ask: RestDesk, method: str, path: str, body: object, header: str
) -> None:
    got = await ask(method, path, body, **{header: '"1-a"'})
    assert (got.status, got.json["code"]) == (400, "KP100")


@pytest.mark.parametrize(
    ("prefer", "status"),
    [
        ("return=minimal", 204),
        ('return="minimal"', 204),
        ("Return = Minimal;x=y", 204),
        ("respond-async;return=minimal", 200),
        ("return=representation, return=minimal", 200),
        ("wait=5, return=minimal", 204),
        ("", 200),
    ],
)
async def test_preferences_are_read_as_their_rfc_has_it(ask: RestDesk, prefer: str, status: int) -> None:
    assert (await ask("PATCH", f"/v1/projects/{ALPHA}", {"score": 1}, prefer=prefer)).status == status


# --- Patches ---------------------------------------------------------------------------------------------------------


async def test_true_is_not_one(ask: RestDesk) -> None:
    path = f"/v1/projects/{BETA}"
    await ask("PATCH", path, {"settings": {"n": 1}})
    assert (await ask("PATCH", path, {"settings": {"n": True}})).json["settings"]["n"] is True
    patch = [{"op": "replace", "path": "/settings/n", "value": 1}]
    changed = (await ask("PATCH", path, patch, content_type=JSON_PATCH)).json["settings"]["n"]
    assert (changed, changed is True) == (1, False)


async def test_a_wrong_value_is_told_of_the_operation_that_puts_it(ask: RestDesk) -> None:
    patch = [
        {"op": "replace", "path": "/score", "value": 1},
        {"op": "replace", "path": "/name", "value": 5},
        {"op": "add", "path": "/nope", "value": 1},
        {"op": "remove", "path": "/team"},
    ]
    got = await ask("PATCH", f"/v1/projects/{ALPHA}", patch, content_type=JSON_PATCH)
    assert (got.status, set(pointers(got))) == (422, {"/1/path", "/2/path", "/3/path"})
    assert "/1/path: 5 is not text" in got.json["detail"]


async def test_a_taken_key_is_told_of_its_operation(ask: RestDesk) -> None:
    patch = [{"op": "replace", "path": "/email", "value": "ada@acme.test"}]
    got = await ask("PATCH", "/v1/people/2", patch, content_type=JSON_PATCH)
    assert (got.status, set(pointers(got))) == (409, {"/0/path", "/org"})


async def test_a_field_one_may_not_see_is_not_patched(ask: RestDesk) -> None:
    patch = [{"op": "add", "path": "/salary", "value": "9"}]
    assert (await ask("PATCH", "/v1/people/2", patch, who="bob", content_type=JSON_PATCH)).status == 403


# --- Bounds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {"n" * 129: 1},
        {f"n{number}": 1 for number in range(201)},
        [{f"n{row}_{number}": 1 for number in range(20)} for row in range(11)],
        [ROW] * 1_001,
        {"operations": [{"create": "projects"}] * 1_001},
        {"team": {"x" * 129: 1}, "name": "x"},
    ],
)
async def test_shapes_are_bounded(ask: RestDesk, body: object) -> None:
    path = "/v1/batch" if isinstance(body, dict) and "operations" in body else "/v1/projects"
    assert (await ask("POST", path, body)).status == 413


@pytest.mark.parametrize("literal", ["1e999", "-1e999", "NaN", "Infinity", "9" * 5_000, '"\\ud800"', "\x00", "tru"])
async def test_what_is_no_json_is_refused(ask: RestDesk, literal: str) -> None:
    got = await ask("POST", "/v1/projects", b'{"team":"red","name":"x","score":' + literal.encode() + b"}")
    assert (got.status, got.json["code"]) == (400, "KP100")


@pytest.mark.parametrize(("literal", "code"), [("9" * 20, "KP201"), ("9" * 4_000, "KP201"), ('"\\u0000"', "KP201")])
async def test_values_that_nothing_keeps_are_refused(ask: RestDesk, literal: str, code: str) -> None:
    body = b'{"team":"red","name":"x","settings":{"a":' + literal.encode() + b"}}"
    got = await ask("POST", "/v1/projects", body, idempotency_key="k")
    assert (got.status, pointers(got), got.json["errors"][0]["code"]) == (422, ["/settings"], code)


async def test_brackets_in_text_nest_nothing(ask: RestDesk) -> None:
    assert (await ask("POST", "/v1/projects", {**ROW, "settings": {"a": "[" * 5_000}})).status == 201
    deep: Any = 1
    for _ in range(101):
        deep = [deep]
    assert (await ask("POST", "/v1/projects", {**ROW, "settings": {"a": deep}})).status == 413


# --- What is offered -------------------------------------------------------------------------------------------------


async def test_a_body_of_another_kind_is_told_what_is_taken(ask: RestDesk) -> None:
    got = await ask("POST", "/v1/projects", b"{}", content_type="text/plain")
    assert (got.status, got.header("accept"), got.header("accept-patch")) == (415, "application/json", None)
    got = await ask("PATCH", "/v1/projects?status=draft", b"[]", content_type=JSON_PATCH)
    assert got.header("accept-patch") == "application/merge-patch+json, application/json"
    got = await ask("POST", "/v1/projects", b"{}", content_encoding="gzip")
    assert (got.status, got.header("accept-encoding"), got.header("accept")) == (415, "identity", None)


async def test_options_say_which_bodies_are_taken(ask: RestDesk) -> None:
    many, one = await ask("OPTIONS", "/v1/projects"), await ask("OPTIONS", f"/v1/projects/{ALPHA}")
    assert many.header("accept-post") == "application/json"
    assert many.header("accept-patch") == "application/merge-patch+json, application/json"
    assert one.header("accept-post") is None
    assert JSON_PATCH in (one.header("accept-patch") or "")
    assert (await ask("OPTIONS", "/v1/batch")).header("allow") == "OPTIONS, POST"
    assert (await ask("OPTIONS", "/v1/")).header("allow") == "GET, HEAD, OPTIONS"
    assert (await ask("DELETE", "/v1/")).header("allow") == "GET, HEAD, OPTIONS"


# --- Batches ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "status", "pointer"),
    [
        ({"update": "projects", "key": NEW, "body": {"score": 1}}, 404, "/operations/1"),
        ({"delete": "projects", "key": ALPHA}, 403, "/operations/1"),
        ({"update": "projects", "key": ALPHA, "body": {"score": 1}, "if_match": "7"}, 412, "/operations/1"),
        ({"update": "projects", "key": 5, "body": {}}, 400, "/operations/1"),
        ({"update": "projects", "key": ALPHA, "body": {}, "if_match": "³"}, 422, "/operations/1/if_match"),
        ({"create": "projects", "body": ROW, "if_match": "1"}, 422, "/operations/1/if_match"),
        ({"delete": "memberships", "key": ["red", 1], "body": {}}, 422, "/operations/1/body"),
        ({"delete": "projects", "key": {"$ref": ""}}, 422, "/operations/1/key"),
        ({"delete": "projects", "key": {"$ref": "a."}}, 422, "/operations/1/key"),
        ({"delete": "projects", "key": {"$ref": "later"}}, 422, "/operations/1/key"),
        ({"create": "projects", "body": ROW, "as": "a"}, 422, "/operations/1/as"),
        ({"create": "projects", "body": ROW, "as": ""}, 422, "/operations/1/as"),
        ({"create": "projects", "body": ROW, "as": "b.c"}, 422, "/operations/1/as"),
        ({"update": "people", "key": 2, "body": {"email": "ada@acme.test"}}, 409, "/operations/1/body/email"),
    ],
)
async def test_what_is_wrong_with_an_operation_points_at_it(
    ask: RestDesk, operation: object, status: int, pointer: str
) -> None:
    first = {"create": "projects", "body": {"team": "red", "name": "undone"}, "as": "a"}
    got = await ask("POST", "/v1/batch", {"operations": [first, operation]})
    assert got.status == status, got.body
    assert pointer in pointers(got)
    assert (await ask("GET", "/v1/projects?name=undone")).json["data"] == []


async def test_a_large_row_is_not_answered_over_and_over(ask: RestDesk) -> None:
    large = {"create": "projects", "body": {**ROW, "settings": {"a": "x" * 900_000}}, "as": "a"}
    again = [{"update": "projects", "key": {"$ref": "a"}, "body": {"score": 1}}] * 30
    got = await ask("POST", "/v1/batch", {"operations": [large, *again]})
    assert (got.status, pointers(got)) == (413, ["/operations/18"])
    assert (await ask("GET", "/v1/projects?name=Put")).json["data"] == []


async def test_a_batch_may_be_answered_without_its_rows(ask: RestDesk) -> None:
    operations = [
        {"create": "memberships", "body": {"team": "red", "person": 3, "since": "2024-01-01"}},
        {"update": "projects", "key": ALPHA, "body": {"score": 1}},
        {"delete": "memberships", "key": ["red", 3]},
    ]
    got = await ask("POST", "/v1/batch", {"operations": operations}, prefer="return=minimal")
    assert got.header("preference-applied") == "return=minimal"
    results = [{name: value for name, value in one.items() if name != "etag"} for one in got.json["results"]]
    assert results == [{"status": 201, "key": ["red", 3]}, {"status": 204, "key": [ALPHA]}, {"status": 204}]


async def test_of_many_wrong_operations_the_first_are_told(ask: RestDesk) -> None:
    got = await ask("POST", "/v1/batch", {"operations": [{"create": "nope"}] * 900})
    assert (got.status, len(pointers(got))) == (422, 50)


# --- Actions and colons ----------------------------------------------------------------------------------------------

ALL = Policy(read=anyone, create=anyone, update=anyone, delete=anyone)


class Place(Table):
    """Has colons in its keys."""

    code: Key[str]
    visits: int = 0
    policy = ALL


app = App("places", entities=[Place])


@app.action(on=Place, policy=anyone)
async def visit(ctx: Context, place: Place) -> Place:
    """Counts."""
    return await ctx.update(place, visits=place.visits + 1)


@app.action(policy=anyone)
async def rescore_all(_ctx: Context) -> int:
    """Is about nothing."""
    return 5


@pytest.fixture
async def places() -> RestDesk:
    store = MemoryStore()
    await store.create(app.manifest)
    await store.load("Place", [{"code": "here", "visits": 0}])
    return RestDesk(Engine(app.manifest, store, store.run, nobody, 100_000), dict(app.classes))


@pytest.mark.parametrize("path", ["/v1/places/here:visit", "/v1/rescore-all", "/v1/batch"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
async def test_where_only_post_is_taken_nothing_else_is(places: RestDesk, path: str, method: str) -> None:
    got = await places(method, path, None if method in ("GET", "HEAD") else {})
    assert (got.status, got.header("allow")) == (405, "OPTIONS, POST")


async def test_a_new_row_with_a_colon_in_its_key_is_where_its_address_says(places: RestDesk) -> None:
    got = await places("POST", "/v1/places", {"code": "a:visit"})
    assert got.header("location") == "/v1/places/a%3Avisit"
    assert (await places("GET", got.header("location") or "")).json["code"] == "a:visit"
    assert (await places("PATCH", got.header("location") or "", {"visits": 3})).status == 200
    assert (await places("POST", f"{got.header('location')}:visit")).json["visits"] == 4
    assert (await places("POST", "/v1/places/here:nothing")).status == 405


async def test_an_action_on_a_row_may_suppose_its_version(places: RestDesk) -> None:
    path = "/v1/places/here:visit"
    first = await places("POST", path, if_match='"1-a"')
    assert (first.status, (first.header("etag") or "")[:3]) == (200, '"2-')
    assert (await places("POST", path, if_match='"1-a"')).status == 412
    assert (await places("POST", path, if_match="*")).status == 200
    for header in ({"if_match": '"3-a", "4-b"'}, {"if_none_match": "*"}, {"if_none_match": '"1-a"'}):
        assert (await places("POST", path, **header)).status == 400
    assert (await places("POST", "/v1/rescore-all", if_match='"1-a"')).status == 400
    assert (await places("POST", "/v1/rescore-all")).json == 5


# --- Many at once, in PostgreSQL -------------------------------------------------------------------------------------


async def test_of_many_patches_of_one_row_at_once_none_is_lost(postgres_url: str) -> None:
    store = PostgresStore(await asyncio.to_thread(new_database, postgres_url, "patches"), connections=4)
    manifest = domain.manifest()
    await store.create(manifest)
    await store.open(manifest)
    try:
        for entity, rows in domain.rows().items():
            await store.load(entity, rows)
        ask = RestDesk(Engine(manifest, store, store.run, nobody, 100_000))
        path = f"/v1/projects/{BETA}"
        patches = [[{"op": "add", "path": "/tags/-", "value": f"t{number}"}] for number in range(12)]
        merges = [{"settings": {f"m{number}": number}} for number in range(12)]
        got = await asyncio.gather(
            *(ask("PATCH", path, one, content_type=JSON_PATCH) for one in patches),
            *(ask("PATCH", path, one, idempotency_key=f"k{number}") for number, one in enumerate(merges)),
        )
        assert {one.status for one in got} == {200}, [one.body for one in got if one.status != 200]
        after = (await ask("GET", path)).json
        assert set(after["tags"]) == {f"t{number}" for number in range(12)}
        assert {name for name in after["settings"] if name != "a"} == {f"m{number}" for number in range(12)}
        taken = await asyncio.gather(
            *(ask("PUT", f"/v1/projects/{ALPHA}", {**ROW, "name": "P"}, if_match='"1-a", "9-b"') for _ in range(8))
        )
        assert sorted(one.status for one in taken) == [200, *[412] * 7]
    finally:
        await store.close()
