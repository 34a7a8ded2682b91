"""Binding: what is refused with which words, what an index serves, what a cursor may be used for."""

from __future__ import annotations

from typing import Any, cast

import pytest

from kingpost.api.rest.read import reader
from kingpost.api.rest.skeleton import split
from kingpost.errors import CallerError, Malformed, Mistyped, TooLarge, UnknownName
from kingpost.query.bind import bind
from kingpost.query.operations import Operation
from kingpost.query.stages import Bound, Buckets, Select
from tests import domain

MANIFEST = domain.manifest()
READ = reader(MANIFEST)


def bound(target: str) -> Bound:
    path, _, query = target.partition("?")
    operation, _ = READ(split(path, query.encode())[0])
    return bind(cast("Operation", operation), MANIFEST)


@pytest.mark.parametrize(
    ("target", "error", "words"),
    [
        ("/v1/people?frist=a", UnknownName, "did you mean 'first'"),
        ("/v1/people?first.x=a", UnknownName, "no relation 'first'"),
        ("/v1/people?fields=id,nope", UnknownName, "no field 'nope'"),
        ("/v1/people?fields=id,id", Malformed, "twice"),
        ("/v1/people?include=friends", UnknownName, "no relation 'friends'"),
        ("/v1/people?sort=first,-first", Malformed, "twice"),
        ("/v1/people?sort=label", Mistyped, "made in Python"),
        ("/v1/people?sort=reports.first", UnknownName, "many rows"),
        ("/v1/people?id[like]=1", Mistyped, "like does not go with id"),
        ("/v1/projects?tags[gt]=a", Mistyped, "gt does not go with tags"),
        ("/v1/projects?group=tags&aggregate=count", Mistyped, "cannot be grouped by"),
        ("/v1/projects?group=status&aggregate=sum:name", Mistyped, "sum does not go with name"),
        ("/v1/projects?group=status&aggregate=avg", Malformed, "avg needs a field"),
        ("/v1/projects?group=status&sort=name", Malformed, "sorted by its group keys"),
        ("/v1/people/1?include=manager&manager.limit=3", Malformed, "one row"),
        ("/v1/memberships/red", Malformed, "2 values, and 1 were given"),
        (
            "/v1/people?include=manager.manager.manager.manager.manager.manager.manager.manager.manager",
            TooLarge,
            "deep",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_words_that_help(target: str, error: type[CallerError], words: str) -> None:
    with pytest.raises(error, match=words):
        bound(target)


@pytest.mark.parametrize(
    "target",
    [
        "/v1/people",
        "/v1/people?last=x",
        "/v1/people?last=x&first[like]=a",
        "/v1/people?manager=1",
        "/v1/people?manager.last=x",
        "/v1/people?reports.last=x",
        "/v1/people?sort=-salary",
        "/v1/people?or=(id=1,last=x)",
        "/v1/people/1",
        "/v1/teams?motto=x",
        "/v1/projects?group=team&aggregate=count",
        "/v1/projects?status=draft&group=name&aggregate=count",
    ],
)
def test_an_index_serves(target: str) -> None:
    assert bound(target).scan is None


@pytest.mark.parametrize(
    ("target", "missing"),
    [
        ("/v1/people?first=x", 'Index("first")'),
        ("/v1/people?or=(id=1,first=x)", 'Index("id")'),
        ("/v1/people?first=x&sort=id", None),
        ("/v1/people?sort=salary", 'Index("salary")'),
        ("/v1/people?last[like]=x%25", 'Index("last")'),
        ("/v1/teams?people.first=x", "Person.first"),
        ("/v1/projects?group=name&aggregate=count", 'Index("name")'),
    ],
)
def test_the_refusal_names_the_missing_index(target: str, missing: str | None) -> None:
    scan = bound(target).scan
    if missing is None:
        assert scan is None
    else:
        assert scan is not None
        assert missing in scan.hint


def test_the_key_ends_every_sort_in_the_last_direction() -> None:
    question = cast("Select", bound("/v1/projects?sort=score,-due").question)
    assert [(key.name, key.descending) for key in question.sort] == [("score", False), ("due", True), ("id", True)]


def test_group_keys_end_the_sort_of_buckets() -> None:
    question = cast("Buckets", bound("/v1/projects?group=status,team&aggregate=count&sort=-count").question)
    assert [key.name for key in question.sort] == ["count", "status", "team"]


def fingerprint(target: str) -> str:
    return cast("Any", bound(target).question).fingerprint


def test_a_cursor_fits_the_same_question_with_another_limit_only() -> None:
    base = fingerprint("/v1/people?last=x&sort=first")
    assert base == fingerprint("/v1/people?last=y&sort=first&limit=7")
    assert base != fingerprint("/v1/people?last=x&sort=-first")
    assert base != fingerprint("/v1/people?last[gt]=x&sort=first")
    assert base != fingerprint("/v1/teams?sort=name")


def test_roles_that_no_touched_policy_names_do_not_split_plans() -> None:
    assert bound("/v1/orgs").roles == frozenset()
    assert bound("/v1/teams").roles == {"boss"}
    assert bound("/v1/teams?include=people").roles == {"boss", "member"}


def test_a_private_field_is_unknown() -> None:
    for target in ("/v1/people?ssn=1", "/v1/people?fields=ssn", "/v1/people?sort=ssn", "/v1/people?group=ssn"):
        with pytest.raises(UnknownName):
            bound(target)


def test_a_nested_cursor_of_another_question_is_refused_too() -> None:
    skeleton, _ = split("/v1/orgs", f"include=people&people.cursor={NESTED_CURSOR}".encode())
    operation, _ = READ(skeleton)
    slots = bind(operation, MANIFEST).slots
    assert [(spec.where, bool(spec.equals)) for spec in slots if spec.where.endswith("cursor")] == [
        ("people.cursor", True),
        ("people.cursor", False),
    ]


NESTED_CURSOR = "WyJmb3JnZWQiLCJuIiwxXQ"  # ["forged","n",1]
