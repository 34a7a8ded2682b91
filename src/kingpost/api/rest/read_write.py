"""Read the skeleton of a write into its operation: pure, and only where the shape is new."""

from __future__ import annotations

from dataclasses import dataclass

from kingpost.api.rest.read import Reader
from kingpost.call import Skeleton
from kingpost.errors import Malformed
from kingpost.model.expressions import Slot
from kingpost.model.manifest import Entity
from kingpost.query.operations import (
    Create,
    Delete,
    Given,
    Operation,
    Perform,
    Together,
    Update,
    Upsert,
)
from kingpost.query.stages import PLAIN, Rendering


@dataclass(frozen=True, slots=True)
class WriteReader:
    """Reads skeletons of writes, batches and actions against the collections of one manifest."""

    reads: Reader

    def __call__(self, skeleton: Skeleton) -> tuple[Operation, Rendering]:
        """The operation of a skeleton.

        Raises:
            NotFound: there is no such collection.
            Malformed, TooLarge, UnknownName: key or parameters do not make sense.
        """
        if skeleton[1] == "batch":
            return Together(), PLAIN
        if skeleton[1] == "act":
            return self._action(skeleton), PLAIN
        entity = self.reads.entity(skeleton[2])
        return self._write(_Shape.of(skeleton, entity), skeleton[1]), PLAIN

    def _action(self, skeleton: Skeleton) -> Perform:
        _, _, name, entity, keys, condition = skeleton
        count = int(keys.removeprefix("key="))
        key = tuple(Slot(number) for number in range(count))
        version = Slot(count) if condition == "if=version" else None
        return Perform(name, Slot(count + (version is not None)), key, entity or None, version)

    def _write(self, shape: _Shape, verb: str) -> Operation:
        entity, given = shape.entity, shape.given
        after = shape.number + len(shape.names) + (shape.rows is not None)
        if verb == "create":
            return Create(entity.name, given, self.reads.shown(entity, shape.parameters, after), shape.rows)
        if verb == "upsert":
            shown = self.reads.shown(entity, shape.parameters, after)
            return Upsert(entity.name, given, shape.key, shown, shape.version, shape.new)
        if not shape.key:
            where = self.reads.filtered(entity, shape.parameters, after)
            return Update(entity.name, given, where=where) if verb == "update" else Delete(entity.name, where=where)
        shown = self.reads.shown(entity, shape.parameters, after)
        if verb == "update":
            return Update(entity.name, given, shape.key, version=shape.version, shown=shown)
        return Delete(entity.name, shape.key, version=shape.version)


@dataclass(frozen=True, slots=True)
class _Shape:
    """A skeleton's parts; `number` is that of the body's first value."""

    entity: Entity
    key: tuple[Slot, ...]
    version: Slot | None
    new: bool
    number: int
    names: tuple[str, ...]
    rows: Slot | None
    parameters: tuple[str, ...]

    @classmethod
    def of(cls, skeleton: Skeleton, entity: Entity) -> _Shape:
        """The parts of `skeleton`.

        Raises:
            Malformed: the key has not as many values as the entity's.
        """
        _, _, _, keys, condition, body, *rest = skeleton
        count = int(keys.removeprefix("key="))
        if count not in (0, len(entity.key)):
            raise Malformed(
                f"the key of {entity.path} is {','.join(entity.key)}: {len(entity.key)} values, and {count} were given",
                hint="commas separate them; write a comma within one as %2C",
            )
        version = Slot(count) if condition == "if=version" else None
        number = count + (version is not None)
        kind, _, fields = body.partition("=")
        names = tuple(rest[: int(fields)])
        return cls(
            entity=entity,
            key=tuple(Slot(one) for one in range(count)),
            version=version,
            new=condition == "if=new",
            number=number,
            names=names,
            rows=Slot(number + len(names)) if kind == "rows" else None,
            parameters=tuple(rest[int(fields) :]),
        )

    @property
    def given(self) -> tuple[Given, ...]:
        """The body's fields and their slots."""
        return tuple(Given(name, Slot(self.number + at)) for at, name in enumerate(self.names))
