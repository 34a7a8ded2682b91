"""Compile a write for the memory store: its conditions become functions, its slots numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kingpost.model.fields import Relation
from kingpost.model.manifest import Entity
from kingpost.query.evaluate import Meaning, meaning
from kingpost.query.rendering import Renderer, renderer
from kingpost.query.stages import Alteration, Assigned, Change, Consequence, Creation, Select, SlotSpec
from kingpost.store.memory.plans import Selecting


@dataclass(frozen=True, slots=True)
class Put:
    """A field, the slot of what is put into it, and whether that is a column with a value for each row."""

    field: str
    slot: int
    column: bool


@dataclass(frozen=True, slots=True)
class Referring:
    """A Ref that is written, and what the row it names has to satisfy."""

    relation: Relation
    admits: Meaning


@dataclass(frozen=True, slots=True)
class Making:
    """How new rows are made and what each has to satisfy."""

    puts: tuple[Put, ...]
    admits: Meaning
    references: tuple[Referring, ...]


@dataclass(frozen=True, slots=True)
class Altering:
    """What changes in a row, and what holds before and after."""

    puts: tuple[Put, ...]
    before: Meaning
    after: Meaning
    references: tuple[Referring, ...]


@dataclass(frozen=True, slots=True)
class Following:
    """What a deletion means for the rows that refer to what is deleted; `then=None`: the same again."""

    consequence: Consequence
    admits: Meaning
    then: tuple[Following, ...] | None


@dataclass(frozen=True, slots=True)
class Removing:
    """Which rows may go, how they are marked if they stay, and what follows."""

    before: Meaning
    stamp: tuple[Put, ...]
    following: tuple[Following, ...]


@dataclass(frozen=True, slots=True)
class Changing:
    """A Change, ready to run; slots by number."""

    entity: Entity
    target: Meaning | None
    single: bool
    rows_max: int
    making: Making | None
    rows: int | None
    altering: Altering | None
    removing: Removing | None
    version: int | None
    shown: Selecting | None
    key: tuple[Renderer, ...]


def changing(change: Change, slots: tuple[SlotSpec, ...], selecting: Callable[[Select], Selecting]) -> Changing:
    """A Change, ready to run.

    Args:
        change: what is to be written.
        slots: of the question.
        selecting: compiles what is shown.
    """
    removal = change.removal
    return Changing(
        entity=change.entity,
        target=None if change.target is None else meaning(change.target.where),
        single=change.single,
        rows_max=change.rows_max,
        making=None if change.creation is None else _making(change.creation, slots),
        rows=None if change.rows is None else change.rows.number,
        altering=None if change.alteration is None else _altering(change.alteration, slots),
        removing=None
        if removal is None
        else Removing(meaning(removal.before), _puts(removal.stamp, slots), _following(removal.consequences)),
        version=None if change.version is None else change.version.number,
        shown=None if change.shown is None else selecting(change.shown),
        key=tuple(renderer(change.entity.fields[name].type) for name in change.entity.key),
    )


def _making(creation: Creation, slots: tuple[SlotSpec, ...]) -> Making:
    return Making(_puts(creation.assigned, slots), meaning(creation.admits), _references(creation))


def _altering(alteration: Alteration, slots: tuple[SlotSpec, ...]) -> Altering:
    puts = _puts(alteration.assigned, slots)
    return Altering(puts, meaning(alteration.before), meaning(alteration.after), _references(alteration))


def _puts(assigned: Iterable[Assigned], slots: tuple[SlotSpec, ...]) -> tuple[Put, ...]:
    return tuple(Put(one.field.name, one.value.number, slots[one.value.number].column) for one in assigned)


def _references(part: Creation | Alteration) -> tuple[Referring, ...]:
    return tuple(Referring(one.relation, meaning(one.target.where)) for one in part.references)


def _following(consequences: tuple[Consequence, ...]) -> tuple[Following, ...]:
    return tuple(
        Following(one, meaning(one.admits), None if one.then is None else _following(one.then)) for one in consequences
    )
