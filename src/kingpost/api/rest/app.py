"""The REST handler: split, ask, write."""

from __future__ import annotations

import msgspec

from kingpost.api.message import JSON_TYPE, Handler, HttpRequest, HttpResponse
from kingpost.api.negotiate import check_accept
from kingpost.api.rest.grammar import BASE
from kingpost.api.rest.read import Reader, reader
from kingpost.api.rest.skeleton import split
from kingpost.api.rest.write import CACHE_CONTROL, write
from kingpost.call import Answer, Call, Service
from kingpost.errors import NotOffered
from kingpost.model.manifest import Manifest

METHODS = ("GET", "HEAD", "OPTIONS")
ALLOW = (b"allow", ", ".join(METHODS).encode())


def rest(manifest: Manifest, ask: Service[Call, Answer]) -> Handler:
    """Serve a manifest's collections under /v1, and an index of them at /v1/ itself.

    Args:
        manifest: whose collections.
        ask: what answers a call.
    """
    read = reader(manifest)
    index = _index(manifest)

    async def handle(request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return _without_reading(request, read)
        check_accept(request.headers.get(b"accept", b""))
        if len(request.path) <= len(BASE):
            return index
        skeleton, values = split(request.path, request.query)
        # By position: keywords cost as much as the Call itself.
        who = request.actor, request.now, request.deadline, request.address, request.host, request.request_id
        return write(await ask(Call(skeleton, values, read, *who)), skeleton, request)

    return handle


def _without_reading(request: HttpRequest, read: Reader) -> HttpResponse:
    """The answer to OPTIONS; other methods are refused, but only where there is something to refuse them on."""
    collection = request.path[len(BASE) :].partition("/")[0]
    if collection:
        read.entity(collection)
    if request.method == "OPTIONS":
        return HttpResponse(204, [ALLOW], action="options")
    raise NotOffered(f"{request.method[:20]} is not offered here", offered=METHODS)


def _index(manifest: Manifest) -> HttpResponse:
    collections = {entity.path: BASE + entity.path for entity in manifest.entities.values()}
    body = msgspec.json.encode({"app": manifest.app, "collections": collections})
    return HttpResponse(200, [JSON_TYPE, CACHE_CONTROL], body, action="index")
