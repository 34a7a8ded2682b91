"""Whatever is sent, splitting and reading raise nothing but CallerError, and the edge answers nothing with a 500."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from kingpost.api.rest.cursor import decode_cursor
from kingpost.api.rest.read import reader
from kingpost.api.rest.skeleton import split
from kingpost.errors import CallerError
from kingpost.query.bind import bind
from tests.asgi import Desk, Got
from tests.rest_manifest import MANIFEST

READ = reader(MANIFEST)
FUZZ = settings(max_examples=300, deadline=None)

WORDS = st.sampled_from(
    [
        "airline",
        "number",
        "origin.name",
        "seats",
        "seats.every.price",
        "seats.none",
        "include",
        "fields",
        "sort",
        "group",
        "aggregate",
        "having",
        "count",
        "limit",
        "cursor",
        "or",
        "and",
        "not",
        "where",
        "flights.limit",
        "flights.cursor",
        "flights.where.number",
        "flights.where.or",
        "audit_note",
    ]
)
OPERATORS = st.sampled_from(
    ["", "[eq]", "[gt]", "[in]", "[is_null]", "[like]", "[nope]", "[", "[]", "[gt][lt]", "%5Bgt%5D"]
)
LONG = st.sampled_from([20_000, 100_000]).map(lambda length: "x" * length)
ODD = LONG | st.sampled_from(
    [
        "\0",
        "%00",
        "%",
        "%zz",
        "%ed%a0%80",
        "%ff",
        str(2**70),
        "-1e999",
        "NaN",
        "é",
        "\U0010ffff",
        "+",
        "=",
        "true",
    ]
)
NESTED = st.recursive(
    st.sampled_from(
        ["a=1", "number[gt]=5", 'a="x,y"""', "a[in]=(1,2)", "a[is_null]=true", "", "?", "a=?", "avg:number=3", '"']
    ),
    lambda inner: st.builds(
        "{}=({})".format, st.sampled_from(["or", "and", "not", "nor"]), st.lists(inner).map(",".join)
    ),
)
JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=6)
CURSORS = JSON.map(lambda found: base64.urlsafe_b64encode(json.dumps(found).encode()).decode().rstrip("="))
LISTS = st.lists(WORDS | st.just("-number") | st.just("avg:number"), max_size=60).map(",".join)
VALUES = (
    ODD | NESTED.map("({})".format) | NESTED | CURSORS | LISTS | st.text(max_size=30) | st.sampled_from(["exact", "5"])
)
WILD = st.builds("{}{}={}".format, WORDS | st.text(max_size=10), OPERATORS, VALUES) | st.text(max_size=20)

# Questions that make sense, in which every value is the very name that errors about it would give.
NAMES = st.builds(
    "{}{}".format, st.sampled_from(["number", "airline"]), st.sampled_from(["", "[ne]", "[gt]", "[in]", "[lt]"])
)
DEEP = st.sampled_from(["seats.price", "seats.none.place", "origin.name", "origin.faa[in]"])
SHAPES = st.sampled_from(
    ["sort=-number,airline", "include=seats,origin", "fields=number", "count=exact", "number[is_null]=true"]
)


def _itself(prefix: str) -> st.SearchStrategy[str]:
    return NAMES.map(lambda name: f"{prefix}{name}={prefix}{name}")


def _groups(prefix: str, names: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    items = names.map(lambda name: f'{name}="{prefix}{name}"') | st.just("dep_delay[is_null]=false")
    nested = st.recursive(
        items,
        lambda inner: st.builds(
            "{}=({})".format, st.sampled_from(["or", "not"]), st.lists(inner, min_size=1, max_size=3).map(",".join)
        ),
        max_leaves=6,
    )
    return st.builds(f"{prefix}{{}}=({{}})".format, st.sampled_from(["or", "and", "not"]), nested)


SANE = (
    _itself("") | DEEP.map(lambda name: f"{name}={name}") | SHAPES | _groups("", NAMES | DEEP) | st.just("limit=limit")
)
PLACES = st.sampled_from(["price", "price[gt]", "place[in]"])
SANE_INCLUDE = (
    PLACES.map(lambda name: f"seats.where.{name}=seats.where.{name}")
    | _groups("seats.where.", PLACES).filter(lambda text: "dep_delay" not in text)
    | st.sampled_from(["seats.limit=seats.limit", "seats.sort=-price"])
)


def _query(parameters: st.SearchStrategy[str], max_size: int) -> st.SearchStrategy[bytes]:
    once = st.lists(parameters, unique_by=lambda text: text.partition("=")[0], max_size=max_size)
    return once.map("&".join).map(lambda text: text.encode("utf-8", "surrogatepass"))


SANE_QUERIES = _query(SANE, max_size=6) | _query(SANE | SANE_INCLUDE, max_size=8).map(
    lambda query: query + b"&include=seats"
)
QUERIES = (
    _query(WILD, max_size=4)
    | st.tuples(SANE_QUERIES, _query(WILD, max_size=1)).map(b"&".join)
    | SANE_QUERIES
    | st.binary(max_size=60)
)
KEYS = st.lists(ODD | st.text(st.characters(codec="ascii"), max_size=8), max_size=20).map(",".join)
PATHS = st.builds(
    "/v1/{}{}{}".format, st.sampled_from(["flights", "seats", "x", ""]), st.sampled_from(["", "/", "//", ":"]), KEYS
)


@FUZZ
@given(PATHS | st.text(), QUERIES)
def test_any_request_is_read_and_bound_or_refused(path: str, query: bytes) -> None:
    with suppress(CallerError):
        skeleton, _ = split(path, query)
        bind(READ(skeleton)[0], MANIFEST)


@FUZZ
@given(SANE_QUERIES)
def test_each_value_comes_to_the_slot_of_its_name(query: bytes) -> None:
    with suppress(CallerError):
        skeleton, values = split("/v1/flights", query)
        bound = bind(READ(skeleton)[0], MANIFEST)
        slots = [spec for spec in bound.slots if spec.source == "value"]
        assert len(slots) == len(values)
        assert all(str(values[spec.index]).strip('"') == spec.where for spec in slots)


@FUZZ
@given(st.text(st.characters(exclude_categories=())) | CURSORS)
def test_any_cursor_is_decoded_or_refused(text: str) -> None:
    with suppress(CallerError):
        shape, values = decode_cursor(text, "cursor")
        assert shape.count("0") == len(values) - 1


HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [b"accept", b"accept-encoding", b"authorization", b"if-none-match", b"x-request-id", b"origin", b"host"]
        )
        | st.sampled_from([b"content-length", b"x-forwarded-for", b"access-control-request-method"]),
        st.binary(max_size=40)
        | LONG.map(str.encode)
        | st.sampled_from([b"*", b"Bearer good", b"gzip;q=1", b"\0", b'W/"', b"*/*;q=0.5", b"1, 1"]),
    ),
    max_size=6,
)
DESK = Desk()


@FUZZ
@given(PATHS | st.text(max_size=30), QUERIES, HEADERS, st.sampled_from(["GET", "HEAD", "OPTIONS", "POST", "\0"]))
def test_no_request_is_a_defect(path: str, query: bytes, headers: list[tuple[bytes, bytes]], method: str) -> None:
    target = path.replace("?", "").encode("utf-8", "surrogatepass") + b"?" + query
    got = asyncio.run(_fetch(target, method, headers))
    assert got.status < 500
    assert all(b"\n" not in value and b"\r" not in value for _, value in got.headers)


async def _fetch(target: bytes, method: str, headers: list[tuple[bytes, bytes]]) -> Got:
    return await DESK.fetch(target, method, headers=headers)
