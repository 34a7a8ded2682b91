"""Random sequences of writes over a random model: right and wrong values, versions, keys, references and callers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from hypothesis import strategies as st
from msgspec import UNSET

from kingpost.call import Actor
from kingpost.model.expressions import TRUE, Expression, Slot
from kingpost.model.manifest import Entity
from kingpost.model.resolve import Scope, resolve
from kingpost.query.operations import Create, Delete, Given, Hold, Include, Read, Update, Upsert, Write
from tests.differential.models import World, rules
from tests.differential.reads import Asking, conditions, include
from tests.differential.write_models import given_values

STEPS_MIN = 3
NEW_KEYS = tuple(range(7, 16))
MISSING = 99
WRONG: tuple[Any, ...] = (None, "no", 1.5, True, [], "a\x00", 2**70, {"$ref": "a"})
_Draw = st.DrawFn
_T = TypeVar("_T")


@dataclass(frozen=True)
class Version:
    """Stands among a step's values for the version that its row has then, or for another."""

    wanted: Literal["right", "stale"]


@dataclass
class Step:
    """One write by one caller; `special` is what was put in on purpose, to be counted."""

    verb: str
    entity: Entity
    operation: Write
    values: list[object]
    actor: Actor
    system: bool
    key: int | None
    special: frozenset[str]

    @property
    def given(self) -> Sequence[Given]:
        """What the body names."""
        return self.operation.given if isinstance(self.operation, Create | Update | Upsert) else ()

    def __str__(self) -> str:
        who = "the system" if self.system else str(self.actor)
        return f"{self.verb} of {self.entity.name} by {who}\n    {self.operation}\n    {self.values}"


@st.composite
def steps(draw: st.DrawFn, world: World, actors: Sequence[Actor], steps_max: int) -> list[Step]:
    """A sequence of writes to entities of the world; the last of `actors` asks most."""
    asking = [*actors, actors[-1], actors[-1]]
    count = draw(st.integers(STEPS_MIN, steps_max))
    return [_step(draw, world, _pick(draw, asking)) for _ in range(count)]


def _step(draw: _Draw, world: World, actor: Actor) -> Step:
    verb = _pick(draw, _OFTEN)
    entities = list(world.manifest.entities.values())
    if not verb.startswith("create"):
        entities = [one for one in entities if world.rows[one.name]] or entities
    entity = _pick(draw, entities)
    system = _once_in(draw, 10)
    drawing = _Drawing(draw, world, entity, Asking(world.manifest), system, wrong=_once_in(draw, 10))
    operation = VERBS[verb](drawing)
    values = drawing.asking.values
    return Step(verb, entity, operation, values, actor, system, drawing.key, frozenset(drawing.special))


def _pick(draw: _Draw, among: Sequence[_T]) -> _T:
    """As sampled_from, of which making one takes longer than drawing from it."""
    return among[draw(st.integers(0, len(among) - 1))]


def _once_in(draw: _Draw, times: int) -> bool:
    return draw(st.integers(1, times)) == 1


