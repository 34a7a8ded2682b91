"""How REST writes answers: envelopes, cursors, links, entity tags and conditional requests."""

from __future__ import annotations

import re

import pytest

from kingpost.api.rest.cursor import NEXT, PREVIOUS, decode_cursor, encode_cursor
from kingpost.api.rest.write import matching_tag
from kingpost.call import Answer
from tests.asgi import Desk, Got

ROW = Answer(b'{"carrier":"UA"}', version=7)
PAGE = Answer(b'[{"number":1},{"number":2}]', first=b'[1,"a"]', last=b'[2,"b"]', more=True, fingerprint="f00d")
LAST = Answer(PAGE.body, PAGE.first, PAGE.last, more=False, fingerprint="f00d")
HERE = encode_cursor("f00d", NEXT, b"[0]").decode()
BACK = encode_cursor("f00d", PREVIOUS, b"[9]").decode()
ONWARD_OF_PAGE = encode_cursor("f00d", NEXT, b'[2,"b"]').decode()
BACK_OF_PAGE = encode_cursor("f00d", PREVIOUS, b'[1,"a"]').decode()


async def get(answer: Answer, target: str, **headers: str) -> Got:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return await Desk(answer).fetch(target, headers=given)


# --- Lists -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "query", "onward", "back"),
    [
        (PAGE, "", ONWARD_OF_PAGE, None),
        (LAST, "", None, None),
        (PAGE, f"cursor={HERE}", ONWARD_OF_PAGE, BACK_OF_PAGE),
        (LAST, f"cursor={HERE}", None, BACK_OF_PAGE),
        (PAGE, f"cursor={BACK}", ONWARD_OF_PAGE, BACK_OF_PAGE),
        (LAST, f"cursor={BACK}", ONWARD_OF_PAGE, None),
        (Answer(b"[]"), f"cursor={HERE}", None, None),
        (Answer(b"[]"), "", None, None),
    ],
)
async def test_a_page_says_where_the_others_are(
    answer: Answer, query: str, onward: str | None, back: str | None
) -> None:
    got = await get(answer, f"/v1/flights?{query}")
    assert (got.json["next"], got.json["prev"]) == (onward, back)
    assert bool(got.header("link")) == bool(onward or back)


async def test_an_encoded_cursor_parameter_is_seen_too() -> None:
    got = await get(PAGE, f"/v1/flights?%63ursor={BACK}&limit=%32")
    assert got.json["prev"] == BACK_OF_PAGE
    assert got.header("link") == (
        f'</v1/flights?limit=%32&cursor={ONWARD_OF_PAGE}>; rel="next", </v1/flights?limit=%32&cursor={BACK_OF_PAGE}>; rel="prev"'
    )


async def test_the_envelope_holds_the_rows_as_they_came_and_the_count_last() -> None:
    got = await get(Answer(b'[ {"a":1}]', count=3), "/v1/flights?count=exact")
    assert got.body == b'{"data":[ {"a":1}],"next":null,"prev":null,"count":3}'
    assert got.header("content-type") == "application/json"


async def test_cursors_come_back_as_they_went_out() -> None:
    got = await get(PAGE, "/v1/flights")
    assert decode_cursor(got.json["next"], "cursor") == ("n:00", ["f00d", 2, "b"])


@pytest.mark.parametrize(
    ("target", "base"),
    [
        ("/v1/flights", "/v1/flights?"),
        ("/v1/flights?airline=UA&limit=2", "/v1/flights?airline=UA&limit=2&"),
        (f"/v1/flights?airline=UA&cursor={HERE}", "/v1/flights?airline=UA&"),
        (f"/v1/flights?cursor={HERE}&airline=UA", "/v1/flights?airline=UA&"),
        (f"/v1/flights?cursor={HERE}", "/v1/flights?"),
        ("/v1/flights?number[gt]=1&airline=%26", "/v1/flights?number[gt]=1&airline=%26&"),
        ('/v1/flights?airline=<a>;"', "/v1/flights?airline=%3Ca%3E;%22&"),
        ("/v1/flights?airline=é", "/v1/flights?airline=%C3%A9&"),
    ],
)
async def test_links_lead_to_the_same_question_on_another_page(target: str, base: str) -> None:
    got = await get(PAGE, target)
    assert (got.header("link") or "").startswith(f'<{base}cursor={ONWARD_OF_PAGE}>; rel="next"')


