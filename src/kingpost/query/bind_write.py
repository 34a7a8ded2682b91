"""Bind a write: which fields it fills and from where, the rows it is about, what follows from a deletion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from kingpost.errors import Detail, Invalid, Malformed, UnknownName
from kingpost.model.expressions import TRUE, Slot, both
from kingpost.model.fields import Field
from kingpost.model.manifest import Entity, Manifest
from kingpost.model.resolve import Scope
from kingpost.model.types import INT, TEXT, Scalar
from kingpost.query.conditions import bind_condition
from kingpost.query.consequences import consequences
from kingpost.query.indexes import unserved
from kingpost.query.operations import ROWS_WRITTEN_MAX, Create, Delete, Given, Hold, Read, Update, Upsert, Write
from kingpost.query.selecting import Selecting, cost_of
from kingpost.query.slots import Slots
from kingpost.query.stages import (
    Alteration,
    Assigned,
    Bound,
    Change,
    Cost,
    Creation,
    Reference,
    Removal,
    Rows,
    Scan,
    SlotSpec,
)
from kingpost.query.touched import roles_named

SET_ROWS_MAX = 10_000
"""So many rows a set-based write may change."""
ROWS = "/*"
"""Stands in a fault's pointer for the number of a row: the shape of a bulk body does not say which rows have a field."""
_UNFIT = Invalid.code


def bind_write(operation: Write, manifest: Manifest, *, private: bool = False) -> Bound:
    """Fit a write to `manifest`.

    Args:
        operation: the write.
        manifest: of the app.
        private: whether it may fill private fields, as a team's own code may.

    Raises:
        UnknownName, Mistyped, Malformed, TooLarge: as `bind`; faults of the body are kept in the Bound.
    """
    slots = Slots()
    binding = _Binding(manifest, manifest.entity(operation.entity), Selecting(manifest, slots, private), slots, private)
    change = binding.change(operation)
    cost = Cost(None) if change.shown is None else cost_of(change.shown)
    roles = roles_named(change, manifest)
    return Bound(change, tuple(slots.specs), manifest, roles, cost, binding.scan, tuple(binding.faults))