@dataclass
class _Drawing:
    """What drawing the parts of one write shares."""

    draw: _Draw
    world: World
    entity: Entity
    asking: Asking
    system: bool
    wrong: bool
    key: int | None = None
    special: set[str] = field(default_factory=set)

    def once_in(self, times: int) -> bool:
        return _once_in(self.draw, times)

    def pick(self, among: Sequence[_T]) -> _T:
        return _pick(self.draw, among)

    def slot(self, value: object) -> Slot:
        return self.asking.slot(value)

    def row(self) -> tuple[Slot, ...]:
        """The key of a row that is there, most likely."""
        self.key = self.pick([*self._keys(self.entity.name) * 3, 7, 8, MISSING])
        return (self.slot(self.key),)

    def version(self) -> Slot | None:
        wanted: Any = self.pick([None, None, "right", "stale"])
        if wanted is None:
            return None
        self.special.add(f"{wanted} version")
        return self.slot(Version(wanted))

    def where(self) -> Expression:
        return self.draw(conditions(self.entity, self.asking, 1))

    def shown(self) -> Read:
        """Some of the fields and, at times, related rows."""
        entity, includes = self.entity, ()
        if entity.relations and self.once_in(3):
            self.special.add("includes")
            name = self.pick(sorted(entity.relations))
            includes = (self.draw(include(entity, name, self.asking, 1)),)
        if not self.once_in(4):
            return _read(None, includes)
        names = self.draw(st.lists(st.sampled_from(sorted(entity.public())), min_size=1, max_size=4, unique=True))
        return _read(tuple(names), includes)

    def new(self) -> list[str]:
        """The fields that a new row is given: those that it needs and some others, or not."""
        names = [name for name in self._writable() if self._needed(name) or self.once_in(2)]
        if self.once_in(15) and names:
            self.special.add("left out")
            names.remove(self.pick(names))
        return self._and_odd(names)

    def changed(self) -> tuple[Given, ...]:
        """Some fields of a stored row, or none."""
        writable = [name for name in self._writable() if name != "id"]
        names = self.draw(st.lists(st.sampled_from(writable), max_size=3, unique=True))
        if not names:
            self.special.add("nothing given")
        if self.once_in(20):
            names = [*names, "id"]
        return self.given(self._and_odd(names))

    def given(self, names: Sequence[str]) -> tuple[Given, ...]:
        return tuple(Given(name, self.slot(self.value(name))) for name in names)

    def columns(self, names: Sequence[str], rows: int) -> tuple[Given, ...]:
        return tuple(Given(name, self.slot([self._cell(name) for _ in range(rows)])) for name in names)

    def value(self, name: str) -> object:
        one = self.entity.fields.get(name)
        if name == self.entity.tenant:
            self.special.add("tenant given")
        if self.wrong and self.once_in(3):
            self.special.add("wrong value")
            return self.pick(WRONG)
        if one is None or one.computed or one.managed:
            return None
        if name == "id":
            return self.pick([*NEW_KEYS, *NEW_KEYS, *self._keys(self.entity.name)])
        if one.ref is not None:
            return self._reference(one.ref, one.nullable)
        if name == self.entity.tenant:
            return self.pick([0, 1, 2, 2])
        if one.nullable and self.once_in(5):
            return None
        return self.draw(given_values(one))

    def _cell(self, name: str) -> object:
        if self.once_in(50):
            self.special.add("gap")
            return UNSET
        return self.value(name)

    def _reference(self, target: str, nullable: bool) -> object:
        keys = self._keys(target)
        return self.pick([*keys * 3, 7, MISSING, *([None, None] if nullable else [])])

    def _keys(self, entity: str) -> list[int]:
        return [int(str(row["id"])) for row in self.world.rows[entity]]

    def _writable(self) -> list[str]:
        fields = self.entity.fields.values()
        return [one.name for one in fields if not one.computed and not one.managed and (self.system or not one.private)]

    def _needed(self, name: str) -> bool:
        one = self.entity.fields[name]
        return not (one.nullable or one.default or name == self.entity.tenant)

    def _and_odd(self, names: list[str]) -> list[str]:
        """At times with a field that cannot be written, or is none."""
        if not self.once_in(25):
            return names
        odd = [*(set(self.entity.fields) - set(self._writable())), *self.entity.relations, "nothing"]
        found = self.pick(sorted(set(odd) - set(names)))
        self.special.add("odd field")
        return [*names, found]


def _read(fields: tuple[str, ...] | None, includes: tuple[Include, ...]) -> Read:
    return Read("", fields=fields, includes=includes)


def _create(one: _Drawing) -> Write:
    return Create(one.entity.name, one.given(one.new()), one.shown())


def _create_many(one: _Drawing) -> Write:
    rows = one.pick([1, 2, 2, 3])
    if rows > 1:
        one.special.add("several rows")
    return Create(one.entity.name, one.columns(one.new(), rows), one.shown(), one.slot(rows))


def _update(one: _Drawing) -> Write:
    key, given = one.row(), one.changed()
    where = one.where() if one.once_in(10) else TRUE
    return Update(one.entity.name, given, key, where, one.version(), one.shown())


def _update_set(one: _Drawing) -> Write:
    return Update(one.entity.name, one.changed(), where=one.where())


def _upsert(one: _Drawing, *, new_only: bool = False) -> Write:
    key = one.row()
    names = [name for name in one.new() if name != "id"]
    given = one.given(names)
    if one.once_in(6):
        other = one.once_in(4)
        one.special.add("another key in the body" if other else "the key in the body")
        given += (Given("id", one.slot(5 if other else one.key)),)
    version = None if new_only else one.version()
    return Upsert(one.entity.name, given, key, one.shown(), version, new_only)


def _upsert_new(one: _Drawing) -> Write:
    return _upsert(one, new_only=True)


def _delete(one: _Drawing) -> Write:
    return Delete(one.entity.name, one.row(), version=one.version())


def _delete_set(one: _Drawing) -> Write:
    return Delete(one.entity.name, where=one.where())


def _hold(one: _Drawing) -> Write:
    rule = TRUE if one.once_in(2) else one.draw(rules(one.entity))
    policy = resolve(rule, Scope(one.world.manifest.entities, one.entity, private=True))
    return Hold(one.entity.name, one.row(), policy, one.shown(), one.version())


VERBS: Mapping[str, Callable[[_Drawing], Write]] = {
    "create": _create,
    "create many": _create_many,
    "update": _update,
    "update set": _update_set,
    "upsert": _upsert,
    "upsert new": _upsert_new,
    "delete": _delete,
    "delete set": _delete_set,
    "hold": _hold,
}
_OFTEN = (*VERBS, "create", "create many", "update", "update", "upsert", "upsert", "delete")
