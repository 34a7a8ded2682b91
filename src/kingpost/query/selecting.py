"""Bind what is read of rows: the fields, includes, filter, order and page of one Read. Part of bind."""

from __future__ import annotations

from dataclasses import dataclass, field

from kingpost.errors import Malformed, TooLarge, UnknownName
from kingpost.model.expressions import TRUE, Column, Compare, Expression, Slot, both
from kingpost.model.fields import Relation
from kingpost.model.manifest import Entity, Manifest, suggest
from kingpost.model.resolve import Scope
from kingpost.query.conditions import bind_condition
from kingpost.query.fingerprint import fingerprint
from kingpost.query.operations import Include, Read
from kingpost.query.order import bind_page, bind_sort
from kingpost.query.slots import Slots
from kingpost.query.stages import Cost, Derived, Member, Nested, Output, Rows, Select

DEPTH_MAX = 8
INCLUDES_MAX = 50


def cost_of(select: Select) -> Cost:
    """What `select` reads at most, its nested parts within each row."""
    limit = None if select.limit is None else select.limit.number
    return Cost(limit, tuple(cost_of(one.select) for one in select.members if isinstance(one, Nested)))


@dataclass(slots=True)
class Selecting:
    """What binding the parts of one Read shares."""

    manifest: Manifest
    slots: Slots
    private: bool = False
    includes: int = field(default=0)

    def select(self, read: Read, entity: Entity, at: str, depth: int = 0) -> Select:
        scope = Scope(self.manifest.entities, entity, self.private)
        where = both(self.key(read.key, entity), bind_condition(read.where, scope, self.slots, at and f"{at}where."))
        members = self._members(read, entity, at, depth)
        if read.key is not None:
            return Select(Rows(entity, where), members, single=True)
        sort = bind_sort(read.sort, scope)
        mark = fingerprint(read, at)
        return Select(
            source=Rows(entity, where),
            members=members,
            sort=sort,
            limit=self.slots.limit(read.limit, f"{at}limit"),
            page=bind_page(read.cursor, sort, self.slots, f"{at}cursor", mark),
            counted=None if read.count == "none" else Rows(entity, where),
            count=read.count,
            fingerprint=mark,
        )

    def shown(self, read: Read, entity: Entity) -> Select:
        """What is answered of one row that is at hand: its fields and includes."""
        return Select(Rows(entity), self._members(read, entity, "", 0), single=True)

    def key(self, key: tuple[Slot, ...] | None, entity: Entity) -> Expression:
        """That a row has this key; TRUE without one."""
        if key is None:
            return TRUE
        if len(key) != len(entity.key):
            parts = ", ".join(entity.key)
            raise Malformed(f"a {entity.name} is named by {len(entity.key)} key values: {parts}", where="key")
        return both(*(self._is(entity, name, given) for name, given in zip(entity.key, key, strict=True)))

    def _is(self, entity: Entity, name: str, given: Slot) -> Expression:
        one = entity.fields[name]
        return Compare("eq", Column(one), self.slots.value(given.number, one.type, name))

    def _members(self, read: Read, entity: Entity, at: str, depth: int) -> tuple[Member, ...]:
        asked = read.fields is not None
        shown = entity.fields if self.private else entity.public()
        names = list(shown) if read.fields is None else list(read.fields)
        if len(set(names)) < len(names):
            raise Malformed("a field is named twice", where=f"{at}fields")
        members = {name: _member(entity, name, asked, self.private) for name in names}
        for include in read.includes:
            nested = self._nested(include, entity, at, depth + 1)
            if isinstance(members.get(nested.name), Nested):
                raise Malformed(f"{nested.name} is included twice", where="include")
            members[nested.name] = nested
        return tuple(members.values())

    def _nested(self, include: Include, entity: Entity, at: str, depth: int) -> Nested:
        self.includes += 1
        if depth > DEPTH_MAX or self.includes > INCLUDES_MAX:
            raise TooLarge(f"includes go at most {DEPTH_MAX} deep and are at most {INCLUDES_MAX}", where="include")
        relation = entity.relations.get(include.relation)
        if relation is None:
            hint = suggest(include.relation, entity.relations)
            raise UnknownName(f"{entity.name} has no relation {include.relation!r}", hint=hint, where="include")
        target = self.manifest.entity(relation.target)
        at = f"{at}{relation.name}."
        if not relation.many:
            return Nested(relation.name, relation, self._one(include.read, target, at, depth))
        return Nested(relation.name, relation, self.select(include.read, target, at, depth), self._between(relation))

    def _one(self, read: Read, target: Entity, at: str, depth: int) -> Select:
        if read.limit or read.cursor or read.sort or read.where != TRUE:
            raise Malformed(
                f"{at[:-1]} is one row: it takes no limit, cursor, sort or where", hint=f"use {at}fields", where=at[:-1]
            )
        return Select(Rows(target), self._members(read, target, at, depth), single=True)

    def _between(self, relation: Relation) -> Rows | None:
        return None if relation.middle is None else Rows(self.manifest.entity(relation.middle.entity))


def _member(entity: Entity, name: str, asked: bool, private: bool) -> Member:
    one = entity.fields[name] if private and name in entity.fields else entity.field(name)
    if one.computed != "python":
        return Output(name, Column(one), one.type, asked)
    computed = entity.computed[name]
    needs = tuple(Output(need, Column(entity.fields[need]), entity.fields[need].type) for need in computed.needs)
    return Derived(name, computed.function or name, one.type, needs, asked)
