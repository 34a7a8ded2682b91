"""The REST handler: split, ask, write."""

from __future__ import annotations

from collections.abc import Awaitable

import msgspec

from kingpost.api.message import JSON_TYPE, Handler, HttpRequest, HttpResponse
from kingpost.api.negotiate import check_accept
from kingpost.api.rest.actions import actions
from kingpost.api.rest.describe import openapi
from kingpost.api.rest.grammar import BASE
from kingpost.api.rest.read import reader
from kingpost.api.rest.read_write import WriteReader
from kingpost.api.rest.skeleton import split
from kingpost.api.rest.write import CACHE_CONTROL, write
from kingpost.api.rest.writes import ONLY_POST, Writes, not_offered
from kingpost.call import Answer, Call, Service
from kingpost.errors import NotFound
from kingpost.model.manifest import Manifest


def rest(manifest: Manifest, ask: Service[Call, Answer]) -> Handler:
    """Serve a manifest's collections under /v1, and an index of them at /v1/ itself.

    Args:
        manifest: whose collections.
        ask: what answers a call.
    """
    read = reader(manifest)
    writes = Writes(read, WriteReader(read), actions(manifest), ask)
    index = _index(manifest)

    def handle(request: HttpRequest) -> Awaitable[HttpResponse]:
        return answered(request) if request.method in ("GET", "HEAD") else writes.handle(request)

    async def answered(request: HttpRequest) -> HttpResponse:
        # Paths with a colon are few; the others that take nothing but POST are unknown collections.
        if ":" in request.path and writes.is_post_only(request.path):
            raise not_offered(request.method, ONLY_POST)
        check_accept(request.headers.get(b"accept", b""))
        if len(request.path) <= len(BASE):
            return index
        skeleton, values = split(request.path, request.query)
        # By position: keywords cost as much as the Call itself.
        call = Call(
            skeleton, values, read, request.actor, request.now, request.deadline, request.address, request.host,
            request.request_id,
        )  # fmt: skip
        try:
            answer = await ask(call)
        except NotFound:
            if writes.is_post_only(request.path):
                raise not_offered(request.method, ONLY_POST) from None
            raise
        return write(answer, skeleton, request)

    return handle


def contract(manifest: Manifest) -> HttpResponse:
    """The OpenAPI document, as it is served."""
    headers = [JSON_TYPE, (b"cache-control", b"no-cache")]
    return HttpResponse(200, headers, msgspec.json.encode(openapi(manifest)), action="openapi")


def _index(manifest: Manifest) -> HttpResponse:
    collections = {entity.path: BASE + entity.path for entity in manifest.entities.values()}
    body = msgspec.json.encode({"app": manifest.app, "collections": collections})
    return HttpResponse(200, [JSON_TYPE, CACHE_CONTROL], body, action="index")
