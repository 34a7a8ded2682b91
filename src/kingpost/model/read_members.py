"""Take a class apart: its options, and its members as they were written, each with its annotation read."""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, get_origin
from uuid import UUID

from kingpost.model.declare import (
    Column,
    Index,
    KeyMarker,
    ManyMarker,
    OnDelete,
    Open,
    Options,
    Policy,
    Private,
    PythonComputed,
    RefMarker,
    Table,
    Unique,
    Written,
)
from kingpost.model.faults import Faults
from kingpost.model.manifest import suggest
from kingpost.model.names import RESERVED_FIELDS, is_snake
from kingpost.model.read_constraints import is_constraint
from kingpost.model.read_types import Annotation, evaluate, take_apart

ABOUT_CLASS = ("policy", "indexes", "unique", "check")
MISSING: Any = object()
_MARKERS = (KeyMarker, RefMarker, ManyMarker, Column, Private, Open, OnDelete)
_OPTION_TYPES: Mapping[str, type] = typing.get_type_hints(Options)
_BEHAVIOUR = (types.FunctionType, staticmethod, classmethod, property, type)


@dataclass(frozen=True, slots=True)
class Member:
    """One annotated name of a class; `value` is what it was set to, or MISSING. `implied`: the key nobody wrote."""

    name: str
    annotation: Annotation
    value: object = MISSING
    implied: bool = False

    @property
    def is_many(self) -> bool:
        """Whether it is a relation to many rows, and no field."""
        return self.annotation.has(ManyMarker)

    @property
    def doc(self) -> str:
        """What the annotation says about it in words: `Annotated[int, "minutes"]`."""
        return " ".join(one for one in self.annotation.markers if isinstance(one, str))


@dataclass(frozen=True, slots=True)
class Draft:
    """A class taken apart. `key` names the members that make up the key."""

    cls: type[Table]
    name: str
    options: Mapping[str, Any]
    members: Mapping[str, Member]
    key: tuple[str, ...]

    def about(self, member: str) -> str:
        """How errors call one of its members."""
        return f"{self.name}.{member}"


def read_members(cls: type[Table], entities: Mapping[str, type], faults: Faults) -> Draft:
    """The class as it was written; what is wrong with single members is noted, and they are left out."""
    members: dict[str, Member] = {}
    for owner, name, annotation in _annotated(cls):
        with faults.catching(cls, f"{cls.__name__}.{name}", name):
            evaluated = evaluate(annotation, vars(sys.modules.get(owner.__module__, types)), entities)
            if get_origin(evaluated) is ClassVar or evaluated is ClassVar:
                continue
            member = Member(name, take_apart(evaluated), _value(cls, name))
            if _name_is_fine(cls, name, faults) and _markers_are_fine(cls, member, faults):
                members[name] = member
    _check_rest(cls, faults)
    key = tuple(name for name, one in members.items() if one.annotation.has(KeyMarker))
    if not key:
        members = {"id": _implied_key(cls, members, faults), **members}
    return Draft(cls, cls.__name__, _options(cls, faults), members, key or ("id",))


def _annotated(cls: type) -> Iterator[tuple[type, str, object]]:
    """Every annotated name with the class of the family that says it last, in the order of the first."""
    found: dict[str, tuple[type, object]] = {}
    for owner in reversed(cls.__mro__):
        if owner not in (object, Table):
            for name, annotation in vars(owner).get("__annotations__", {}).items():
                # Python mangles __names; they are refused as they were written.
                found[name.removeprefix(f"_{owner.__name__.lstrip('_')}") if "__" in name else name] = (
                    owner,
                    annotation,
                )
    return ((owner, name, annotation) for name, (owner, annotation) in found.items())


def _value(cls: type, name: str) -> object:
    return next((vars(owner)[name] for owner in cls.__mro__ if name in vars(owner)), MISSING)


def _name_is_fine(cls: type, name: str, faults: Faults) -> bool:
    what = f"{cls.__name__}.{name}"
    if name in RESERVED_FIELDS:
        message = f"{what}: a field cannot be called {name!r}, which {RESERVED_FIELDS[name]}"
        hint = f'name it {name}_, and map it: {name}_: Annotated[…, Column("{name}")]'
        faults.add(cls, message, hint="name it otherwise" if name == "version" else hint, member=name)
    elif not is_snake(name):
        faults.add(cls, f"{what}: a field's name is snake_case, as every protocol makes its own of it", member=name)
    return name not in RESERVED_FIELDS and is_snake(name)


def _markers_are_fine(cls: type, member: Member, faults: Faults) -> bool:
    fine = True
    for marker in member.annotation.markers:
        if isinstance(marker, (*_MARKERS, str)) or is_constraint(marker):
            continue
        hint = "take Column, Private, Open, OnDelete, a constraint of kingpost.constraints, or words"
        if isinstance(marker, type) and marker in _MARKERS:
            hint = f"write {marker.__name__}()"
        message = f"{cls.__name__}.{member.name}: {marker!r} means nothing to Kingpost"
        faults.add(cls, message, hint=hint, member=member.name)
        fine = False
    return fine


def _check_rest(cls: type, faults: Faults) -> None:
    """What has a value and no annotation is Python's business, a word about the class, or a slip."""
    annotated = {name for _, name, _ in _annotated(cls)}
    for name, value in vars(cls).items():
        if name.startswith("_") or name in annotated or name in ABOUT_CLASS or isinstance(value, PythonComputed):
            continue
        if isinstance(value, Policy | Index | Unique) or (isinstance(value, list) and value):
            message = f"{cls.__name__}.{name} is not known"
            faults.add(cls, message, hint=suggest(name, ABOUT_CLASS), member=name)
        elif not isinstance(value, _BEHAVIOUR) and not hasattr(type(value), "__get__"):
            message = f"{cls.__name__}.{name} has a value and no type"
            faults.add(cls, message, hint=f"write {name}: {type(value).__name__} = …", member=name)


def _implied_key(cls: type, members: Mapping[str, Member], faults: Faults) -> Member:
    if "id" in members:
        message = f"{cls.__name__}.id is not the key, and no other field is"
        faults.add(cls, message, hint="write id: Key[…], or leave it out for a UUIDv7", member="id")
    return Member("id", Annotation(UUID, False, (KeyMarker(),)), implied=True)


def _options(cls: type[Table], faults: Faults) -> Mapping[str, Any]:
    written: Written = cls.__kingpost__
    fine: dict[str, Any] = {}
    for name, value in written.options.items():
        wanted = _OPTION_TYPES.get(name)
        if wanted is None:
            message = f"{cls.__name__} has no option {name!r}"
            faults.add(cls, message, hint=suggest(name, _OPTION_TYPES), word=name)
        elif type(value) is not wanted or value == "" or (isinstance(value, int) and value < 0):
            faults.add(cls, f"{cls.__name__}: {name} takes {_taken(wanted)}, not {value!r}", word=name)
        else:
            fine[name] = value
    return fine


def _taken(wanted: type) -> str:
    return {str: "a text", int: "a number of rows", bool: "True or False"}[wanted]
