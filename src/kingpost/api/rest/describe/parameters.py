"""The parameters of reads: filters of an entity's own fields and of those one step away, order, pages, includes."""

from __future__ import annotations

from collections.abc import Iterator

from kingpost.api.rest.cursor import CURSOR_BYTES_MAX
from kingpost.api.rest.describe.values import Schema, type_schema
from kingpost.model.fields import Field
from kingpost.model.manifest import Entity, Manifest
from kingpost.model.types import BOOL, ORDERED, Scalar, Type
from kingpost.query.coerce import ITEMS_MAX
from kingpost.query.operations import LIMIT_MAX
from kingpost.query.order import SORT_KEYS_MAX

TEXT_MAX = 8_000
"""No value in a query is longer: all of it has a bound."""
LIMIT_DEFAULT = 20


def key_parameters(entity: Entity) -> list[Schema]:
    """The key in the path; the parts of a composite one stand in one segment, with commas between."""
    said = f"{'A part of the' if len(entity.key) > 1 else 'The'} key of one of the {entity.path}."
    return [
        _parameter(name, "path", said, {**_short(type_schema(entity.fields[name].type)), **_not_empty(entity, name)})
        for name in entity.key
    ]


def key_name(entity: Entity) -> str:
    """The key as it stands in the template of a path."""
    return ",".join(f"{{{name}}}" for name in entity.key)


def _not_empty(entity: Entity, name: str) -> Schema:
    return {"minLength": 1} if entity.fields[name].type.scalar is Scalar.TEXT else {}


def filter_parameters(entity: Entity, manifest: Manifest) -> Schema:
    """Filters of its own fields, and of those of what its Refs lead to, by the names they have in the document."""
    found = [one for field in _filtered(entity) for one in _filters(field.name, field)]
    for relation in entity.relations.values():
        if not relation.many:
            target = manifest.entities[relation.target]
            found += [one for field in _filtered(target) for one in _filters(f"{relation.name}.{field.name}", field)]
    return {f"{entity.name}.{one['name'].replace('[', '.').rstrip(']')}": one for one in found}


def shape_parameters(entity: Entity) -> list[Schema]:
    """Which fields are answered, and what is included."""
    names, ways = list(entity.public()), list(entity.relations)
    found = [_list("fields", "Which fields to answer, in this order.", names)]
    if ways:
        found.append(
            _list("include", "Related rows to put in; a dot leads on: `a.b`. Each Many has a page of its own.", ways)
        )
    return found


def page_parameters(entity: Entity) -> list[Schema]:
    """Order and page of a list."""
    keys = [name for name, field in entity.public().items() if field.type.scalar in ORDERED and not _is_made(field)]
    sort = [one for name in keys for one in (name, f"-{name}")]
    limit = {"type": "integer", "format": "int32", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT}
    cursor = {"type": "string", "minLength": 1, "maxLength": CURSOR_BYTES_MAX}
    return [
        _list("sort", "The order; a minus turns it. Through Refs by a dot: `origin.name`.", sort, SORT_KEYS_MAX),
        _parameter("limit", "query", "How many rows a page has at most.", limit),
        _parameter("cursor", "query", "Where to go on: `next` or `prev` of a page of the same question.", cursor),
        _parameter(
            "count", "query", "How many rows there are in all pages.", {"type": "string", "enum": ["exact", "estimate"]}
        ),
    ]


def _filtered(entity: Entity) -> Iterator[Field]:
    return (field for field in entity.public().values() if not _is_made(field))


def _is_made(field: Field) -> bool:
    return field.computed == "python"


def _filters(name: str, field: Field) -> Iterator[Schema]:
    type_ = field.type
    if type_.array or type_.scalar is Scalar.JSON:
        element = _short(type_schema(Type(type_.scalar, choices=type_.choices)))
        if type_.array:
            yield _parameter(f"{name}[contains]", "query", f"`{name}` has this element.", element)
    else:
        value = _short(type_schema(type_))
        yield _parameter(name, "query", f"`{name}` is this.", value)
        yield _parameter(f"{name}[ne]", "query", f"`{name}` is another value than this.", value)
        if type_.scalar in ORDERED and type_ != BOOL and not type_.choices:
            for operator, said in (("gt", "above"), ("gte", "at or above"), ("lt", "below"), ("lte", "at or below")):
                yield _parameter(f"{name}[{operator}]", "query", f"`{name}` is {said} this.", value)
        if type_.scalar is not Scalar.BOOL:
            yield _several(f"{name}[in]", f"`{name}` is one of these.", value, ITEMS_MAX)
        if type_.scalar is Scalar.TEXT and not type_.choices:
            for operator, said in (("like", "matches"), ("ilike", "matches, whatever its case,")):
                text = f"`{name}` {said} this pattern: % any letters, _ one."
                yield _parameter(f"{name}[{operator}]", "query", text, value)
            yield _parameter(f"{name}[contains]", "query", f"`{name}` has this in it.", value)
    if field.nullable:
        yield _parameter(f"{name}[is_null]", "query", f"`{name}` has no value, or has one.", {"type": "boolean"})


def _short(schema: Schema) -> Schema:
    return {**schema, "maxLength": min(schema["maxLength"], TEXT_MAX)} if "maxLength" in schema else schema


def _list(name: str, said: str, choices: list[str], most: int = 100) -> Schema:
    return _several(name, said, {"type": "string", "enum": choices}, most)


def _several(name: str, said: str, item: Schema, most: int) -> Schema:
    schema = {"type": "array", "items": item, "minItems": 1, "maxItems": most}
    return {**_parameter(name, "query", said, schema), "style": "form", "explode": False}


def _parameter(name: str, where: str, said: str, schema: Schema) -> Schema:
    return {"name": name, "in": where, "description": said, "required": where == "path", "schema": schema}