@dataclass(slots=True)
class _Binding:
    """What binding the parts of one write shares."""

    manifest: Manifest
    entity: Entity
    selecting: Selecting
    slots: Slots
    private: bool
    faults: list[Detail] = field(default_factory=list)
    scan: Scan | None = None
    rows: bool = False

    def change(self, operation: Write) -> Change:
        match operation:
            case Create():
                return self.create(operation)
            case Update():
                return self.update(operation)
            case Upsert():
                return self.upsert(operation)
            case Delete():
                return self.delete(operation)
            case Hold():
                return self.hold(operation)

    def create(self, operation: Create) -> Change:
        many = self.rows = operation.rows is not None
        given = self._given(operation.given, column=many)
        return Change(
            entity=self.entity,
            single=not many,
            creation=Creation(tuple(self._created(given, many)), references=self._references(given)),
            rows=None if operation.rows is None else self._rows(operation.rows),
            shown=self.selecting.shown(operation.shown, self.entity),
            rows_max=ROWS_WRITTEN_MAX if many else 1,
        )

    def update(self, operation: Update) -> Change:
        given = self._given(operation.given)
        for name in self.entity.key:
            if given.pop(name, None) is not None:
                self._fault(name, "the key of a row never changes", hint="create another row, and delete this one")
        assigned = (*(_assigned(self.entity, name, slot) for name, slot in given.items()), *self._touched())
        if not given:
            assigned = ()
        return Change(
            entity=self.entity,
            target=self._target(operation),
            single=operation.key is not None,
            alteration=Alteration(assigned, references=self._references(given)),
            version=self._version(operation.version),
            shown=None if operation.shown is None else self.selecting.shown(operation.shown, self.entity),
            rows_max=1 if operation.key is not None else SET_ROWS_MAX,
        )

    def upsert(self, operation: Upsert) -> Change:
        target = Rows(self.entity, self.selecting.key(operation.key, self.entity))
        given = self._given(operation.given)
        keys = self._keys(operation, given)
        created = tuple(self._created({**given, **keys}))
        altered = tuple(one for one in created if self._replaced(one.field)) + tuple(self._touched())
        references = self._references(given)
        return Change(
            entity=self.entity,
            target=target,
            creation=Creation(created, references=self._references({**given, **keys})),
            alteration=None if operation.new_only else Alteration(altered, references=references),
            version=self._version(operation.version),
            shown=self.selecting.shown(operation.shown, self.entity),
        )

    def hold(self, operation: Hold) -> Change:
        return Change(
            entity=self.entity,
            target=Rows(self.entity, self.selecting.key(operation.key, self.entity)),
            alteration=Alteration((), policy=operation.policy),
            version=self._version(operation.version),
            shown=self.selecting.shown(operation.shown, self.entity),
        )

    def delete(self, operation: Delete) -> Change:
        stamp = tuple(self._stamp(one) for one in self.entity.fields.values() if one.managed == "deleted")
        return Change(
            entity=self.entity,
            target=self._target(operation),
            single=operation.key is not None,
            removal=Removal(stamp=stamp, consequences=consequences(self.entity, self.manifest)),
            version=self._version(operation.version),
            rows_max=1 if operation.key is not None else SET_ROWS_MAX,
        )

    # --- Which rows --------------------------------------------------------------------------------------------------

    def _target(self, operation: Update | Delete) -> Rows:
        scope = Scope(self.manifest.entities, self.entity, self.private)
        where = bind_condition(operation.where, scope, self.slots)
        if operation.key is not None:
            return Rows(self.entity, both(self.selecting.key(operation.key, self.entity), where))
        if where == TRUE:
            raise Malformed(
                f"this would write all of {self.entity.path}", hint="name one row in the path, or filter by parameters"
            )
        rows = Rows(self.entity, where)
        self.scan = unserved(Read(self.entity.name, where=operation.where), rows, scope)
        return rows

    def _rows(self, rows: Slot) -> Slot:
        spec = SlotSpec("value", INT, rows.number, minimum=1, name="rows", maximum=ROWS_WRITTEN_MAX, where="body")
        return self.slots.add(spec)

    def _version(self, version: Slot | None) -> Slot | None:
        return None if version is None else self.slots.value(version.number, INT, "If-Match")

    # --- What is put into them ---------------------------------------------------------------------------------------

    def _given(self, given: tuple[Given, ...], column: bool = False) -> dict[str, Slot]:
        """The slot of each field that is given and may be; what may not is a fault."""
        found: dict[str, Slot] = {}
        for one in given:
            stored = self._writable(one.field)
            if stored is not None:
                spec = SlotSpec(
                    "value", stored.type, one.value.number, where=f"/{one.field}", stored=stored, column=column
                )
                found[one.field] = self.slots.add(spec)
        return found

    def _writable(self, name: str) -> Field | None:
        stored = self.entity.fields.get(name)
        if stored is None or (stored.private and not self.private):
            try:
                self.entity.field(name)
            except UnknownName as unknown:
                message = unknown.message
                if name in self.entity.relations:
                    message = f"{name} are rows of their own, which cannot be written here"
                self._fault(name, message, hint=unknown.hint, code=UnknownName.code)
            return None
        if stored.computed is None and stored.managed is None:
            return stored
        self._fault(name, f"{name} is {'computed, not stored' if stored.computed else 'set by the service itself'}")
        return None

    def _fault(self, name: str, message: str, *, hint: str | None = None, code: str = _UNFIT) -> None:
        at = f"{ROWS if self.rows else ''}/{_pointer(name)}"
        self.faults.append(Detail(at, message if hint is None else f"{message} ({hint})", code))

    def _created(self, given: dict[str, Slot], column: bool = False) -> Iterator[Assigned]:
        """Every stored field of a new row."""
        for name, one in self.entity.fields.items():
            if one.computed is None:
                slot = given.get(name)
                yield Assigned(one, slot or self._absent(one, column), given=slot is not None)

    def _absent(self, one: Field, column: bool) -> Slot:
        """What a new row holds where nobody says."""
        if one.managed is not None:
            return self._managed(one)
        if one.name == self.entity.tenant:
            return self.slots.add(SlotSpec("me", one.type, name=one.name, where=f"me.{one.name}", required=True))
        if one.default is None:
            if not one.nullable:
                self._fault(one.name, f"{one.name} needs a value: it has no default")
            return self.slots.add(SlotSpec("fixed", one.type, where=f"/{one.name}"))
        match one.default.kind:
            case "constant":
                return self.slots.add(SlotSpec("fixed", one.type, value=one.default.value, stored=one))
            case "now":
                return self.slots.add(SlotSpec("call", one.type, name="now"))
            case "uuid7":
                return self.slots.add(SlotSpec("default", one.type, stored=one, column=column))

    def _managed(self, one: Field) -> Slot:
        if one.managed == "deleted":
            return self.slots.add(SlotSpec("fixed", one.type, name=one.name))
        return self._stamp(one).value

    def _stamp(self, one: Field) -> Assigned:
        """When or by whom: the time of the call, or the caller's id."""
        if one.type.scalar is Scalar.DATETIME:
            return Assigned(one, self.slots.add(SlotSpec("call", one.type, name="now")))
        return Assigned(one, self.slots.add(SlotSpec("me", TEXT, name="id", where="me.id")))

    def _touched(self) -> Iterator[Assigned]:
        return (self._stamp(one) for one in self.entity.fields.values() if one.managed == "updated")

    def _replaced(self, one: Field) -> bool:
        """Whether putting a row in another's place puts this, too: not its key, nor what callers never see."""
        return one.name not in self.entity.key and one.managed is None and (self.private or not one.private)

    def _keys(self, operation: Upsert, given: dict[str, Slot]) -> dict[str, Slot]:
        """The slots of the key; one that the body names as well has to be the same."""
        found: dict[str, Slot] = {}
        for name, asked in zip(self.entity.key, operation.key, strict=True):
            found[name] = self.slots.value(asked.number, self.entity.fields[name].type, name)
            again = given.pop(name, None)
            if again is not None:
                number = again.number
                self.slots.specs[number] = replace(self.slots.specs[number], same=found[name].number)
        return found

    def _references(self, given: dict[str, Slot]) -> tuple[Reference, ...]:
        relations = self.entity.relations.values()
        return tuple(
            Reference(one, Rows(self.manifest.entities[one.target]))
            for one in relations
            if not one.many and one.local in given
        )


def _assigned(entity: Entity, name: str, slot: Slot) -> Assigned:
    return Assigned(entity.fields[name], slot, given=True)


def _pointer(name: str) -> str:
    """A name as a part of a JSON pointer (RFC 6901, 3), cut short: it may be anything."""
    return name[:80].replace("~", "~0").replace("/", "~1")
