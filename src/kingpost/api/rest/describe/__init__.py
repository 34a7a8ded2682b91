"""The contract of REST: an OpenAPI 3.1 document, made from the manifest alone. Pure."""

from __future__ import annotations

from kingpost.api.rest.describe.actions import action_operations
from kingpost.api.rest.describe.batch import batch_operation, batch_schemas
from kingpost.api.rest.describe.operations import Described, header_parameters, operations, patch_schema
from kingpost.api.rest.describe.parameters import filter_parameters
from kingpost.api.rest.describe.problems import problem_responses, problem_schemas
from kingpost.api.rest.describe.rows import (
    CHANGES,
    NEW,
    VALUES,
    changes_schema,
    inner_name,
    made_schema,
    new_schema,
    page_schema,
    row_schema,
    values_schema,
)
from kingpost.api.rest.describe.values import Schema
from kingpost.model.manifest import Entity, Manifest

VERSION = "3.1.0"


def openapi(manifest: Manifest) -> Schema:
    """The document of an app.

    Args:
        manifest: what the app declares.

    Returns:
        JSON (OpenAPI 3.1.0): every operation that anybody may be let do, whoever asks for the document.
    """
    entities = list(manifest.entities.values())
    described = [one for entity in entities for one in operations(entity, manifest)]
    writes = any(one.method != "get" for one in described)
    described += action_operations(manifest)
    if writes:
        described.append(batch_operation())
    return {
        "openapi": VERSION,
        "info": {
            "title": manifest.app,
            "version": "1",
            "description": f"The data and actions of {manifest.app}, as its model declares them.",
            "contact": {"name": f"Whoever runs {manifest.app}"},
            "license": {"name": "All rights reserved", "identifier": "LicenseRef-All-Rights-Reserved"},
        },
        "servers": [{"url": "/", "description": "Where this document is served."}],
        "tags": _tags(described, entities),
        "paths": _paths(described),
        "security": [{}, {"bearer": []}],
        "components": {
            "schemas": _used(_schemas(entities, writes=writes), described),
            "responses": problem_responses(),
            "parameters": _parameters(entities, manifest, described),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A signed token."}
            },
        },
    }


def _paths(described: list[Described]) -> Schema:
    paths: Schema = {}
    for one in described:
        paths.setdefault(one.path, {})[one.method] = one.operation
    return paths


def _tags(described: list[Described], entities: list[Entity]) -> list[Schema]:
    used = dict.fromkeys(tag for one in described for tag in one.operation["tags"])
    said = {entity.name: entity.doc or f"The {entity.path}." for entity in entities}
    return [{"name": tag, "description": said.get(tag, f"What belongs to no one collection: {tag}.")} for tag in used]


def _schemas(entities: list[Entity], *, writes: bool) -> Schema:
    schemas = problem_schemas()
    for entity in entities:
        schemas[entity.name] = row_schema(entity)
        schemas[f"{entity.name}Page"] = page_schema(entity)
        schemas[f"{entity.name}Made"] = made_schema(entity)
        schemas[f"{NEW}{entity.name}"] = new_schema(entity)
        schemas[f"{CHANGES}{entity.name}"] = changes_schema(entity)
        schemas[f"{VALUES}{entity.name}"] = values_schema(entity)
        for relation in entity.relations.values():
            if relation.many and relation.middle is None and relation.back is not None:
                target = next(one for one in entities if one.name == relation.target)
                schemas[inner_name(relation)] = new_schema(target, relation.back)
    if writes:
        schemas |= {"JsonPatch": patch_schema(), **batch_schemas(entities)}
    return schemas


def _parameters(entities: list[Entity], manifest: Manifest, described: list[Described]) -> Schema:
    """Those that an operation has."""
    found = header_parameters()
    for entity in entities:
        found |= filter_parameters(entity, manifest)
    used = {
        one["$ref"].rpartition("/")[2]
        for each in described
        for one in each.operation.get("parameters", ())
        if "$ref" in one
    }
    return {name: one for name, one in found.items() if name in used}


def _used(schemas: Schema, described: list[Described]) -> Schema:
    """Those that an operation leads to, in their order."""
    wanted = [*_referred([one.operation for one in described]), *_referred(problem_responses())]
    found: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name not in found:
            found.add(name)
            wanted += _referred(schemas[name])
    return {name: schema for name, schema in schemas.items() if name in found}


def _referred(node: object) -> list[str]:
    """The names of the schemas that a part of the document refers to."""
    if isinstance(node, dict):
        own = node.get("$ref")
        names = [own.rpartition("/")[2]] if isinstance(own, str) and "/schemas/" in own else []
        return [*names, *(name for one in node.values() for name in _referred(one))]
    return [name for one in node for name in _referred(one)] if isinstance(node, list) else []
