"""A softly deleted row is as if it were gone, for the rules of other rows too."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kingpost.answer import Engine
from kingpost.call import Actor
from kingpost.model.declare import Key, Many, Policy, Ref, Table, computed, via
from kingpost.model.manifest import Manifest
from kingpost.model.read import read_manifest
from kingpost.model.terms import anyone, me, this
from kingpost.observe import nobody
from kingpost.store.memory import MemoryStore
from tests.asking import get

LEFT = datetime(2024, 1, 1, tzinfo=UTC)
ADA, BOB = Actor("ada"), Actor("bob")


class Club(Table, soft_delete=True):
    """Read by its members; a club that is gone has a secret no more."""

    name: Key[str]
    secret: str
    memberships: Many[Membership]
    posts: Many[Post]
    members: Many[Member] = via("memberships.member")
    policy = Policy(read=this.memberships.some.member == me.id)


class Member(Table):
    """Anyone."""

    name: Key[str]
    memberships: Many[Membership]
    clubs: Many[Club] = via("memberships.club")
    policy = Policy(read=anyone)


class Membership(Table, soft_delete=True):
    """Whoever leaves has theirs softly deleted."""

    id: Key[int]
    club: Ref[Club]
    member: Ref[Member]
    policy = Policy(read=anyone)


class Post(Table):
    """Hidden by a rule that looks through a Ref; one of its fields by a rule behind a computed one."""

    id: Key[int]
    club: Ref[Club]
    text: str
    club_secret: str | None = computed(this.club.secret)
    policy = Policy(read=this.club.name != "closed", fields={"text": this.club_secret == "open"})


@pytest.fixture
async def engine() -> Engine:
    manifest: Manifest = read_manifest("clubs", (Club, Member, Membership, Post))
    store = MemoryStore()
    await store.create(manifest)
    await store.load("Club", [_club("chess"), _club("go"), {**_club("gone"), "deleted_at": LEFT}])
    await store.load("Member", [{"name": "ada"}, {"name": "bob"}])
    await store.load(
        "Membership",
        [
            {"id": 1, "club": "chess", "member": "ada"},
            {"id": 2, "club": "chess", "member": "bob", "deleted_at": LEFT},
            {"id": 3, "club": "go", "member": "bob"},
            {"id": 4, "club": "gone", "member": "ada"},
        ],
    )
    await store.load("Post", [{"id": 1, "club": "chess", "text": "hi"}, {"id": 2, "club": "gone", "text": "bye"}])
    return Engine(manifest, store, store.run, nobody, 100_000)


async def names(engine: Engine, target: str, actor: Actor) -> list[Any]:
    return [next(iter(row.values())) for row in await get(engine, target, actor)]


async def test_a_membership_that_is_gone_lets_nobody_in(engine: Engine) -> None:
    assert await names(engine, "/v1/clubs?fields=name", ADA) == ["chess"]
    assert await names(engine, "/v1/clubs?fields=name", BOB) == ["go"]


async def test_a_rule_through_a_ref_does_not_hold_where_the_row_is_gone(engine: Engine) -> None:
    assert await names(engine, "/v1/posts?fields=id", ADA) == [1]


async def test_a_mask_over_a_computed_field_is_not_lifted_by_a_row_that_is_gone(engine: Engine) -> None:
    assert await get(engine, "/v1/posts/1?fields=text", ADA) == {"text": "hi"}
    assert await names(engine, "/v1/posts?fields=text&sort=id", ADA) == ["hi"]


async def test_links_that_are_gone_lead_nowhere(engine: Engine) -> None:
    rows = await get(engine, "/v1/members?include=clubs&fields=name&clubs.fields=name&sort=name", ADA)
    assert [(row["name"], row["clubs"]) for row in rows] == [("ada", [{"name": "chess"}]), ("bob", [])]
    assert await names(engine, "/v1/members?clubs.some.name=chess&fields=name", ADA) == ["ada"]


def _club(name: str) -> dict[str, object]:
    return {"name": name, "secret": "open"}
