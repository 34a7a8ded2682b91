"""The REST handler of everything but reads: find out what is meant, split it, ask, write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from kingpost.api.idempotency import idempotency_key
from kingpost.api.message import HttpRequest, HttpResponse
from kingpost.api.rest.actions import Actions
from kingpost.api.rest.body import JSON, JSON_PATCH, MERGE_PATCH, an_object, decoded, media_type, rows_of
from kingpost.api.rest.change_response import Done, batched, counted, deleted, written_row, written_rows
from kingpost.api.rest.dependent import Dependent, depends, merges
from kingpost.api.rest.grammar import BASE
from kingpost.api.rest.parts import Taking, has_rows_inside, placed_error
from kingpost.api.rest.patch import pointed
from kingpost.api.rest.preconditions import Precondition, precondition, unconditional
from kingpost.api.rest.read import Reader
from kingpost.api.rest.read_write import WriteReader
from kingpost.api.rest.skeleton import split
from kingpost.api.rest.split_write import Target, numbered, split_row, split_rows
from kingpost.call import Answer, Call, Read, Service, Skeleton
from kingpost.errors import Conflict, Invalid, KingpostError, Malformed, NotOffered, Stale
from kingpost.model.manifest import Entity

COLLECTION = ("GET", "HEAD", "OPTIONS", "POST", "PATCH", "DELETE")
ROW = ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE")
ONLY_POST = ("OPTIONS", "POST")
ONLY_READ = ("GET", "HEAD", "OPTIONS")
BATCH = "batch"
PATCHES = (MERGE_PATCH, JSON, JSON_PATCH)
PATCHES_OF_MANY = (MERGE_PATCH, JSON)


@dataclass(frozen=True, slots=True)
class Writes:
    """Answers POST, PUT, PATCH, DELETE and OPTIONS below /v1.

    Args:
        reads: reads the skeletons of reads.
        reader: reads those of writes.
        actions: the team's own, by path.
        ask: what answers a call.
    """

    reads: Reader
    reader: WriteReader
    actions: Actions
    ask: Service[Call, Answer]

    def handle(self, request: HttpRequest) -> Awaitable[HttpResponse]:
        """The response to a request."""
        path = request.path[len(BASE) :]
        action = self.actions.find(path)
        if action is None and path != BATCH:
            return self._on_rows(request, *self._target(request)) if path else _of_index(request)
        if request.method == "OPTIONS":
            return _options(ONLY_POST, (JSON,))
        if request.method != "POST":
            raise not_offered(request.method, ONLY_POST)
        if action is not None:
            return self.actions.answer(action, request, self._asking(request))
        return self._batch(request)

    def is_post_only(self, path: str) -> bool:
        """Whether a path is that of the batch or of an action, where nothing can be read."""
        below = path[len(BASE) :]
        return below == BATCH or self.actions.find(below) is not None

    def _target(self, request: HttpRequest) -> tuple[Entity, Target]:
        """Which rows the request is about; an unknown collection is refused before its method is."""
        skeleton, values = split(request.path, request.query)
        entity = self.reads.entity(skeleton[2])
        if skeleton[1] == "list":
            return entity, Target(entity.path, (), skeleton[3:], tuple(values))
        marked = len(skeleton) > 3 and skeleton[3].startswith("key=")
        count = int(skeleton[3].removeprefix("key=")) if marked else 1
        key = tuple(str(value) for value in values[:count])
        return entity, Target(entity.path, key, skeleton[4 if marked else 3 :], tuple(values[count:]))

    def _on_rows(self, request: HttpRequest, entity: Entity, target: Target) -> Awaitable[HttpResponse]:
        offered = ROW if target.key else COLLECTION
        if request.method == "OPTIONS":
            return _options(ROW, (), PATCHES) if target.key else _options(COLLECTION, (JSON,), PATCHES_OF_MANY)
        if request.method not in offered:
            raise not_offered(request.method, offered)
        match request.method, bool(target.key):
            case "POST", _:
                return self._post(request, entity, target)
            case "PUT", _:
                return self._put(request, entity, target)
            case "PATCH", True:
                return self._patch(request, entity, target)
            case "PATCH", False:
                return self._patch_all(request, target)
            case _:
                return self._delete(request, entity, target)

    # --- Methods -----------------------------------------------------------------------------------------------------

    async def _post(self, request: HttpRequest, entity: Entity, target: Target) -> HttpResponse:
        media_type(request, (JSON,))
        unconditional(request, "creating rows")
        body = decoded(request.body)
        done = _done(request, target, "create")
        if isinstance(body, list):
            return written_rows(await self._create_all(request, target, rows_of(body)), done)
        row = an_object(body)
        if has_rows_inside(entity, row):
            return await self._post_nested(request, entity, target, row)
        return written_row(await self._call(request, *split_row("create", target, row)), done)

    async def _create_all(self, request: HttpRequest, target: Target, rows: list[Mapping[str, Any]]) -> Answer:
        try:
            return await self._call(request, *split_rows(target, rows))
        except Invalid as invalid:
            raise Invalid(numbered(invalid.details, rows)) from None

    async def _post_nested(
        self, request: HttpRequest, entity: Entity, target: Target, row: dict[str, Any]
    ) -> HttpResponse:
        """A row with related rows inside, as one; answered as the row with those in the places of its relations."""
        taking = Taking(self.reads.manifest, self.reader)
        made = taking.nested(entity, row, target)
        parts = (await self._together(request, taking)).parts
        answer = structs.replace(parts[made.number], body=made.body(parts))
        return written_row(answer, _done(request, target, "create"))

    async def _put(self, request: HttpRequest, entity: Entity, target: Target) -> HttpResponse:
        media_type(request, (JSON,))
        supposed = precondition(request)
        row = an_object(decoded(request.body))
        answer = await self._supposing(request, entity, Dependent("upsert", target, supposed, row))
        return written_row(answer, _done(request, target, "upsert"))

    async def _patch(self, request: HttpRequest, entity: Entity, target: Target) -> HttpResponse:
        kind = media_type(request, PATCHES)
        supposed, body = precondition(request), decoded(request.body)
        if supposed.new:
            raise Stale("there is such a row, or none to change", hint="leave out If-None-Match")
        done = _done(request, target, "update")
        if kind == JSON_PATCH:
            return written_row(await self._patched(request, entity, target, supposed, body), done)
        changes = an_object(body)
        if merges(entity, changes):
            merging = Dependent("update", target, supposed, changes, "merge")
            return written_row(await self._depending(request, entity, merging), done)
        return written_row(await self._supposing(request, entity, Dependent("update", target, supposed, changes)), done)

    async def _patched(
        self, request: HttpRequest, entity: Entity, target: Target, supposed: Precondition, body: object
    ) -> Answer:
        """A JSON Patch; what is wrong with a field it writes is said of the operation that writes it."""
        try:
            return await self._depending(request, entity, Dependent("update", target, supposed, body, "patch"))
        except Invalid as invalid:
            raise Invalid(pointed(invalid.details, body), hint=invalid.hint) from None
        except Conflict as conflict:
            conflict.faults = pointed(conflict.details, body)
            raise

    async def _patch_all(self, request: HttpRequest, target: Target) -> HttpResponse:
        media_type(request, PATCHES_OF_MANY)
        unconditional(request, "changing many rows")
        changes = an_object(decoded(request.body))
        return counted(
            await self._call(request, *split_row("update", target, changes)), _done(request, target, "update")
        )

    async def _delete(self, request: HttpRequest, entity: Entity, target: Target) -> HttpResponse:
        done = _done(request, target, "delete")
        if not target.key:
            unconditional(request, "deleting many rows")
            return counted(await self._call(request, *split_row("delete", target, {})), done)
        supposed = precondition(request)
        if supposed.new:
            raise Stale("there is such a row, or none to delete", hint="leave out If-None-Match")
        await self._supposing(request, entity, Dependent("delete", target, supposed, {}))
        return deleted(done)

    async def _batch(self, request: HttpRequest) -> HttpResponse:
        media_type(request, (JSON,))
        unconditional(request, "a batch")
        if request.query:
            raise Malformed("a batch takes no parameters")
        taking = Taking(self.reads.manifest, self.reader)
        taking.batch(decoded(request.body), self.reads.entities)
        answer = await self._together(request, taking)
        return batched(answer, [one.verb for one in taking.placed], Done(request, "", BATCH))

    # --- Asking ------------------------------------------------------------------------------------------------------

    def _asking(self, request: HttpRequest) -> Callable[[Skeleton, Sequence[object]], Awaitable[Answer]]:
        return lambda skeleton, values: self._call(request, skeleton, values)

    def _call(self, request: HttpRequest, skeleton: Skeleton, values: Sequence[object]) -> Awaitable[Answer]:
        return self.ask(_call(request, skeleton, values, self.reader))

    def _supposing(self, request: HttpRequest, entity: Entity, write: Dependent) -> Awaitable[Answer]:
        """A write of one row: by one statement, unless its precondition asks more."""
        if depends(write.verb, write.supposed):
            return self._depending(request, entity, write)
        return self._call(request, *split_row(write.verb, write.target, write.body, write.supposed))

    async def _depending(self, request: HttpRequest, entity: Entity, write: Dependent) -> Answer:
        """A write that follows from the row as it is."""
        parts = write.parts(entity, self.reads, self.reader)
        return (await self._call(request, ("rest", BATCH), parts)).parts[-1]

    async def _together(self, request: HttpRequest, taking: Taking) -> Answer:
        try:
            return await self._call(request, ("rest", BATCH), [one.part for one in taking.placed])
        except KingpostError as error:
            raise placed_error(error, taking.placed) from None


async def _options(
    offered: tuple[str, ...], posts: tuple[str, ...] = (), patches: tuple[str, ...] = ()
) -> HttpResponse:
    """The answer to OPTIONS, with the media types that POST (the Linked Data Platform, 7.1) and PATCH (RFC 5789) take."""
    headers = [(b"allow", ", ".join(offered).encode())]
    for name, taken in ((b"accept-post", posts), (b"accept-patch", patches)):
        if taken:
            headers.append((name, ", ".join(taken).encode()))
    return HttpResponse(204, headers, action="options")


def not_offered(method: str, offered: tuple[str, ...]) -> NotOffered:
    """The method is not offered at this path."""
    return NotOffered(f"{method[:20]} is not offered here", offered=offered)


def _call(request: HttpRequest, skeleton: Skeleton, values: Sequence[object], read: Read) -> Call:
    who = request.actor, request.now, request.deadline, request.address, request.host, request.request_id
    return Call(skeleton, values, read, *who, idempotency_key(request))


def _done(request: HttpRequest, target: Target, verb: str) -> Done:
    return Done(request, target.collection, verb, tuple(one.partition("=")[0] for one in target.parameters))


def _of_index(request: HttpRequest) -> Awaitable[HttpResponse]:
    if request.method == "OPTIONS":
        return _options(ONLY_READ)
    raise not_offered(request.method, ONLY_READ)
