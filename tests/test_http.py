"""The edge: identities, problems, health, CORS, compression, proxies, request ids and the access log."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import MutableMapping
from typing import Any

import pytest
import zstandard

from kingpost.api.forwarded import client_address, networks
from kingpost.api.http import Door, Http, HttpOptions, Lifespan
from kingpost.api.message import HttpRequest, HttpResponse
from kingpost.api.negotiate import coding_for
from kingpost.api.problem import TITLES, problem
from kingpost.call import ANONYMOUS, Answer
from kingpost.errors import (
    DeclarationError,
    EngineFailed,
    EngineUnavailable,
    Forbidden,
    KingpostError,
    Malformed,
    Mistyped,
    NotOffered,
    TooDear,
    TooLarge,
    TooLate,
    Unauthenticated,
)
from kingpost.observe import Defect, Refused, RequestEnded
from tests.asgi import Desk

ROW = Answer(b'{"carrier":"UA"}', version=7)
LONG = Answer(b'{"name":"%b"}' % (b"x" * 2_000), version=7)

# --- Problems --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Malformed("m"), 400),
        (Mistyped("m", where="a"), 400),
        (TooDear("m"), 400),
        (Unauthenticated("m"), 401),
        (Forbidden("m"), 403),
        (NotOffered("m", offered=("GET",)), 405),
        (NotOffered("m", offered=("text/csv",)), 406),
        (TooLarge("m", where="body"), 413),
        (TooLarge("m", where="/items/3"), 413),
        (TooLarge("m", where="include"), 414),
        (TooLarge("m"), 414),
        (TooLarge("m", where="headers"), 431),
        (EngineFailed("secret"), 500),
        (RuntimeError("secret"), 500),
        (EngineUnavailable("secret"), 503),
        (TooLate("m"), 503),
    ],
)
async def test_each_error_has_its_status(error: Exception, status: int) -> None:
    got = await Desk(error).fetch("/v1/flights", headers={"x-request-id": "r1"})
    assert (got.status, got.json["status"], got.json["request_id"]) == (status, status, "r1")
    assert got.header("content-type") == "application/problem+json"
    assert got.header("cache-control") == "no-store"
    assert b"secret" not in got.body


def test_a_problem_says_what_where_and_what_to_do() -> None:
    error = Mistyped("limit is no number", where="limit", hint="as in limit=20")
    document = problem(error, "r1")
    assert document.body == (
        b'{"type":"/problems/KP201","title":"A value does not fit its field","status":400,'
        b'"detail":"limit is no number","code":"KP201","hint":"as in limit=20",'
        b'"errors":[{"parameter":"limit","detail":"limit is no number","code":"KP201"}],"request_id":"r1"}'
    )


def test_a_place_in_a_body_is_a_pointer() -> None:
    assert b'"errors":[{"pointer":"/a/0"' in problem(Mistyped("m", where="/a/0"), "").body


@pytest.mark.parametrize(
    ("token", "challenge"),
    [(None, "Bearer"), ("Bearer bad", 'Bearer error="invalid_token"'), ("Basic x", 'Bearer error="invalid_token"')],
)
async def test_whom_we_do_not_know_is_challenged(token: str | None, challenge: str) -> None:
    desk = Desk(Unauthenticated("who are you?"))
    got = await desk.fetch("/v1/flights", headers={"authorization": token} if token else {})
    assert (got.status, got.header("www-authenticate")) == (401, challenge)


@pytest.mark.parametrize("error", [EngineUnavailable("m"), TooLate("m")])
def test_who_shall_come_again_is_told_when(error: KingpostError) -> None:
    assert (b"retry-after", b"1") in problem(error, "").headers


@pytest.mark.parametrize("code", sorted(TITLES))
async def test_a_problem_s_type_can_be_looked_up(code: str) -> None:
    assert (await Desk().fetch(f"/problems/{code}")).json["title"] == TITLES[code]


async def test_a_defect_is_logged_with_its_traceback_and_shown_without() -> None:
    desk = Desk(ZeroDivisionError("secret"))
    got = await desk.fetch("/v1/flights")
    (defect,) = (event for event in desk.events if isinstance(event, Defect))
    assert (defect.kind, defect.request_id) == ("ZeroDivisionError", got.json["request_id"])
    assert "Traceback" in defect.traceback
    assert b"ZeroDivision" not in got.body


# --- Paths -----------------------------------------------------------------------------------------------------------


async def test_it_is_alive_and_says_whether_it_is_ready() -> None:
    assert (await Desk(unready=EngineUnavailable("down")).fetch("/livez")).status == 200
    assert (await Desk(unready=EngineUnavailable("down")).fetch("/readyz")).status == 503
    assert (await Desk().fetch("/readyz")).status == 200


async def test_health_asks_for_no_identity_and_takes_no_writes() -> None:
    assert (await Desk().fetch("/livez", headers={"authorization": "Bearer bad"})).status == 200
    assert (await Desk().fetch("/livez", "POST")).status == 405
    assert (await Desk().fetch("/livez", "OPTIONS")).header("allow") == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ["/", "", "/nothing", "//v1/flights", "/problems/KP999", "/%00"])
async def test_an_unknown_path_is_not_found(path: str) -> None:
    assert (await Desk().fetch(path)).status == 404


async def test_a_misspelt_path_gets_a_suggestion() -> None:
    assert (await Desk().fetch("/livz")).json["hint"] == "did you mean '/livez'?"


async def test_a_path_that_is_not_encoded_is_malformed() -> None:
    assert (await Desk().fetch(b"/v1/flights/\xff")).status == 400


async def test_a_server_without_raw_paths_is_served_too() -> None:
    desk = Desk(ROW)
    await desk.fetch("/v1/airlines/x", raw_path=None, path="/v1/airlines/é/".rstrip("/"))
    assert desk.calls[0].values == ["é"]


# --- Who and when ----------------------------------------------------------------------------------------------------


async def test_a_call_says_who_asks_from_where_and_by_when() -> None:
    desk = Desk(options=HttpOptions(deadline_s=3))
    headers = {"authorization": "Bearer good", "host": "api.example", "x-request-id": "r1"}
    before = asyncio.get_running_loop().time()
    await desk.fetch("/v1/flights", headers=headers)
    (call,) = desk.calls
    assert (call.actor.id, call.address, call.host, call.request_id) == ("ada", "192.0.2.1", "api.example", "r1")
    assert 3 <= call.deadline - before < 4
    assert call.now.utcoffset() is not None


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\nb", "<script>", "é"])
async def test_a_strange_request_id_is_replaced(given: str) -> None:
    made = (await Desk().fetch("/v1/flights", headers={"x-request-id": given})).header("x-request-id")
    assert made is not None
    assert made != given
    assert len(made) == 16


async def test_request_ids_differ() -> None:
    desk = Desk()
    assert len({(await desk.fetch("/livez")).header("x-request-id") for _ in range(600)}) == 600


@pytest.mark.parametrize("name", ["authorization", "host", "content-length"])
async def test_a_header_that_makes_sense_once_is_taken_once(name: str) -> None:
    got = await Desk().fetch("/v1/flights", headers=[(name, "1"), (name, "1")])
    assert (got.status, got.json["code"]) == (400, "KP100")


async def test_a_list_may_come_in_several_headers() -> None:
    got = await Desk().fetch("/v1/flights", headers=[("accept", "text/html"), ("accept", "*/*")])
    assert got.status == 200


@pytest.mark.parametrize(("length", "status"), [("5", 200), ("1048577", 413), ("x", 400), ("-1", 400), ("9" * 30, 400)])
async def test_a_body_is_bounded(length: str, status: int) -> None:
    assert (await Desk().fetch("/v1/flights", headers={"content-length": length})).status == status


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.1", "1.1.1.1", "192.0.2.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "6.6.6.6, 1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "1.1.1.1, 10.0.0.2", "1.1.1.1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1, nonsense, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "10.0.0.3, " * 50 + "10.0.0.2", "10.0.0.3"),
        ("", "1.1.1.1", ""),
    ],
)
def test_only_our_proxies_are_believed(peer: str, forwarded: str, address: str) -> None:
    assert client_address(peer, forwarded.encode(), networks(("10.0.0.0/8", "::1"))) == address


async def test_behind_a_proxy_the_client_is_seen() -> None:
    desk = Desk(options=HttpOptions(trusted_proxies=("192.0.2.0/24",)))
    await desk.fetch("/v1/flights", headers={"x-forwarded-for": "1.1.1.1"})
    await desk.fetch("/v1/flights", client=None)
    assert [call.address for call in desk.calls] == ["1.1.1.1", ""]


def test_a_proxy_that_is_no_address_is_refused_at_start() -> None:
    with pytest.raises(DeclarationError, match="trusted_proxies"):
        networks(("ten",))


# --- CORS ------------------------------------------------------------------------------------------------------------

PAGE_ORIGIN = {"origin": "https://a.example"}


async def test_without_declared_origins_nothing_is_opened() -> None:
    got = await Desk().fetch("/v1/flights", headers=PAGE_ORIGIN)
    assert got.header("access-control-allow-origin") is None
    assert "Origin" not in (got.header("vary") or "")


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        (("https://a.example",), "https://a.example", "https://a.example"),
        (("https://a.example",), "https://b.example", None),
        (("https://a.example",), "https://a.example.evil", None),
        (("*",), "https://b.example", "*"),
    ],
)
async def test_declared_origins_may_read(origins: tuple[str, ...], origin: str, allowed: str | None) -> None:
    got = await Desk(options=HttpOptions(cors_origins=origins)).fetch("/v1/flights", headers={"origin": origin})
    assert got.header("access-control-allow-origin") == allowed
    assert ("Origin" in (got.header("vary") or "")) == (origins != ("*",))
    assert bool(got.header("access-control-expose-headers")) == bool(allowed)


async def test_errors_may_be_read_across_origins_too() -> None:
    desk = Desk(Forbidden("no"), HttpOptions(cors_origins=("https://a.example",)))
    got = await desk.fetch("/v1/flights", headers=PAGE_ORIGIN)
    assert (got.status, got.header("access-control-allow-origin")) == (403, "https://a.example")


@pytest.mark.parametrize("origin", ["https://a.example", "https://b.example"])
async def test_a_preflight_is_answered(origin: str) -> None:
    headers = {"origin": origin, "access-control-request-method": "GET"}
    got = await Desk(options=HttpOptions(cors_origins=("https://a.example",))).fetch(
        "/v1/flights", "OPTIONS", headers=headers
    )
    allowed = origin == "https://a.example"
    assert got.status == 204
    assert got.header("access-control-allow-methods") == (
        "GET, HEAD, OPTIONS, POST, PATCH, DELETE" if allowed else None
    )
    assert ("If-None-Match" in (got.header("access-control-allow-headers") or "")) == allowed


# --- Compression -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("", None),
        ("gzip", "gzip"),
        ("GZIP, deflate", "gzip"),
        ("gzip, zstd, br", "zstd"),
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("*", "zstd"),
        ("*;q=0.5, zstd;q=0", "gzip"),
        ("identity, gzip;q=0.5", None),
        ("br", None),
        ("gzip;q=banana", "gzip"),
        ("gzip," * 1_000, None),
    ],
)
def test_the_coding_is_the_one_the_caller_likes_best(accept: str, coding: str | None) -> None:
    assert coding_for(accept.encode()) == coding


async def test_a_long_body_is_compressed_and_its_tag_says_so() -> None:
    plain = await Desk(LONG).fetch("/v1/airlines/UA")
    zipped = await Desk(LONG).fetch("/v1/airlines/UA", headers={"accept-encoding": "gzip"})
    zstd = await Desk(LONG).fetch("/v1/airlines/UA", headers={"accept-encoding": "zstd"})
    assert gzip.decompress(zipped.body) == zstandard.decompress(zstd.body) == plain.body
    assert zipped.header("content-encoding") == "gzip"
    assert zipped.header("content-length") == str(len(zipped.body))
    assert zipped.header("etag") == (plain.header("etag") or "")[:-1] + '-gzip"'


async def test_a_short_body_is_not() -> None:
    got = await Desk(ROW).fetch("/v1/airlines/UA", headers={"accept-encoding": "gzip"})
    assert got.header("content-encoding") is None


async def test_head_and_not_modified_are_never_compressed() -> None:
    headers = {"accept-encoding": "gzip"}
    head = await Desk(LONG).fetch("/v1/airlines/UA", "HEAD", headers=headers)
    assert (head.header("content-encoding"), head.body) == (None, b"")
    tag = (await Desk(LONG).fetch("/v1/airlines/UA", headers=headers)).header("etag") or ""
    known = await Desk(LONG).fetch("/v1/airlines/UA", headers={**headers, "if-none-match": tag})
    assert (known.status, known.header("etag"), known.header("content-encoding")) == (304, tag, None)


# --- The log ---------------------------------------------------------------------------------------------------------


async def test_every_request_is_one_line_of_the_log() -> None:
    desk = Desk(ROW)
    await desk.fetch("/v1/airlines/UA?fields=name", headers={"authorization": "Bearer good", "x-request-id": "r1"})
    (event,) = desk.events
    assert isinstance(event, RequestEnded)
    assert (event.request_id, event.protocol, event.action, event.status) == ("r1", "rest", "airlines.get", 200)
    assert (event.actor, event.address, event.parameters, event.bytes_out) == ("ada", "192.0.2.1", ("fields",), 16)
    assert 0 < event.duration_s < 5


async def test_a_refusal_is_logged_without_what_the_caller_sent() -> None:
    desk = Desk()
    await desk.fetch("/v1/flights?count=hunter2", headers={"x-request-id": "r1"})
    refused, ended = desk.events
    assert refused == Refused("KP100", "count", "r1")
    assert isinstance(ended, RequestEnded)
    assert (ended.status, ended.error_code) == (400, "KP100")
    assert "hunter2" not in repr(desk.events)


# --- Other scopes ----------------------------------------------------------------------------------------------------


async def scope(app: Http, kind: str, *received: str) -> list[MutableMapping[str, Any]]:
    waiting = [{"type": one} for one in received]
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return waiting.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await app({"type": kind}, receive, send)
    return sent


def living(lifespan: Lifespan) -> Http:
    async def ready() -> None: ...

    return Http(Door({}, lambda _: ANONYMOUS, ready, lifespan=lifespan))


async def test_the_app_is_started_and_stopped() -> None:
    done: list[str] = []

    async def start() -> None:
        done.append("start")

    async def stop() -> None:
        done.append("stop")

    sent = await scope(living(Lifespan(start, stop)), "lifespan", "lifespan.startup", "lifespan.shutdown")
    assert done == ["start", "stop"]
    assert [one["type"] for one in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize(
    ("error", "said"),
    [(DeclarationError("no such field", at="a.py:3"), "a.py:3: no such field"), (ValueError("x"), "Traceback")],
)
async def test_a_failed_start_is_told_to_the_server(error: Exception, said: str) -> None:
    async def start() -> None:
        raise error

    (sent,) = await scope(living(Lifespan(start)), "lifespan", "lifespan.startup")
    assert sent["type"] == "lifespan.startup.failed"
    assert sent["message"].startswith(said)


async def test_a_websocket_is_closed_before_it_opens() -> None:
    sent = await scope(Desk().http, "websocket", "websocket.connect")
    assert sent == [{"type": "websocket.close", "code": 1000}]


async def test_a_handler_that_is_cancelled_stays_cancelled() -> None:
    async def handle(request: HttpRequest) -> HttpResponse:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await Desk(handler=handle).fetch("/v1/flights")
