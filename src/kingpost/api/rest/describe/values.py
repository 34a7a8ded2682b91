"""Values as JSON Schema (2020-12): what a field, an argument or a filter takes, with every bound that is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

from kingpost.model.fields import Constraint, Field
from kingpost.model.types import INT_MAX, INT_MIN, Scalar, Type

Schema: TypeAlias = dict[str, Any]

BODY_LETTERS_MAX = 1_048_576
"""No text is longer than a body may be."""
ITEMS_MAX = 10_000
FLOAT_MAX = 1.7976931348623157e308

# As values are written; see docs/reference/values.md.
_SCALARS: Mapping[Scalar, Schema] = {
    Scalar.TEXT: {"type": "string", "maxLength": BODY_LETTERS_MAX, "pattern": "^[^\\u0000]*$"},
    Scalar.INT: {"type": "integer", "format": "int64", "minimum": INT_MIN, "maximum": INT_MAX},
    Scalar.FLOAT: {"type": "number", "format": "double", "minimum": -FLOAT_MAX, "maximum": FLOAT_MAX},
    Scalar.DECIMAL: {
        "type": "string",
        "format": "decimal",
        "pattern": "^-?[0-9]{1,500}(\\.[0-9]{1,400})?$",
        "maxLength": 902,
    },
    Scalar.BOOL: {"type": "boolean"},
    Scalar.DATETIME: {"type": "string", "format": "date-time", "maxLength": 40},
    Scalar.DATE: {"type": "string", "format": "date", "maxLength": 10},
    Scalar.TIME: {"type": "string", "format": "time", "maxLength": 20},
    Scalar.DURATION: {"type": "string", "format": "duration", "maxLength": 60},
    Scalar.UUID: {"type": "string", "format": "uuid", "maxLength": 36},
    Scalar.BYTES: {"type": "string", "contentEncoding": "base64", "maxLength": BODY_LETTERS_MAX},
    Scalar.JSON: {"description": "Any JSON, as the field declares it."},
}
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def field_schema(field: Field, *, nullable: bool | None = None) -> Schema:
    """What a field holds.

    Args:
        field: which.
        nullable: whether it may be null; as declared where it is not said.
    """
    schema = type_schema(field.type, field.constraints)
    if field.doc:
        schema = {"description": field.doc, **schema}
    if field.nullable if nullable is None else nullable:
        return or_null(schema)
    return schema


def type_schema(type_: Type, constraints: Sequence[Constraint] = ()) -> Schema:
    """What a type holds within these constraints."""
    if type_.array:
        items = type_schema(Type(type_.scalar, choices=type_.choices))
        return {"type": "array", "items": items, "maxItems": ITEMS_MAX, **_counted(constraints)}
    if type_.choices:
        return {"type": "string", "enum": list(type_.choices)}
    schema = dict(_SCALARS[type_.scalar])
    for one in constraints:
        _bound(schema, one, type_.scalar)
    return schema


def or_null(schema: Schema) -> Schema:
    """The same, or null."""
    if isinstance(schema.get("type"), str):
        found = {**schema, "type": [schema["type"], "null"]}
        if "enum" in found:
            found["enum"] = [*found["enum"], None]
        return found
    return {"anyOf": [schema, {"type": "null"}]} if "$ref" in schema or "anyOf" in schema else schema


def reference(name: str) -> Schema:
    """A schema of the document, by name."""
    return {"$ref": f"#/components/schemas/{name}"}


def _bound(schema: Schema, one: Constraint, scalar: Scalar) -> None:
    match one.kind:
        case "ge" | "gt" | "le" | "lt" if scalar in (Scalar.INT, Scalar.FLOAT):
            schema.pop("minimum" if one.kind in ("ge", "gt") else "maximum", None)
            schema[_BOUNDS[one.kind]] = one.value
        case "multiple_of" if scalar in (Scalar.INT, Scalar.FLOAT):
            schema["multipleOf"] = one.value
        case "min_length":
            schema["minLength"] = one.value
        case "max_length":
            schema["maxLength"] = one.value
        case "pattern":
            schema["pattern"] = one.value
        case "digits":
            total, places = cast("tuple[int, int]", one.value)
            whole = total - places
            fraction = f"(\\.[0-9]{{1,{places}}})?" if places else ""
            schema["pattern"] = f"^-?[0-9]{{1,{max(1, whole)}}}{fraction}$"
            schema["maxLength"] = total + 3
        case _:
            schema["description"] = f"{one.kind} {one.value}"


def _counted(constraints: Sequence[Constraint]) -> Schema:
    names = {"min_length": "minItems", "max_length": "maxItems"}
    return {names[one.kind]: one.value for one in constraints if one.kind in names}
