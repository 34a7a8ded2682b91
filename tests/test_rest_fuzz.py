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
    "airline number origin.name seats seats.every.price seats.none include fields sort group aggregate having count "
    "limit cursor or and not where flights.limit flights.cursor flights.where.number flights.where.or audit_note".split()
)
OPERATORS = st.sampled_from(
    ["", "[eq]", "[gt]", "[in]", "[is_null]", "[like]", "[nope]", "[", "[]", "[gt][lt]", "%5Bgt%5D"]
)
ODD = st.sampled_from(
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
        "x" * 100_000,
        "é",
        "\U0010ffff",
        "+",
        "=",
        "true",
    ]
)
NESTED = st.recursive(
    st.sampled_from(
        ["a=1", "number[gt]=5", 'a="x,y\\""', "a[in]=(1,2)", "a[is_null]=true", "", "?", "a=?", "avg:number=3", '"']
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
PARAMETERS = st.builds("{}{}={}".format, WORDS | st.text(max_size=10), OPERATORS, VALUES) | st.text(max_size=20)
QUERIES = st.lists(PARAMETERS, max_size=8).map("&".join).map(lambda text: text.encode("utf-8", "surrogatepass"))
KEYS = st.lists(ODD | st.text(st.characters(codec="ascii"), max_size=8), max_size=20).map(",".join)
PATHS = st.builds(
    "/v1/{}{}{}".format, st.sampled_from(["flights", "seats", "x", ""]), st.sampled_from(["", "/", "//", ":"]), KEYS
)


@FUZZ
@given(PATHS | st.text(), QUERIES | st.binary(max_size=60))
def test_any_request_is_read_and_bound_or_refused(path: str, query: bytes) -> None:
    with suppress(CallerError):
        skeleton, _ = split(path, query)
        bind(READ(skeleton)[0], MANIFEST)


@FUZZ
@given(QUERIES)
def test_each_value_has_its_slot(query: bytes) -> None:
    with suppress(CallerError):
        skeleton, values = split("/v1/flights", query)
        bound = bind(READ(skeleton)[0], MANIFEST)
        assert all(spec.index < len(values) for spec in bound.slots if spec.source == "value")


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
        | st.sampled_from([b"*", b"Bearer good", b"gzip;q=1", b"\0", b"x" * 100_000, b'W/"', b"*/*;q=0.5", b"1, 1"]),
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
