"""JSON Patch and JSON Merge Patch as pure functions: the examples of their RFCs, and bounds that no patch gets past."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kingpost.api.rest.patch import merged, patched, pointed
from kingpost.errors import CallerError, Conflict, Detail, Invalid, TooLarge

# --- RFC 7396, appendix A --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_does_what_its_rfc_shows(target: object, patch: object, result: object) -> None:
    before = copy.deepcopy(target)
    assert merged(target, patch) == result
    assert target == before


# --- RFC 6902, appendix A --------------------------------------------------------------------------------------------


def op(name: str, path: str, **more: object) -> dict[str, object]:
    return {"op": name, "path": path, **more}


@pytest.mark.parametrize(
    ("document", "patch", "result"),
    [
        ({"foo": "bar"}, [op("add", "/baz", value="qux")], {"baz": "qux", "foo": "bar"}),
        ({"foo": ["bar", "baz"]}, [op("add", "/foo/1", value="qux")], {"foo": ["bar", "qux", "baz"]}),
        ({"baz": "qux", "foo": "bar"}, [op("remove", "/baz")], {"foo": "bar"}),
        ({"foo": ["bar", "qux", "baz"]}, [op("remove", "/foo/1")], {"foo": ["bar", "baz"]}),
        ({"baz": "qux", "foo": "bar"}, [op("replace", "/baz", value="boo")], {"baz": "boo", "foo": "bar"}),
        (
            {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
            [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
            {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
        ),
        (
            {"foo": ["all", "grass", "cows", "eat"]},
            [{"op": "move", "from": "/foo/1", "path": "/foo/3"}],
            {"foo": ["all", "cows", "eat", "grass"]},
        ),
        (
            {"baz": "qux", "foo": ["a", 2, "c"]},
            [op("test", "/baz", value="qux"), op("test", "/foo/1", value=2)],
            {"baz": "qux", "foo": ["a", 2, "c"]},
        ),
        ({"foo": "bar"}, [op("add", "/child", value={"grandchild": {}})], {"foo": "bar", "child": {"grandchild": {}}}),
        ({"foo": "bar"}, [op("add", "/baz", value="qux", xyz=123)], {"foo": "bar", "baz": "qux"}),
        ({"/": 9, "~1": 10}, [op("test", "/~01", value=10)], {"/": 9, "~1": 10}),
        ({"foo": ["bar"]}, [op("add", "/foo/-", value=["abc", "def"])], {"foo": ["bar", ["abc", "def"]]}),
        ({"a": 1}, [op("add", "", value={"b": 2})], {"b": 2}),
        ({"a": 1}, [op("replace", "", value=[])], []),
        ({"": 1, "a b": 2}, [op("remove", "/"), op("test", "/a b", value=2)], {"a b": 2}),
        ({"m~n": 8, "a/b": 1}, [op("remove", "/m~0n"), op("remove", "/a~1b")], {}),
        ({"a": [1]}, [{"op": "copy", "from": "/a", "path": "/b"}, op("add", "/b/-", value=2)], {"a": [1], "b": [1, 2]}),
        ({"a": 1}, [{"op": "move", "from": "/a", "path": "/a"}], {"a": 1}),
        ({"a": None}, [op("test", "/a", value=None)], {"a": None}),
        ({"a": {"x": 1, "y": [1.0]}}, [op("test", "/a", value={"y": [1], "x": 1})], {"a": {"x": 1, "y": [1.0]}}),
    ],
)
def test_a_json_patch_does_what_its_rfc_shows(document: Any, patch: list[Any], result: object) -> None:
    before = copy.deepcopy((document, patch))
    assert patched(document, patch) == result
    assert (document, patch) == before


@pytest.mark.parametrize(
    ("document", "operation", "pointer", "error"),
    [
        ({"baz": "qux"}, op("test", "/baz", value="bar"), "/0/value", Conflict),
        ({"/": 9, "~1": 10}, op("test", "/~01", value="10"), "/0/value", Conflict),
        ({"a": 1}, op("test", "/a", value=True), "/0/value", Conflict),
        ({"a": [1]}, op("test", "/a", value=[1, 2]), "/0/value", Conflict),
        ({"foo": "bar"}, op("add", "/baz/bat", value="qux"), "/0/path", Invalid),
        ({"foo": "bar"}, op("add", "/foo/bat", value="qux"), "/0/path", Invalid),
        ({"foo": [1]}, op("add", "/foo/2", value=0), "/0/path", Invalid),
        ({"foo": [1]}, op("add", "/foo/01", value=0), "/0/path", Invalid),
        ({"foo": [1]}, op("add", "/foo/³", value=0), "/0/path", Invalid),
        ({"foo": [1]}, op("remove", "/foo/-"), "/0/path", Invalid),
        ({"foo": 1}, op("replace", "/bar", value=0), "/0/path", Invalid),
        ({"foo": 1}, op("remove", "/bar"), "/0/path", Invalid),
        ({"foo": 1}, op("remove", "foo"), "/0/path", Invalid),
        ({"foo": 1}, op("add", "/~2", value=0), "/0/path", Invalid),
        ({"foo": 1}, op("add", "/a~", value=0), "/0/path", Invalid),
        ({"foo": 1}, op("add", "/bar"), "/0", Invalid),
        ({"foo": 1}, op("copy", "/bar"), "/0", Invalid),
        ({"foo": 1}, {"op": "copy", "from": "/x", "path": "/bar"}, "/0/from", Invalid),
        ({"foo": {}}, {"op": "move", "from": "/foo", "path": "/foo/a"}, "/0/path", Invalid),
        ({"foo": 1}, op("frob", "/foo"), "/0/op", Invalid),
        ({"foo": 1}, {"op": ["add"], "path": "/foo"}, "/0/op", Invalid),
        ({"foo": 1}, 5, "/0", Invalid),
    ],
)
def test_what_cannot_be_done_points_at_its_operation(
    document: Any, operation: object, pointer: str, error: type[CallerError]
) -> None:
    with pytest.raises(error) as refusal:
        patched(document, [operation])
    assert [one.where for one in refusal.value.details] == [pointer]


def test_one_wrong_operation_leaves_all_as_it_was() -> None:
    document = {"a": {"b": [1]}}
    with pytest.raises(Conflict):
        patched(document, [op("add", "/a/b/-", value=2), op("remove", "/a"), op("test", "", value=1)])
    assert document == {"a": {"b": [1]}}


# --- Bounds ----------------------------------------------------------------------------------------------------------


def test_a_document_cannot_be_doubled_without_end() -> None:
    doubling = [{"op": "copy", "from": "", "path": f"/x{number}"} for number in range(99)]
    with pytest.raises(TooLarge, match="letters"):
        patched({"a": "b"}, doubling)


def test_a_long_text_cannot_be_copied_without_end() -> None:
    copies = [{"op": "copy", "from": "/a", "path": f"/x{number}"} for number in range(199)]
    with pytest.raises(TooLarge, match="letters"):
        patched({"a": "b" * 100_000}, copies)


@pytest.mark.parametrize("name", ["add", "replace", "copy", "move"])
def test_values_cannot_be_nested_without_end(name: str) -> None:
    deep: Any = {"end": {}}
    for _ in range(60):
        deep = {"a": deep}
    more = {"from": "/other"} if name in ("copy", "move") else {"value": deep}
    with pytest.raises(TooLarge, match="deep"):
        patched({"json": deep, "other": deep}, [op(name, "/json" + "/a" * 60 + "/end", **more)])


def test_a_patch_has_so_many_operations_and_no_more() -> None:
    with pytest.raises(TooLarge):
        patched({}, [op("add", "/a", value=1)] * 201)
    with pytest.raises(Invalid):
        patched({}, {"op": "add"})


# --- Where faults are ------------------------------------------------------------------------------------------------


def test_a_fault_of_a_field_is_that_of_the_operation_that_wrote_it_last() -> None:
    patch = [
        op("add", "/tags/-", value=1),
        op("replace", "/name", value=5),
        op("test", "/name", value=5),
        op("add", "/a~1b", value=5),
    ]
    faults = [Detail(where, "", "") for where in ("/name", "/tags", "/a~1b", "/other", "/3/path", "/0")]
    assert [one.where for one in pointed(faults, patch)] == ["/1/path", "/0/path", "/3/path", "/other", "/3/path", "/0"]
    assert [one.where for one in pointed(faults[:1], [op("replace", "", value={})])] == ["/0/path"]
