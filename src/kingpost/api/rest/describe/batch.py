"""The batch in the contract: several writes of several collections, as one."""

from __future__ import annotations

from collections.abc import Sequence

from kingpost.api.rest.body import JSON
from kingpost.api.rest.describe.operations import Described, shared
from kingpost.api.rest.describe.problems import WRITE, refusals
from kingpost.api.rest.describe.values import Schema, reference
from kingpost.api.rest.grammar import BASE
from kingpost.api.rest.parts import OPERATIONS_MAX
from kingpost.model.manifest import Entity

TAG = "batch"
_NAME_MAX = 100


def batch_operation() -> Described:
    """`POST /v1/batch`."""
    said = (
        'The operations are done in order, in one transaction. `{"$ref": "f"}` is the key of what the operation named '
        '`f` wrote, `{"$ref": "f.number"}` a field of its row.'
    )
    answer = {"description": "What came of each.", "content": {JSON: {"schema": reference("BatchResults")}}}
    operation: Schema = {
        "operationId": "batch",
        "summary": "Do several writes as one",
        "description": said,
        "tags": [TAG],
        "parameters": [shared("Prefer"), shared("Idempotency-Key")],
        "requestBody": {"required": True, "content": {JSON: {"schema": reference("Batch")}}},
        "responses": {"200": answer, **refusals(WRITE)},
    }
    return Described(f"{BASE}batch", "post", operation)


def batch_schemas(entities: Sequence[Entity]) -> Schema:
    """What a batch takes and answers."""
    paths = {"type": "string", "enum": sorted(one.path for one in entities)}
    body = {"description": "A row's values by field, as a POST, PATCH or PUT takes them; of a create also several."}
    key = {"description": "The row's key: a value, of a composite one an array of them, or a reference."}
    version = {"type": ["string", "integer"], "maxLength": 200, "description": "The version the row has to have."}
    name = {"type": "string", "minLength": 1, "maxLength": _NAME_MAX, "description": "By which later ones refer to it."}
    parts = {
        "create": (["body"], {"body": body, "as": name}),
        "update": (["key", "body"], {"key": key, "body": body, "if_match": version, "as": name}),
        "upsert": (["key", "body"], {"key": key, "body": body, "if_match": version, "as": name}),
        "delete": (["key"], {"key": key, "if_match": version}),
    }
    each = [
        {
            "type": "object",
            "properties": {verb: paths, **members},
            "required": [verb, *needed],
            "additionalProperties": False,
        }
        for verb, (needed, members) in parts.items()
    ]
    result = {
        "type": "object",
        "properties": {
            "status": {"type": "integer", "format": "int32", "minimum": 200, "maximum": 204},
            "body": {"description": "The row, or the rows of a create of several."},
            "etag": {"type": "string", "maxLength": 200},
            "key": {"type": "array", "items": {"description": "A part of the key."}, "maxItems": 16},
        },
        "required": ["status"],
        "additionalProperties": False,
    }
    listed = {"type": "array", "items": {"oneOf": each}, "minItems": 1, "maxItems": OPERATIONS_MAX}
    results = {"type": "array", "items": result, "maxItems": OPERATIONS_MAX}
    return {"Batch": _holding("operations", listed), "BatchResults": _holding("results", results)}


def _holding(name: str, schema: Schema) -> Schema:
    return {"type": "object", "properties": {name: schema}, "required": [name], "additionalProperties": False}
