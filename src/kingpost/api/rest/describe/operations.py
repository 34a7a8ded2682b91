"""The default operations on an entity's rows, as path items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kingpost.api.rest.body import JSON, JSON_PATCH, MERGE_PATCH
from kingpost.api.rest.describe.parameters import (
    filter_parameters,
    key_name,
    key_parameters,
    page_parameters,
    shape_parameters,
)
from kingpost.api.rest.describe.problems import READ, WRITE, refusals
from kingpost.api.rest.describe.rows import CHANGES, NEW, VALUES, count_schema
from kingpost.api.rest.describe.values import Schema, reference
from kingpost.api.rest.grammar import BASE
from kingpost.api.rest.patch import OPERATIONS_MAX
from kingpost.model.expressions import FALSE
from kingpost.model.manifest import Action, Entity, Manifest
from kingpost.query.operations import ROWS_WRITTEN_MAX

_LISTED = """\
Filters stand beside each other and have to hold all: `field=value` or `field[operator]=value`. Those of an entity's own
fields and of the entities its Refs lead to are listed; by the same rule a name leads on through any number of relations,
`origin.faa=JFK`, and through a Many by `some`, `every` or `none`. Groups are `or=(a=1,b[gt]=2)`, `and=(…)` and `not=(…)`.
`group=`, `aggregate=` and `having=` fold the rows."""


@dataclass(frozen=True, slots=True)
class Described:
    """One operation and where it stands."""

    path: str
    method: str
    operation: Schema


def operations(entity: Entity, manifest: Manifest) -> Iterator[Described]:
    """The operations on rows of an entity that anybody may be let do."""
    offered = {one.name: one for one in manifest.actions if one.entity == entity.name and _is_offered(one)}
    collection, row = f"{BASE}{entity.path}", f"{BASE}{entity.path}/{key_name(entity)}"
    if "list" in offered:
        yield Described(collection, "get", _list(entity, manifest))
    if "get" in offered:
        yield Described(row, "get", _get(entity))
    if "create" in offered:
        yield Described(collection, "post", _create(entity))
    if "upsert" in offered:
        yield Described(row, "put", _put(entity))
    if "update" in offered:
        yield Described(row, "patch", _patch(entity))
        if not offered["update"].replaces:
            yield Described(collection, "patch", _patch_all(entity, manifest))
    if "delete" in offered:
        yield Described(row, "delete", _delete(entity))
        if not offered["delete"].replaces:
            yield Described(collection, "delete", _delete_all(entity, manifest))


def _is_offered(action: Action) -> bool:
    return (action.handler is None or action.replaces is not None) and (
        action.effect == "read" or action.policy != FALSE
    )


def _list(entity: Entity, manifest: Manifest) -> Schema:
    page = _answer(
        "A page of rows.", f"{entity.name}Page", {"Link": "Where the next and the previous page are (RFC 8288)."}
    )
    parameters = [*_filters(entity, manifest), *shape_parameters(entity), *page_parameters(entity)]
    told = operation(entity, "list", f"List {entity.path}", _LISTED, {"200": page, **refusals(READ)})
    return {**told, "parameters": parameters}


def _get(entity: Entity) -> Schema:
    answers = {"200": _row_of(entity, "The row."), "304": {"description": "It is as If-None-Match has it."}}
    told = operation(entity, "get", f"Get one of the {entity.path}", "", {**answers, **refusals(READ)})
    return {**told, "parameters": [*key_parameters(entity), *shape_parameters(entity), shared("If-None-Match")]}


def _create(entity: Entity) -> Schema:
    one, many = reference(f"{NEW}{entity.name}"), {"type": "array", "items": reference(f"{NEW}{entity.name}")}
    body = {"oneOf": [one, {**many, "minItems": 1, "maxItems": ROWS_WRITTEN_MAX}]}
    made = {"oneOf": [reference(entity.name), reference(f"{entity.name}Made")]}
    answer = {
        "description": "The row, or the rows in the order in which they were given.",
        "headers": {**_tagged(), "Location": _header("Where the row is.")},
        "content": {JSON: {"schema": made}},
    }
    said = "One row by an object, several by an array: then all or none. Related rows may stand inside of one."
    told = operation(entity, "create", f"Create {entity.path}", said, {"201": answer, **refusals(WRITE)})
    return {**told, "parameters": [*shape_parameters(entity), *_preferring()], "requestBody": _body({JSON: body})}


def _put(entity: Entity) -> Schema:
    made = {**_row_of(entity, "The row, which is new."), "headers": {**_tagged(), "Location": _header("Where it is.")}}
    answers = {"200": _row_of(entity, "The row."), "201": made, "204": _nothing(), **refusals(WRITE)}
    said = "A new row, or in place of the one there. What the body does not name takes its default."
    told = operation(entity, "upsert", f"Put one of the {entity.path}", said, answers)
    body = _body({JSON: reference(f"{VALUES}{entity.name}")})
    return {**told, "parameters": _of_one(entity), "requestBody": body}


def _patch(entity: Entity) -> Schema:
    changes = reference(f"{CHANGES}{entity.name}")
    answers = {"200": _row_of(entity, "The row."), "204": _nothing(), **refusals(WRITE)}
    said = "A merge patch (RFC 7396), or by its media type a JSON Patch (RFC 6902)."
    told = operation(entity, "update", f"Change one of the {entity.path}", said, answers)
    body = _body({MERGE_PATCH: changes, JSON: changes, JSON_PATCH: reference("JsonPatch")})
    return {**told, "parameters": _of_one(entity), "requestBody": body}


def _delete(entity: Entity) -> Schema:
    told = operation(entity, "delete", f"Delete one of the {entity.path}", "", {"204": _nothing(), **refusals(WRITE)})
    return {**told, "parameters": [*key_parameters(entity), *_conditional(), shared("Idempotency-Key")]}


def _patch_all(entity: Entity, manifest: Manifest) -> Schema:
    said = "All rows of the filter, of which there has to be one, in one transaction."
    told = operation(entity, "updateAll", f"Change {entity.path} by a filter", said, _counted())
    changes = reference(f"{CHANGES}{entity.name}")
    parameters = [*_filters(entity, manifest), shared("Idempotency-Key")]
    return {**told, "parameters": parameters, "requestBody": _body({JSON: changes, MERGE_PATCH: changes})}


def _delete_all(entity: Entity, manifest: Manifest) -> Schema:
    said = "All rows of the filter, of which there has to be one, in one transaction."
    told = operation(entity, "deleteAll", f"Delete {entity.path} by a filter", said, _counted())
    return {**told, "parameters": [*_filters(entity, manifest), shared("Idempotency-Key")]}


def operation(entity: Entity, verb: str, summary: str, said: str, responses: Schema) -> Schema:
    """What every operation on an entity says."""
    return {
        "operationId": f"{entity.plural}_{verb}",
        "summary": summary,
        "description": said or f"{summary}.",
        "tags": [entity.name],
        "responses": responses,
    }


def shared(name: str) -> Schema:
    """A parameter that several operations have, by its name in the document."""
    return {"$ref": f"#/components/parameters/{name}"}


def header_parameters() -> Schema:
    """The headers that requests may have, by name."""
    said = {
        "If-Match": "The ETag that the row has to have (RFC 9110, 13.1.1).",
        "If-None-Match": "An ETag: an unchanged row is not sent again (RFC 9110, 13.1.2); on PUT `*` creates only.",
        "Idempotency-Key": "The same request under the same key is done once, and answered the same again.",
        "Prefer": "`return=minimal` leaves the row out of the answer (RFC 7240).",
    }
    patterns = {"Idempotency-Key": "^[\\x21\\x23-\\x5b\\x5d-\\x7e]{1,255}$"}
    return {
        name: {
            "name": name,
            "in": "header",
            "description": text,
            "required": False,
            "schema": {"type": "string", "maxLength": 255, **({"pattern": patterns[name]} if name in patterns else {})},
        }
        for name, text in said.items()
    }


def patch_schema() -> Schema:
    """A JSON Patch (RFC 6902)."""
    path = {"type": "string", "maxLength": 1_000, "pattern": "^(/.*)?$"}
    step = {
        "type": "object",
        "properties": {
            "op": {"type": "string", "enum": ["add", "remove", "replace", "move", "copy", "test"]},
            "path": path,
            "from": path,
            "value": {"description": "Any JSON that the field holds."},
        },
        "required": ["op", "path"],
    }
    return {"type": "array", "description": "A JSON Patch (RFC 6902).", "items": step, "maxItems": OPERATIONS_MAX}


def _filters(entity: Entity, manifest: Manifest) -> list[Schema]:
    return [shared(name) for name in filter_parameters(entity, manifest)]


def _of_one(entity: Entity) -> list[Schema]:
    return [*key_parameters(entity), *shape_parameters(entity), *_conditional(), *_preferring()]


def _conditional() -> list[Schema]:
    return [shared("If-Match"), shared("If-None-Match")]


def _preferring() -> list[Schema]:
    return [shared("Prefer"), shared("Idempotency-Key")]


def _row_of(entity: Entity, said: str) -> Schema:
    return {"description": said, "headers": _tagged(), "content": {JSON: {"schema": reference(entity.name)}}}


def _answer(said: str, schema: str, headers: dict[str, str]) -> Schema:
    return {
        "description": said,
        "headers": {name: _header(text) for name, text in headers.items()},
        "content": {JSON: {"schema": reference(schema)}},
    }


def _tagged() -> Schema:
    return {"ETag": _header("Its version and the hash of this body (RFC 9110, 8.8.3).")}


def _header(said: str) -> Schema:
    return {"description": said, "schema": {"type": "string", "maxLength": 8_000}}


def _nothing() -> Schema:
    return {"description": "It is done, and there is nothing to show."}


def _counted() -> Schema:
    body = {
        "type": "object",
        "properties": {"count": count_schema()},
        "required": ["count"],
        "additionalProperties": False,
    }
    return {"200": {"description": "How many rows.", "content": {JSON: {"schema": body}}}, **refusals(WRITE)}


def _body(contents: Schema) -> Schema:
    return {"required": True, "content": {name: {"schema": schema} for name, schema in contents.items()}}
