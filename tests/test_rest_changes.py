"""Writes over REST, on the shared domain in memory: statuses, headers, preconditions, patches, batches, all faults at once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from kingpost.call import Actor
from tests.asgi import Got
from tests.asking import BOSS, domain_in_memory
from tests.rest_desk import PEOPLE, RestDesk

ALPHA, BETA = str(UUID(int=1)), str(UUID(int=4))


@pytest.fixture
async def ask() -> RestDesk:
    return RestDesk(await domain_in_memory())


def pointers(got: Got) -> set[str]:
    return {fault["pointer"] for fault in got.json["errors"]}


# --- POST ------------------------------------------------------------------------------------------------------------


async def test_a_new_row_is_answered_with_its_address_and_tag(ask: RestDesk) -> None:
    got = await ask("POST", "/v1/projects?include=team&fields=id,name,status", {"team": "red", "name": "Zeta"})
    assert got.status == 201
    assert got.json["name"] == "Zeta"
    assert got.json["team"]["name"] == "Red"
    assert got.header("location") == f"/v1/projects/{got.json['id']}"
    again = await ask("GET", f"{got.header('location')}?include=team&fields=id,name,status")
    assert (again.json, again.header("etag")) == (got.json, got.header("etag"))


async def test_a_composite_key_stands_in_the_address(ask: RestDesk) -> None:
    got = await ask("POST", "/v1/memberships", {"team": "red", "person": 3, "since": "2024-01-01"})
    assert got.header("location") == "/v1/memberships/red,3"
    assert (await ask("DELETE", "/v1/memberships/red,3")).status == 204
    assert (await ask("GET", "/v1/memberships/red,3")).status == 404


async def test_many_rows_are_created_in_order_or_none(ask: RestDesk) -> None:
    rows = [{"team": "red", "name": f"n{number}"} for number in range(5)]
    got = await ask("POST", "/v1/projects", rows)
    assert (got.status, [row["name"] for row in got.json["data"]]) == (201, [row["name"] for row in rows])
    got = await ask("POST", "/v1/projects", [{"team": "red", "name": "ok"}, {"team": "nowhere", "name": "x"}])
    assert (got.status, pointers(got)) == (422, {"/1/team"})
    assert (await ask("GET", "/v1/projects?name=ok")).json["data"] == []


async def test_all_faults_of_a_body_are_told_at_once(ask: RestDesk) -> None:
    body = {"nme": 1, "team": 5, "budget": "x", "priority": "1", "left": 1, "settings": None, "tags": "a"}
    got = await ask("POST", "/v1/projects", body)
    assert got.status == 422
    assert pointers(got) == {"/nme", "/team", "/budget", "/priority", "/left", "/settings", "/tags", "/name"}


async def test_who_may_not_is_told_so_before_what_is_wrong(ask: RestDesk) -> None:
    assert (await ask("POST", "/v1/projects", {"nope": 1}, who="bob")).status == 403
    got = await ask("POST", "/v1/projects", {"nope": 1}, who="")
    assert (got.status, got.header("www-authenticate")) == (401, "Bearer")


# --- PATCH -----------------------------------------------------------------------------------------------------------


async def test_a_patch_changes_what_it_names_and_raises_the_version(ask: RestDesk) -> None:
    before = await ask("GET", f"/v1/projects/{ALPHA}")
    got = await ask("PATCH", f"/v1/projects/{ALPHA}", {"status": "done", "due": "2024-05-01", "owner": None})
    assert got.status == 200
    changed = {name: value for name, value in got.json.items() if before.json[name] != value}
    assert set(changed) == {"status", "due", "owner", "updated_at", "updated_by"}
    assert (
        got.header(
            "etag",
        ).split("-")[0]
        == '"2'
    )


async def test_of_two_writers_with_one_tag_the_second_is_told(ask: RestDesk) -> None:
    tag = (await ask("GET", f"/v1/projects/{ALPHA}")).header("etag") or ""
    assert (await ask("PATCH", f"/v1/projects/{ALPHA}", {"score": 1}, if_match=tag)).status == 200
    late = await ask("PATCH", f"/v1/projects/{ALPHA}", {"score": 2}, if_match=tag)
    assert (late.status, late.json["code"]) == (412, "KP304")
    assert (await ask("PATCH", f"/v1/projects/{ALPHA}", {"score": 3}, if_match=f'"9-x", {tag}, "2-y"')).status == 200
    assert (await ask("PATCH", f"/v1/projects/{ALPHA}", {"score": 3}, if_match=f"W/{tag}")).status == 412
    assert (await ask("PATCH", f"/v1/projects/{ALPHA}", {"score": 3}, if_match="*")).status == 200
    assert (await ask("PATCH", f"/v1/projects/{ALPHA}", {"score": 3}, if_match="nonsense")).status == 400


async def test_a_merge_patch_merges_into_json(ask: RestDesk) -> None:
    await ask("PATCH", f"/v1/projects/{BETA}", {"settings": {"a": {"c": 1}, "z": 1}})
    got = await ask("PATCH", f"/v1/projects/{BETA}", {"settings": {"a": {"b": None}}})
    assert got.json["settings"] == {"a": {"c": 1}, "z": 1}


async def test_a_json_patch_is_applied_to_the_row(ask: RestDesk) -> None:
    kind = "application/json-patch+json"
    patch = [
        {"op": "test", "path": "/name", "value": "Beta"},
        {"op": "add", "path": "/tags/-", "value": "late"},
        {"op": "replace", "path": "/settings/a/b/0", "value": 5},
        {"op": "remove", "path": "/due"},
    ]
    got = await ask("PATCH", f"/v1/projects/{BETA}", patch, content_type=kind)
    assert (got.status, got.json["tags"], got.json["due"]) == (200, ["late"], None)
    assert got.json["settings"]["a"]["b"][0] == 5
    failed = await ask("PATCH", f"/v1/projects/{BETA}", [{**patch[0], "value": "x"}], content_type=kind)
    assert (failed.status, pointers(failed)) == (409, {"/0/value"})
    lost = await ask("PATCH", f"/v1/projects/{BETA}", [{"op": "remove", "path": "/nope/1"}], content_type=kind)
    assert (lost.status, pointers(lost)) == (422, {"/0/path"})


async def test_a_row_one_may_not_read_is_not_there(ask: RestDesk) -> None:
    secret = str(UUID(int=2))
    assert (await ask("PATCH", f"/v1/projects/{secret}", {"score": 1}, who="bob")).status == 404
    assert (await ask("PATCH", f"/v1/projects/{ALPHA}", {"score": 1}, who="bob")).status == 403
    assert (await ask("PATCH", f"/v1/projects/{BETA}", {"score": 1}, who="bob")).status == 200
    assert (await ask("PATCH", f"/v1/projects/{BETA}", {"owner": 1}, who="bob")).status == 403
    assert (await ask("PATCH", "/v1/people/2", {"salary": "9"}, who="bob")).status == 403
    assert (await ask("PATCH", "/v1/people/4", {"first": "x"}, who="boss")).status == 404


async def test_rows_of_a_filter_are_changed_together(ask: RestDesk) -> None:
    got = await ask("PATCH", "/v1/projects?status=draft&team=blue", {"score": 4.5})
    assert got.json == {"count": 3}
    assert (await ask("DELETE", "/v1/projects?status=draft&team=blue", who="boss")).status == 403
    assert (await ask("PATCH", "/v1/projects", {"score": 1})).status == 400


async def test_a_broken_check_and_a_taken_key_name_their_fields(ask: RestDesk) -> None:
    got = await ask("PATCH", f"/v1/projects/{ALPHA}", {"spent": "5000"})
    assert got.status == 422
    assert "not_overspent" in got.json["detail"]
    got = await ask("PATCH", "/v1/people/2", {"email": "ada@acme.test"})
    assert (got.status, pointers(got)) == (409, {"/email", "/org"})
    assert "ada@" not in got.body.decode()


# --- PUT and DELETE --------------------------------------------------------------------------------------------------


async def test_what_nobody_may_put_is_refused(ask: RestDesk) -> None:
    assert (await ask("PUT", "/v1/teams/red", {"name": "Red"})).status == 403
    got = await ask("PUT", f"/v1/projects/{UUID(int=99)}", {"team": "red", "name": "Put"})
    assert (got.status, got.header("location")) == (201, f"/v1/projects/{UUID(int=99)}")
    got = await ask("PUT", f"/v1/projects/{UUID(int=99)}", {"team": "red", "name": "Again"})
    assert (got.status, got.json["name"]) == (200, "Again")
    only = await ask("PUT", f"/v1/projects/{UUID(int=99)}", {"team": "red", "name": "x"}, if_none_match="*")
    assert only.status == 412
    mixed = await ask("PUT", f"/v1/projects/{UUID(int=99)}", {"id": str(UUID(int=98)), "team": "red", "name": "x"})
    assert (mixed.status, pointers(mixed)) == (422, {"/id"})


async def test_less_is_answered_where_less_is_preferred(ask: RestDesk) -> None:
    got = await ask("POST", "/v1/projects", {"team": "red", "name": "a"}, prefer="return=minimal")
    assert (got.status, got.body, got.header("preference-applied")) == (201, b"", "return=minimal")
    assert got.header("location")
    assert got.header("etag")
    got = await ask("PATCH", f"/v1/projects/{ALPHA}", {"score": 1}, prefer="respond-async, return=minimal")
    assert (got.status, got.body) == (204, b"")


# --- Batches ---------------------------------------------------------------------------------------------------------


async def test_a_batch_does_all_and_later_parts_know_of_earlier_ones(ask: RestDesk) -> None:
    operations: list[Any] = [
        {"create": "projects", "body": {"team": "red", "name": "first", "due": "2024-01-01"}, "as": "p"},
        {"create": "projects", "body": {"team": "blue", "name": "second", "due": {"$ref": "p.due"}}},
        {"update": "projects", "key": {"$ref": "p"}, "body": {"score": 1}},
        {"create": "memberships", "body": {"team": "red", "person": 3, "since": "2024-01-01"}},
        {"delete": "memberships", "key": ["red", 3]},
    ]
    got = await ask("POST", "/v1/batch", {"operations": operations})
    assert got.status == 200, got.body
    assert [one["status"] for one in got.json["results"]] == [201, 201, 200, 201, 204]
    assert got.json["results"][1]["body"]["due"] == "2024-01-01"


async def test_a_wrong_part_undoes_all_and_says_which_it_is(ask: RestDesk) -> None:
    operations = [
        {"create": "projects", "body": {"team": "red", "name": "undone"}},
        {"update": "projects", "key": ALPHA, "body": {"score": "x", "nope": 1}},
    ]
    got = await ask("POST", "/v1/batch", {"operations": operations})
    assert (got.status, pointers(got)) == (422, {"/operations/1/body/score", "/operations/1/body/nope"})
    assert (await ask("GET", "/v1/projects?name=undone")).json["data"] == []
    got = await ask("POST", "/v1/batch", {"operations": [{"create": "nope"}, {"update": "projects"}, 5, {"x": 1}]})
    assert pointers(got) >= {"/operations/0/create", "/operations/1/key"}


# --- Once only -------------------------------------------------------------------------------------------------------


async def test_the_same_request_twice_has_one_effect_and_one_answer(ask: RestDesk) -> None:
    body = {"team": "red", "name": "once"}
    one = await ask("POST", "/v1/projects", body, idempotency_key='"k-1"')
    two = await ask("POST", "/v1/projects", body, idempotency_key="k-1")
    assert (one.status, one.body, one.header("location")) == (two.status, two.body, two.header("location"))
    other = await ask("POST", "/v1/projects", {**body, "name": "other"}, idempotency_key="k-1")
    assert (other.status, other.json["code"]) == (422, "KP204")
    assert (await ask("POST", "/v1/projects", body, who="admin", idempotency_key="k-1")).status == 409
    assert (await ask("POST", "/v1/projects", body, idempotency_key="with space")).status == 400


# --- The edge --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("POST", "/v1/projects", b"", {}, 400),
        ("POST", "/v1/projects", b"{", {}, 400),
        ("POST", "/v1/projects", b"\xff", {}, 400),
        ("POST", "/v1/projects", b"[" * 5_000 + b"]" * 5_000, {}, 413),
        ("POST", "/v1/projects", b"5", {}, 422),
        ("POST", "/v1/projects", b"[]", {}, 422),
        ("POST", "/v1/projects", b"[1]", {}, 422),
        ("POST", "/v1/projects", b"{}", {"content_type": "text/plain"}, 415),
        ("POST", "/v1/projects", b"{}", {"content_encoding": "gzip"}, 415),
        ("POST", "/v1/projects?name=x", b"{}", {}, 400),
        ("POST", f"/v1/projects/{ALPHA}", b"{}", {}, 405),
        ("PUT", "/v1/projects", b"{}", {}, 405),
        ("PATCH", "/v1/projects/nope", b"{}", {}, 400),
        ("DELETE", "/v1/nope/1", None, {}, 404),
        ("GET", "/v1/batch", None, {}, 405),
        ("PUT", "/v1/batch", b"{}", {}, 405),
        ("POST", "/v1/batch", b"{}", {}, 422),
        ("DELETE", f"/v1/projects/{ALPHA}", None, {"if_none_match": '"1-x"'}, 412),
    ],
)
async def test_what_is_no_write_is_refused(
    ask: RestDesk, method: str, path: str, body: bytes | None, headers: dict[str, str], status: int
) -> None:
    got = await ask(method, path, body, **headers)
    assert got.status == status, got.body
    assert got.header("content-type") == "application/problem+json"


async def test_options_and_allow_name_what_a_path_takes(ask: RestDesk) -> None:
    assert (await ask("OPTIONS", "/v1/projects")).header("allow") == "GET, HEAD, OPTIONS, POST, PATCH, DELETE"
    got = await ask("OPTIONS", f"/v1/projects/{ALPHA}")
    assert got.header("allow") == "GET, HEAD, OPTIONS, PUT, PATCH, DELETE"
    assert "application/json-patch+json" in (got.header("accept-patch") or "")
    assert (await ask("POST", f"/v1/projects/{ALPHA}", {})).header("allow") == "GET, HEAD, OPTIONS, PUT, PATCH, DELETE"


async def test_an_answer_is_not_given_again_to_who_may_no_longer_do_it(ask: RestDesk) -> None:
    body = {"team": "red", "name": "once more"}
    assert (await ask("POST", "/v1/projects", body, idempotency_key="lost")).status == 201
    PEOPLE["demoted"] = Actor(BOSS.id, frozenset({"member"}), BOSS.claims)
    PEOPLE["moved"] = Actor(BOSS.id, BOSS.roles, {"org": "umbra"})
    assert (await ask("POST", "/v1/projects", body, who="demoted", idempotency_key="lost")).status == 403
    assert (await ask("POST", "/v1/projects", body, who="moved", idempotency_key="lost")).status == 403
    assert (await ask("POST", "/v1/projects", body, idempotency_key="lost")).status == 201
