"""Read a field's annotation: its type, and what was said beside it."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, get_args, get_origin

from kingpost.errors import DeclarationError
from kingpost.model.declare import Table
from kingpost.model.names import folded
from kingpost.model.types import JSON, Scalar, Type
from kingpost.model.values import SCALAR_OF

OFFERED = (
    "a field is a str, int, float, Decimal, bool, datetime, date, time, timedelta, UUID, bytes, Literal of texts, "
    "dict[str, Any], a list of one of these, Ref[Entity] or Many[Entity]"
)


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotation taken apart: `inner` without Annotated and None, and the `markers` that stood around it."""

    inner: object
    nullable: bool
    markers: tuple[object, ...]

    def has(self, marker: type) -> bool:
        """Whether a marker of this class is among them."""
        return any(isinstance(one, marker) for one in self.markers)


def evaluate(annotation: object, module: Mapping[str, object], entities: Mapping[str, type]) -> object:
    """The annotation with its names looked up: in the module that wrote it, then among the entities.

    Raises:
        DeclarationError: it is not Python, or names what there is not.
    """
    # The names of entities stand in for classes that are not in a module, or come later in it.
    holder = type("Holder", (), {"__annotations__": {"field": annotation}})
    try:
        return typing.get_type_hints(holder, {**entities, **module}, {}, include_extras=True)["field"]
    except NameError as error:
        hint = f"declare {error.name} in the same module, or add it to the app's entities"
        raise DeclarationError(f"{error.name!r} is not known here", hint=hint) from None
    except (SyntaxError, TypeError, AttributeError) as error:
        raise DeclarationError(f"{annotation!r} is not a type: {error}", hint=OFFERED) from None


def take_apart(annotation: object) -> Annotation:
    """Strip Annotated and `| None`, in whichever order they stand.

    Raises:
        DeclarationError: it is a union of several types.
    """
    inner, nullable, markers = annotation, False, []
    while True:
        if get_origin(inner) is Annotated:
            inner, *more = get_args(inner)
            markers.extend(more)
        elif isinstance(inner, types.UnionType) or get_origin(inner) is typing.Union:
            parts = [part for part in get_args(inner) if part is not types.NoneType]
            nullable = nullable or len(parts) < len(get_args(inner))
            if len(parts) != 1:
                raise DeclarationError(f"{_words(inner)} is a choice of types", hint="a field has one type, or None")
            inner = parts[0]
        else:
            return Annotation(inner, nullable, tuple(markers))


def read_type(inner: object) -> Type:
    """The type of a field that is neither Ref nor Many.

    Raises:
        DeclarationError: there is no such type.
    """
    origin, arguments = get_origin(inner), get_args(inner)
    if inner in (Any, dict, list) or (origin is dict and arguments in ((str, Any), (str, object))):
        return JSON
    if origin is list:
        return JSON if arguments in ((Any,), (object,)) else _array(arguments[0])
    if origin is Literal:
        return Type(Scalar.TEXT, choices=_choices(arguments))
    if isinstance(inner, type) and issubclass(inner, Enum):
        return Type(Scalar.TEXT, choices=_choices(tuple(member.value for member in inner)))
    if isinstance(inner, type) and issubclass(inner, Table):
        name = inner.__name__
        raise DeclarationError(f"{name} is an entity", hint=f"write Ref[{name}] for one of them, Many[{name}] for many")
    scalar = SCALAR_OF.get(inner) if isinstance(inner, type) else None
    if scalar is None:
        raise DeclarationError(f"there is no field type {_words(inner)}", hint=OFFERED)
    return Type(scalar)


def _array(element: object) -> Type:
    apart = take_apart(element)
    if isinstance(apart.inner, type) and issubclass(apart.inner, Table):
        name = apart.inner.__name__
        raise DeclarationError(f"a list of {name} is a relation", hint=f"write Many[{name}]")
    if apart.nullable or apart.markers:
        raise DeclarationError(
            f"the elements of an array are plain, not {_words(element)}",
            hint="constrain the list itself, or use list[Any]",
        )
    type_ = read_type(apart.inner)
    if type_.array or type_.scalar is Scalar.JSON:
        raise DeclarationError(f"there is no array of {type_}", hint="use list[Any], which is JSON")
    return Type(type_.scalar, array=True, choices=type_.choices)


def _choices(values: tuple[object, ...]) -> tuple[str, ...]:
    choices = [value.value if isinstance(value, Enum) else value for value in values]
    texts = tuple(one for one in choices if isinstance(one, str) and one)
    if not texts or len(texts) < len(choices):
        raise DeclarationError("its choices are not all texts, or one is empty", hint='write Literal["a", "b"]')
    for number, one in enumerate(texts):
        twin = next((other for other in texts[:number] if folded(_letters(other)) == folded(_letters(one))), None)
        if twin is not None:
            raise DeclarationError(f"the choices {twin!r} and {one!r} clash as names in GraphQL or gRPC")
    return texts


def _letters(choice: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in choice)


def _words(annotation: object) -> str:
    return annotation.__name__ if type(annotation) is type else str(annotation).replace("typing.", "")