async def test_links_stay_below_the_prefix_the_app_is_mounted_at() -> None:
    got = await Desk(PAGE).fetch("/api/v1/flights", root_path="/api")
    assert (got.header("link") or "").startswith("</api/v1/flights?cursor=")


# --- One row ---------------------------------------------------------------------------------------------------------


async def test_one_row_is_the_object_itself_with_its_tag() -> None:
    got = await get(ROW, "/v1/airlines/UA")
    assert got.body == ROW.body
    assert re.fullmatch(r'"7-[0-9a-f]{16}"', got.header("etag") or "")
    assert got.header("cache-control") == "private, no-cache"


async def test_a_row_without_version_has_a_tag_too() -> None:
    got = await get(Answer(b"{}"), "/v1/airlines/UA")
    assert re.fullmatch(r'"[0-9a-f]{16}"', got.header("etag") or "")


async def test_no_row_is_not_found() -> None:
    got = await get(Answer(None), "/v1/airlines/UA")
    assert (got.status, got.json["code"]) == (404, "KP302")


@pytest.mark.parametrize("written", ["{}", "W/{}", '"x", {}', '"x" ,W/{}', "*", " * ", '"a,b",{}'])
async def test_a_known_row_is_not_sent_again(written: str) -> None:
    tag = (await get(ROW, "/v1/airlines/UA")).header("etag")
    got = await get(ROW, "/v1/airlines/UA", if_none_match=written.format(tag))
    assert (got.status, got.body, got.header("etag")) == (304, b"", tag)
    assert got.header("content-length") is None
    assert got.header("vary") == "Authorization, Accept, Accept-Encoding"


@pytest.mark.parametrize("written", ['"7-0000"', "", "7", 'W/"8"', '"', "\xff"])
async def test_another_tag_gets_the_row(written: str) -> None:
    assert (await get(ROW, "/v1/airlines/UA", if_none_match=written)).status == 200


def test_a_tag_of_a_compressed_body_is_matched_and_given_back() -> None:
    assert matching_tag(b'"7-ab-gzip"', b'"7-ab"') == b'"7-ab-gzip"'
    assert matching_tag(b'"7-ab-br"', b'"7-ab"') is None


async def test_a_row_in_another_form_is_another_representation() -> None:
    tag = (await get(ROW, "/v1/airlines/UA")).header("etag")
    changed = Answer(b'{"carrier":"UA","name":"United"}', version=7)
    assert (await get(changed, "/v1/airlines/UA", if_none_match=tag or "")).status == 200


# --- Methods and media types -----------------------------------------------------------------------------------------


async def test_head_is_get_without_the_body() -> None:
    whole, head = await get(ROW, "/v1/airlines/UA"), await Desk(ROW).fetch("/v1/airlines/UA", "HEAD")
    assert head.body == b""
    assert head.header("content-length") == whole.header("content-length") == "16"
    assert head.header("etag") == whole.header("etag")


async def test_options_says_what_is_offered() -> None:
    got = await Desk().fetch("/v1/flights", "OPTIONS")
    assert (got.status, got.header("allow"), got.body) == (204, "GET, HEAD, OPTIONS, POST, PATCH, DELETE", b"")


@pytest.mark.parametrize("method", ["POST", "FOO"])
async def test_another_method_is_refused_with_what_is_offered(method: str) -> None:
    got = await Desk().fetch("/v1/flights/1", method)
    assert (got.status, got.header("allow"), got.json["code"]) == (
        405,
        "GET, HEAD, OPTIONS, PUT, PATCH, DELETE",
        "KP102",
    )


@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
async def test_a_method_on_nothing_is_not_found(method: str) -> None:
    assert (await Desk().fetch("/v1/nothing", method)).status == 404


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200),
        ("application/json", 200),
        ("Application/JSON;charset=utf-8", 200),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 200),
        ("application/*;q=0.1", 200),
        ("application/problem+json", 200),
        ("text/html", 406),
        ("application/json;q=0", 406),
        ("*/*;q=0, text/html", 406),
        ("application/json;q=0.000, application/problem+json;q=0, */*", 406),
        ("a" * 2_000, 431),
    ],
)
async def test_json_is_sent_to_whom_takes_it(accept: str, status: int) -> None:
    assert (await get(PAGE, "/v1/flights", accept=accept)).status == status


async def test_the_index_lists_the_collections() -> None:
    for target in ("/v1/", "/v1"):
        got = await get(PAGE, target)
        assert got.json["collections"]["flights"] == "/v1/flights"
