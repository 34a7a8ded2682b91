"""A team's own actions in the contract: a POST each, its arguments an object."""

from __future__ import annotations

from collections.abc import Iterator

from kingpost.api.rest.body import JSON
from kingpost.api.rest.describe.operations import Described, shared
from kingpost.api.rest.describe.parameters import key_name, key_parameters
from kingpost.api.rest.describe.problems import WRITE, refusals
from kingpost.api.rest.describe.rows import CHANGES, NEW
from kingpost.api.rest.describe.values import Schema, field_schema, or_null, reference, type_schema
from kingpost.api.rest.grammar import BASE
from kingpost.model.manifest import Action, Argument, Entity, Manifest
from kingpost.model.names import kebab
from kingpost.query.operations import LIMIT_MAX, ROWS_WRITTEN_MAX

APP_TAG = "actions"


def action_operations(manifest: Manifest) -> Iterator[Described]:
    """Each action that has a path of its own."""
    for action in manifest.actions:
        if action.handler is None or action.replaces is not None:
            continue
        entity = None if action.entity is None else manifest.entities[action.entity]
        yield Described(_path(action, entity), "post", _operation(action, entity, manifest))


def _path(action: Action, entity: Entity | None) -> str:
    word = kebab(action.name)
    if entity is None:
        return f"{BASE}{word}"
    return f"{BASE}{entity.path}/{key_name(entity)}:{word}" if action.on == "row" else f"{BASE}{entity.path}:{word}"


def _operation(action: Action, entity: Entity | None, manifest: Manifest) -> Schema:
    on_row = entity is not None and action.on == "row"
    given = [one for one in action.arguments if not (on_row and one is action.subject)]
    parameters = [*key_parameters(entity), shared("If-Match")] if entity is not None and on_row else []
    summary = (action.doc or action.name.replace("_", " ")).splitlines()[0].strip().rstrip(".")
    told: Schema = {
        "operationId": f"{entity.plural if entity else manifest.app}_{action.name}",
        "summary": summary,
        "description": action.doc or f"{summary}.",
        "tags": [entity.name if entity else APP_TAG],
        "parameters": [*parameters, shared("Idempotency-Key")],
        "responses": {**_answer(action), **refusals(WRITE)},
    }
    if given:
        required = any(one.required for one in given)
        told["requestBody"] = {"required": required, "content": {JSON: {"schema": _arguments(given, manifest)}}}
    if action.deprecated:
        told["deprecated"] = True
    return told


def _arguments(given: list[Argument], manifest: Manifest) -> Schema:
    required = [one.name for one in given if one.required]
    schema: Schema = {
        "type": "object",
        "properties": {one.name: _argument(one, manifest) for one in given},
        "additionalProperties": False,
    }
    return {**schema, "required": required} if required else schema


def _argument(argument: Argument, manifest: Manifest) -> Schema:
    if argument.entity is None:
        return field_schema(argument.field)
    entity = manifest.entities[argument.entity]
    schemas: dict[str, Schema] = {
        "row": _key(entity),
        "rows": _many(_key(entity)),
        "new": reference(f"{NEW}{entity.name}"),
        "new_rows": _many(reference(f"{NEW}{entity.name}")),
        "changes": reference(f"{CHANGES}{entity.name}"),
    }
    schema = schemas[argument.kind]
    return or_null(schema) if argument.field.nullable else schema


def _key(entity: Entity) -> Schema:
    parts = [type_schema(entity.fields[name].type) for name in entity.key]
    if len(parts) == 1:
        return parts[0]
    return {"type": "array", "prefixItems": parts, "minItems": len(parts), "maxItems": len(parts)}


def _many(one: Schema) -> Schema:
    return {"type": "array", "items": one, "maxItems": ROWS_WRITTEN_MAX}


def _answer(action: Action) -> Schema:
    nothing: Schema = {"204": {"description": "It is done, and there is nothing to show."}}
    returns = action.returns
    if returns.entity is None and returns.type is None:
        return nothing
    if returns.entity is not None:
        row = reference(returns.entity)
        schema = {"type": "array", "items": row, "maxItems": LIMIT_MAX} if action.result == "rows" else row
    else:
        assert returns.type is not None
        schema = type_schema(returns.type)
    answer: Schema = {"200": {"description": "What it returns.", "content": {JSON: {"schema": schema}}}}
    return {**answer, **nothing} if returns.nullable else answer
