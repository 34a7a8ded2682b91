"""Read a function's parameters as arguments of a call, and what it returns as its result."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, get_args, get_origin

from kingpost.errors import DeclarationError
from kingpost.model.declare import NewMarker, Table
from kingpost.model.faults import Faults
from kingpost.model.fields import Field
from kingpost.model.function_places import Spot
from kingpost.model.manifest import Argument, Entity, Returns
from kingpost.model.names import is_snake, twins
from kingpost.model.read_constraints import is_constraint, read_constraints
from kingpost.model.read_fields import read_default
from kingpost.model.read_members import MISSING
from kingpost.model.read_types import OFFERED, Annotation, evaluate, read_type, take_apart
from kingpost.model.terms import Term
from kingpost.model.types import JSON, Type

OFFERED_HERE = (
    "it is a str, int, float, Decimal, bool, datetime, date, time, timedelta, UUID, bytes, Literal of texts, "
    "dict[str, Any], a list of one of these, an entity, or a list of them"
)
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class Known:
    """What functions may speak of: the app's entities, read and as classes, and the class of the first parameter."""

    entities: Mapping[str, Entity]
    classes: Mapping[str, type]
    context: type

    def entity(self, cls: type) -> Entity:
        """The entity of a class.

        Raises:
            DeclarationError: it is none of the app's.
        """
        if self.classes.get(cls.__name__) is not cls:
            raise DeclarationError(f"{cls.__name__} is not among the app's entities", hint="add it to entities=[…]")
        return self.entities[cls.__name__]

    def evaluate(self, annotation: object, function: Callable[..., object]) -> Annotation:
        """An annotation of `function`, taken apart. Entities and the Context need not be imported for it."""
        module = getattr(inspect.unwrap(function), "__globals__", {})
        return take_apart(evaluate(annotation, module, {**self.classes, self.context.__name__: self.context}))


def check_handler(function: Callable[..., object], known: Known, spot: Spot, faults: Faults) -> bool:
    """Note what keeps it from being a handler at all: it is `async def`, and its first parameter is the Context."""
    hint = f"write async def {spot.name}(ctx: {known.context.__name__}, …)"
    if not inspect.isfunction(inspect.unwrap(function)) or not inspect.iscoroutinefunction(function):
        spot.add(faults, "it is no async function", hint=hint)
        return False
    first = next(iter(inspect.signature(function).parameters.values()), None)
    before = len(faults.found)
    with spot.catching(faults, "", first.name if first else None):
        if first is None or first.annotation is inspect.Parameter.empty:
            raise DeclarationError(f"its first parameter is not a {known.context.__name__}", hint=hint)
        if known.evaluate(first.annotation, function).inner is not known.context:
            raise DeclarationError(f"its first parameter is not a {known.context.__name__}", hint=hint)
    return len(faults.found) == before


def read_arguments(function: Callable[..., object], known: Known, spot: Spot, faults: Faults) -> tuple[Argument, ...]:
    """Its parameters after the Context; those that are wrong are noted and left out."""
    found: list[Argument] = []
    for one in _parameters(function):
        with spot.catching(faults, one.name, one.name):
            found.append(_argument(one, known.evaluate(_annotation(one), function), known))
    for first, later in twins(one.name for one in found):
        spot.add(faults, f"{later} and {first} are one name in GraphQL or gRPC", hint="rename one", word=later)
    return tuple(found)


def read_returns(
    function: Callable[..., object], known: Known
) -> tuple[typing.Literal["row", "rows", "scalar", "nothing"], Returns]:
    """What it returns.

    Raises:
        DeclarationError: it does not say so, or nothing that can be answered.
    """
    written = inspect.signature(function).return_annotation
    if written is inspect.Signature.empty:
        raise DeclarationError("it does not say what it returns", hint="write -> Flight, -> None or the like")
    apart = known.evaluate(written, function)
    if any(not isinstance(one, str) for one in apart.markers):
        raise DeclarationError("what it returns takes no constraints or markers", hint="leave them out")
    if apart.inner is type(None):
        return "nothing", Returns()
    many, cls = _entity_of(apart.inner)
    if cls is None:
        return "scalar", Returns(type=_type(apart.inner), nullable=apart.nullable)
    if many and apart.nullable:
        raise DeclarationError("a list is never None, it is empty", hint="leave out | None")
    return "rows" if many else "row", Returns(known.entity(cls).name, nullable=apart.nullable)


