"""The REST handler of everything but reads: find out what is meant, split it, ask, write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from msgspec import structs

from kingpost.api.message import HttpRequest, HttpResponse
from kingpost.api.rest.actions import Actions
from kingpost.api.rest.body import JSON, JSON_PATCH, MERGE_PATCH, an_object, decoded, media_type, rows_of
from kingpost.api.rest.change_response import Done, batched, counted, deleted, nothing_there, written_row, written_rows
from kingpost.api.rest.grammar import BASE
from kingpost.api.rest.parts import Taking, has_rows_inside, placed_error
from kingpost.api.rest.patch import merged, patched
from kingpost.api.rest.preconditions import ANY, Precondition, idempotency_key, precondition
from kingpost.api.rest.read import Reader
from kingpost.api.rest.read_write import WriteReader
from kingpost.api.rest.skeleton import split
from kingpost.api.rest.split_write import Target, Verb, numbered, split_row, split_rows
from kingpost.call import Answer, Call, Read, Service, Skeleton
from kingpost.errors import Invalid, KingpostError, Malformed, NotOffered, Stale
from kingpost.model.manifest import Entity
from kingpost.model.types import Scalar

COLLECTION = ("GET", "HEAD", "OPTIONS", "POST", "PATCH", "DELETE")
ROW = ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE")
ONLY_POST = ("OPTIONS", "POST")
BATCH = "batch"
PATCHES = (MERGE_PATCH, JSON, JSON_PATCH)
ATTEMPTS_MAX = 5


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

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """The response to a request."""
        path = request.path[len(BASE) :]
        action = self.actions.find(path)
        if action is None and path != BATCH:
            return await self._on_rows(request, *self._target(request))
        if request.method == "OPTIONS":
            return options(ONLY_POST)
        if request.method != "POST":
            raise not_offered(request.method, ONLY_POST)
        if action is not None:
            return await self.actions.answer(action, request, self._asking(request))
        return await self._batch(request)

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

    async def _on_rows(self, request: HttpRequest, entity: Entity, target: Target) -> HttpResponse:
        offered = ROW if target.key else COLLECTION
        if request.method == "OPTIONS":
            return options(offered)
        if request.method not in offered:
            raise not_offered(request.method, offered)
        match request.method, bool(target.key):
            case "POST", _:
                return await self._post(request, entity, target)
            case "PUT", _:
                return await self._put(request, target)
            case "PATCH", True:
                return await self._patch(request, entity, target)
            case "PATCH", False:
                return await self._patch_all(request, target)
            case _:
                return await self._delete(request, target)

    # --- Methods -----------------------------------------------------------------------------------------------------

    async def _post(self, request: HttpRequest, entity: Entity, target: Target) -> HttpResponse:
        media_type(request, (JSON,))
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
        """A row with related rows inside, as one; answered as the row itself, with what was asked to be included."""
        taking = Taking(self.reads.manifest, self.reader)
        name = taking.nested(entity, row, target)
        answer = await self._together(request, taking)
        number = next(at for at, one in enumerate(taking.placed) if one.part.name == name)
        return written_row(answer.parts[number], _done(request, target, "create"))

    async def _put(self, request: HttpRequest, target: Target) -> HttpResponse:
        media_type(request, (JSON,))
        supposed = precondition(request)
        row = an_object(decoded(request.body))
        if supposed.there and supposed.versions is None:
            raise Malformed("If-Match: * is not taken by PUT", hint="use PATCH, or a version", where="If-Match")
        answer = await self._supposing("upsert", request, target, row, supposed)
        return written_row(answer, _done(request, target, "upsert"))

    async def _patch(self, request: HttpRequest, entity: Entity, target: Target) -> HttpResponse:
        kind = media_type(request, PATCHES)
        supposed, body = precondition(request), decoded(request.body)
        if supposed.new:
            raise Stale("there is such a row, or none to change", hint="leave out If-None-Match")
        done = _done(request, target, "update")
        if kind == JSON_PATCH:
            return written_row(await self._rewritten(request, target, supposed, lambda row: patched(row, body)), done)
        changes = an_object(body)
        if any(isinstance(value, dict) and _is_json(entity, name) for name, value in changes.items()):
            answer = await self._rewritten(request, target, supposed, lambda row: _merged(row, changes, entity))
            return written_row(answer, done)
        return written_row(await self._supposing("update", request, target, changes, supposed), done)

    async def _patch_all(self, request: HttpRequest, target: Target) -> HttpResponse:
        media_type(request, (MERGE_PATCH, JSON))
        _refuse_conditions(request)
        changes = an_object(decoded(request.body))
        return counted(
            await self._call(request, *split_row("update", target, changes)), _done(request, target, "update")
        )

    async def _delete(self, request: HttpRequest, target: Target) -> HttpResponse:
        done = _done(request, target, "delete")
        if not target.key:
            _refuse_conditions(request)
            return counted(await self._call(request, *split_row("delete", target, {})), done)
        supposed = precondition(request)
        if supposed.new:
            raise Stale("there is such a row, or none to delete", hint="leave out If-None-Match")
        await self._supposing("delete", request, target, {}, supposed)
        return deleted(done)

    async def _batch(self, request: HttpRequest) -> HttpResponse:
        media_type(request, (JSON,))
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

    async def _supposing(
        self, verb: Verb, request: HttpRequest, target: Target, row: dict[str, Any], supposed: Precondition
    ) -> Answer:
        """Try each version that If-Match names; a row has but one, so at most one can succeed."""
        versions = supposed.versions or (None,)
        for number, version in enumerate(versions, 1):
            one = supposed if version is None else replace(supposed, versions=(version,))
            try:
                return await self._call(request, *split_row(verb, target, row, one))
            except Stale:
                if number == len(versions):
                    raise
        raise AssertionError("the last version returns or raises")

    async def _rewritten(
        self, request: HttpRequest, target: Target, supposed: Precondition, rewrite: Callable[[Any], Any]
    ) -> Answer:
        """Read the row, change its JSON, write what is different if nobody came between; else do it all again."""
        for attempt in range(1, ATTEMPTS_MAX + 1):
            found = await self._row(request, target)
            if supposed.versions is not None and found.version not in supposed.versions:
                raise Stale("the row was changed since you read it", hint="read it again, and decide anew")
            row = msgspec.json.decode(found.body or b"{}")
            new = an_object(rewrite(row))
            changes = {name: value for name, value in new.items() if name not in row or row[name] != value}
            changes |= dict.fromkeys(row.keys() - new.keys())
            version = Precondition((found.version or 0,), there=True)
            try:
                return await self._call(request, *split_row("update", target, changes, version))
            except Stale:
                if attempt == ATTEMPTS_MAX or supposed.versions is not None:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _row(self, request: HttpRequest, target: Target) -> Answer:
        keys = (f"key={len(target.key)}",) if len(target.key) > 1 else ()
        read = _call(request, ("rest", "get", target.collection, *keys), target.key, self.reads)
        found = await self.ask(structs.replace(read, idempotency_key=""))
        if found.body is None:
            raise nothing_there(target.collection)
        return found

    async def _together(self, request: HttpRequest, taking: Taking) -> Answer:
        try:
            return await self._call(request, ("rest", BATCH), [one.part for one in taking.placed])
        except KingpostError as error:
            placed_error(error, taking.placed)
            raise


def options(offered: tuple[str, ...]) -> HttpResponse:
    """The answer to OPTIONS."""
    headers = [(b"allow", ", ".join(offered).encode())]
    if "PATCH" in offered:
        headers.append((b"accept-patch", ", ".join(PATCHES).encode()))
    return HttpResponse(204, headers, action="options")


def not_offered(method: str, offered: tuple[str, ...]) -> NotOffered:
    """The method is not offered at this path."""
    return NotOffered(f"{method[:20]} is not offered here", offered=offered)


def _call(request: HttpRequest, skeleton: Skeleton, values: Sequence[object], read: Read) -> Call:
    who = request.actor, request.now, request.deadline, request.address, request.host, request.request_id
    return Call(skeleton, values, read, *who, idempotency_key(request))


def _done(request: HttpRequest, target: Target, verb: str) -> Done:
    return Done(request, target.collection, verb, tuple(one.partition("=")[0] for one in target.parameters))


def _is_json(entity: Entity, name: str) -> bool:
    return name in entity.fields and entity.fields[name].type.scalar is Scalar.JSON


def _merged(row: dict[str, Any], changes: dict[str, Any], entity: Entity) -> dict[str, Any]:
    """The row with the changes; a field's null is a null, and within JSON it takes a member away."""
    return {
        **row,
        **{name: merged(row.get(name), one) if _is_json(entity, name) else one for name, one in changes.items()},
    }


def _refuse_conditions(request: HttpRequest) -> None:
    if precondition(request) != ANY:
        raise Malformed("a write of many rows takes neither If-Match nor If-None-Match")
