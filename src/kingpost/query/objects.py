"""Rows as objects of the classes a team declared: what a handler is given and gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from kingpost.errors import DeclarationError
from kingpost.model.manifest import Entity, Manifest
from kingpost.query.coerce import Coercer, coercer

_Json: TypeAlias = Mapping[str, object]
_Reader: TypeAlias = Callable[[object], object]


@dataclass(frozen=True, slots=True)
class Objects:
    """Makes objects of rows of `manifest`'s entities, whose classes are `classes` by name."""

    manifest: Manifest
    classes: Mapping[str, type]
    readers: dict[str, Mapping[str, Coercer]] = field(default_factory=dict)

    def entity(self, cls: type) -> Entity:
        """The entity that a class declares.

        Raises:
            DeclarationError: it is none of the app's.
        """
        if self.classes.get(cls.__name__) is not cls:
            raise DeclarationError(f"{cls.__name__} is not among the app's entities", hint="add it to entities=[…]")
        return self.manifest.entities[cls.__name__]

    def one(self, entity: Entity, body: bytes) -> object:
        """The object of a row's JSON."""
        return self._object(entity, msgspec.json.decode(body))

    def many(self, entity: Entity, body: bytes) -> list[object]:
        """The objects of a JSON array of rows."""
        return [self._object(entity, one) for one in msgspec.json.decode(body)]

    def made(self, entity: Entity, values: Mapping[str, object]) -> object:
        """An object with these native values; what is not given is absent."""
        return _filled(self.classes[entity.name], values)

    def _object(self, entity: Entity, row: _Json) -> object:
        readers = self.readers.get(entity.name) or self._readers(entity)
        values: dict[str, object] = {}
        for name, value in row.items():
            relation = entity.relations.get(name)
            if isinstance(value, dict | list) and relation is not None:
                target = self.manifest.entities[relation.target]
                nested = [self._object(target, one) for one in value] if isinstance(value, list) else None
                values[name] = self._object(target, value) if isinstance(value, dict) else nested
            elif name in readers:
                values[name] = None if value is None else readers[name](value)
        return _filled(self.classes[entity.name], values)

    def _readers(self, entity: Entity) -> Mapping[str, Coercer]:
        made = {name: coercer(one.type, "UTC", json_text=False) for name, one in entity.fields.items()}
        self.readers[entity.name] = made
        return made


def key_of(row: object, entity: Entity) -> tuple[object, ...]:
    """The key's values of an object.

    Raises:
        TypeError: it lacks one: it is no row that was read or written.
    """
    values = vars(row)
    missing = [name for name in entity.key if name not in values]
    if missing:
        raise TypeError(f"this {entity.name} has no {missing[0]}: it is no row that was read or written")
    return tuple(_key(values[name]) for name in entity.key)


def given_of(row: object, entity: Entity) -> dict[str, object]:
    """What an object holds of the entity's own fields, relations that are objects by their key."""
    return {name: _key(value) for name, value in vars(row).items() if name in entity.fields}


def _key(value: object) -> object:
    """The key of an included object in place of it."""
    described = getattr(type(value), "__kingpost__", None)
    return next(iter(vars(value).values())) if described is not None else value


def _filled(cls: type, values: Mapping[str, object]) -> object:
    made: object = object.__new__(cls)
    vars(made).update(values)
    return made
