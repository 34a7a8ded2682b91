"""The schemas of an entity's rows: as they are answered, created, changed and replaced."""

from __future__ import annotations

from kingpost.api.rest.body import FIELDS_MAX
from kingpost.api.rest.cursor import CURSOR_BYTES_MAX
from kingpost.api.rest.describe.values import Schema, field_schema, or_null, reference
from kingpost.model.expressions import And, Constant, Expression, HasRole, Not, Or, walk
from kingpost.model.fields import Field, Relation
from kingpost.model.manifest import Entity
from kingpost.query.operations import LIMIT_MAX, ROWS_WRITTEN_MAX

NEW, CHANGES, VALUES = "New", "Changes", "Values"
_OF_ROLES = (HasRole, Constant, And, Or, Not)


def row_schema(entity: Entity) -> Schema:
    """A row as it is answered.

    Nothing is required: `fields` leaves out what is not asked for, and a mask that looks at roles alone what the caller
    may not see. A mask that looks at the row makes it null.
    """
    properties: Schema = {}
    for name, field in entity.public().items():
        relation = entity.relations.get(name)
        schema = field_schema(field, nullable=False)
        if relation is not None:
            schema = {"anyOf": [schema, reference(relation.target)]}
        properties[name] = or_null(schema) if field.nullable or _is_masked_by_row(entity, name) else schema
    for relation in entity.relations.values():
        if relation.many:
            properties |= _included(relation)
    return _object(properties, description=entity.doc or f"One of the {entity.path}.")


def new_schema(entity: Entity, given: str = "") -> Schema:
    """A row as it is created; related rows may stand inside.

    Args:
        entity: whose.
        given: the Ref that is filled in, where it stands inside of the row which that leads to.
    """
    properties = _written(entity)
    properties.pop(given, None)
    required = [name for name in properties if _is_needed(entity, name)]
    return _object(properties, required, f"A new one of the {entity.path}.")


def inner_name(relation: Relation) -> str:
    """The name of the schema of new rows that stand under a Many."""
    return f"{NEW}{relation.target}In{relation.source}{relation.name.title().replace('_', '')}"


def changes_schema(entity: Entity) -> Schema:
    """What a merge patch changes of a row (RFC 7396)."""
    properties = {name: field_schema(one) for name, one in _writable(entity).items() if name not in entity.key}
    return _object(properties, description=f"Changes to one of the {entity.path}; what is not named stays.")


def values_schema(entity: Entity) -> Schema:
    """A row as it is put in its place: what is not named takes its default."""
    properties = {name: field_schema(one) for name, one in _writable(entity).items()}
    required = [name for name in properties if _is_needed(entity, name) and name not in entity.key]
    return _object(properties, required, f"All of one of the {entity.path}; what is not named takes its default.")


def page_schema(entity: Entity) -> Schema:
    """A page of rows."""
    rows = {"type": "array", "items": reference(entity.name), "maxItems": LIMIT_MAX}
    properties = {"data": rows, "next": cursor_schema(), "prev": cursor_schema(), "count": count_schema()}
    return _object(properties, ["data", "next", "prev"], f"A page of {entity.path}.")


def made_schema(entity: Entity) -> Schema:
    """Rows that were created together."""
    rows = {"type": "array", "items": reference(entity.name), "maxItems": ROWS_WRITTEN_MAX}
    return _object({"data": rows}, ["data"], f"New {entity.path}, in the order in which they were given.")


def cursor_schema() -> Schema:
    """A cursor, or null where there is no page that way."""
    return {"type": ["string", "null"], "maxLength": CURSOR_BYTES_MAX, "description": "Null: there is no such page."}


def count_schema() -> Schema:
    """How many there are."""
    return {"type": "integer", "format": "int64", "minimum": 0, "maximum": 2**63 - 1}


def _writable(entity: Entity) -> dict[str, Field]:
    return {name: one for name, one in entity.public().items() if one.computed is None and one.managed is None}


def _written(entity: Entity) -> Schema:
    properties: Schema = {}
    for name, field in _writable(entity).items():
        relation = entity.relations.get(name)
        schema = field_schema(field, nullable=False)
        if relation is not None:
            schema = {"anyOf": [schema, reference(f"{NEW}{relation.target}")]}
        properties[name] = or_null(schema) if field.nullable else schema
    for relation in entity.relations.values():
        if relation.many and relation.middle is None:
            rows = reference(inner_name(relation))
            properties[relation.name] = {"type": "array", "items": rows, "maxItems": ROWS_WRITTEN_MAX}
    return properties


def _is_needed(entity: Entity, name: str) -> bool:
    field = entity.fields.get(name)
    return field is not None and not field.nullable and field.default is None and name != entity.tenant


def _included(relation: Relation) -> Schema:
    rows = {"type": "array", "items": reference(relation.target), "maxItems": LIMIT_MAX}
    return {relation.name: rows, f"{relation.name}_next": cursor_schema()}


def _is_masked_by_row(entity: Entity, name: str) -> bool:
    """Whether a mask looks at more than roles."""
    mask: Expression | None = entity.policy.fields.get(name)
    return mask is not None and not all(isinstance(node, _OF_ROLES) for node in walk(mask))


def _object(properties: Schema, required: list[str] | None = None, description: str = "") -> Schema:
    schema: Schema = {"type": "object", "description": description, "properties": properties}
    if required:
        schema["required"] = required
    return {**schema, "additionalProperties": False, "maxProperties": max(FIELDS_MAX, len(properties))}