def _parameters(function: Callable[..., object]) -> Iterator[inspect.Parameter]:
    return iter(list(inspect.signature(function).parameters.values())[1:])


def _annotation(one: inspect.Parameter) -> object:
    if one.kind not in _BY_NAME:
        raise DeclarationError(
            "arguments are given by name", hint="take each as a parameter of its own, without * and /"
        )
    if not is_snake(one.name):
        raise DeclarationError("an argument's name is snake_case, as every protocol makes its own of it")
    if one.annotation is inspect.Parameter.empty:
        raise DeclarationError("it does not say its type", hint=f"write {one.name}: int, or what it is")
    return one.annotation


def _argument(one: inspect.Parameter, apart: Annotation, known: Known) -> Argument:
    _check_markers(apart)
    many, cls = _entity_of(apart.inner)
    new = apart.has(NewMarker) or (many and _is_new(apart.inner))
    if cls is None and new:
        raise DeclarationError("New is of an entity", hint="write New[Flight] for class Flight(Table)")
    entity = None if cls is None else known.entity(cls)
    type_ = _type(apart.inner) if entity is None else _key_type(entity)
    if entity is not None and any(is_constraint(marker) for marker in apart.markers):
        raise DeclarationError(f"{entity.name} is an entity, it takes no constraints")
    field = Field(
        name=one.name,
        type=type_,
        column=one.name,
        nullable=apart.nullable,
        constraints=() if entity else read_constraints(apart.markers, type_),
        doc=" ".join(marker for marker in apart.markers if isinstance(marker, str)),
    )
    field = dataclasses.replace(field, default=_default(one.default, field, entity))
    required = field.default is None and not field.nullable
    if entity is None:
        return Argument(one.name, field, required)
    kind = {(False, False): "row", (True, False): "rows", (False, True): "new", (True, True): "new_rows"}[many, new]
    return Argument(one.name, field, required, typing.cast("Any", kind), entity.name)


def _check_markers(apart: Annotation) -> None:
    for marker in apart.markers:
        if not isinstance(marker, (str, NewMarker)) and not is_constraint(marker):
            raise DeclarationError(
                f"{marker!r} means nothing for an argument", hint="take constraints of kingpost.constraints, or words"
            )


def _entity_of(inner: object) -> tuple[bool, type | None]:
    """Whether it is a list, and the entity that it, or its element, is."""
    many = get_origin(inner) is list
    element = take_apart(get_args(inner)[0]).inner if many else inner
    is_entity = isinstance(element, type) and issubclass(element, Table)
    return many, element if is_entity and isinstance(element, type) else None


def _is_new(inner: object) -> bool:
    return take_apart(get_args(inner)[0]).has(NewMarker)


def _key_type(entity: Entity) -> Type:
    return entity.fields[entity.key[0]].type if len(entity.key) == 1 else JSON


def _type(inner: object) -> Type:
    if isinstance(inner, type) and issubclass(inner, Enum):
        raise DeclarationError(
            f"{inner.__name__} is an Enum, calls hand over its values", hint='write Literal["a", "b"]'
        )
    if isinstance(inner, type) and (dataclasses.is_dataclass(inner) or hasattr(inner, "__struct_fields__")):
        hint = "take or return its fields one by one, dict[str, Any], or an entity"
        raise DeclarationError(f"{inner.__name__} is a structure that no protocol knows", hint=hint)
    try:
        return read_type(inner)
    except DeclarationError as error:
        raise DeclarationError(error.message, hint=OFFERED_HERE if error.hint == OFFERED else error.hint) from None


def _default(value: object, field: Field, entity: Entity | None) -> Any:
    if value is inspect.Parameter.empty:
        return read_default(MISSING, field)
    if isinstance(value, Term):
        raise DeclarationError("its default is no constant", hint="take None, and decide in the function")
    if entity is not None and value is not None:
        raise DeclarationError(f"{entity.name} is an entity, its default can only be None")
    return read_default(value, field)
