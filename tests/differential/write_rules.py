"""What a write may never have done, asked naively of the tables before and after it: a second opinion on both stores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from kingpost.model.expressions import (
    FALSE,
    TRUE,
    Column,
    Constant,
    Expression,
    FromCall,
    HasRole,
    IsNull,
    Quantified,
    Through,
    rewrite,
)
from kingpost.model.manifest import Entity
from kingpost.model.types import TEXT
from kingpost.query.evaluate import Context, meaning
from kingpost.store.memory.tables import Stored, Tables
from tests.differential.writes import Step

Keyed = Mapping[object, Stored]


def wrongs(step: Step, refused: str, before: Tables, after: Tables) -> Iterator[str]:
    """What should not have been, in words."""
    for name, entity in before.manifest.entities.items():
        was, now = _keyed(before, name), _keyed(after, name)
        if len(now) < len(after.rows(name)):
            yield f"two {name} with one key"
        if refused and was != now:
            yield f"{name} was changed by what was refused"
        if name != step.entity.name and not step.verb.startswith("delete") and was != now:
            yield f"{name} was changed by a {step.verb} of {step.entity.name}"
        yield from _loose(entity, after)
        yield from _Changes(step, entity, before, after).wrongs(was, now)


def _keyed(tables: Tables, entity: str) -> Keyed:
    return {row["id"]: row for row in tables.rows(entity)}


def _loose(entity: Entity, tables: Tables) -> Iterator[str]:
    for relation in entity.relations.values():
        if not relation.many and any(
            row[relation.local] is not None and not tables.related(relation, row) for row in tables.rows(entity.name)
        ):
            yield f"{entity.name}.{relation.name} leads nowhere"


class _Changes:
    """The rows of one entity that a step changed, and whether its caller may."""

    def __init__(self, step: Step, entity: Entity, before: Tables, after: Tables) -> None:
        self.step, self.entity = step, entity
        self.before, self.after = before, after
        self.given = {one.field for one in step.given}

    def wrongs(self, was: Keyed, now: Keyed) -> Iterator[str]:
        for key in [*was, *(now.keys() - was.keys())]:
            old, new = was.get(key), now.get(key)
            if old is None and new is not None:
                yield from self._created(new)
            elif old is not None and (new is None or (self._deleted(new) and not self._deleted(old))):
                yield from self._gone(old)
            elif old is not None and new is not None and old != new:
                yield from self._changed(old, new)
                if new.version != old.version + 1 and self.step.verb[:6] != "delete":
                    yield f"{self._told(new)} has version {new.version} after {old.version}"

    def _created(self, new: Stored) -> Iterator[str]:
        if new.version != 1:
            yield f"{self._told(new)} is new with version {new.version}"
        if not self._holds(self.entity.policy.create, new, self.after):
            yield f"{self._told(new)} may not be created"
        if not self._of_tenant(new):
            yield f"{self._told(new)} is of another tenant"
        yield from self._written(new, new, self.after)

    def _changed(self, old: Stored, new: Stored) -> Iterator[str]:
        if self.step.verb.startswith("delete"):
            emptied = {one.local for one in self.entity.relations.values() if not one.many and one.on_delete == "null"}
            if any(old[name] != new[name] and (name not in emptied or new[name] is not None) for name in old):
                yield f"{self._told(new)} was changed by a deletion"
            return
        may = self.entity.policy.update
        if not (self._readable(old) and self._holds(may, old, self.before) and self._holds(may, new, self.after)):
            yield f"{self._told(old)} may not become {new}"
        if not self._of_tenant(new):
            yield f"{self._told(new)} is of another tenant"
        yield from self._written(old, new, self.before)

    def _written(self, seen: Stored, new: Stored, tables: Tables) -> Iterator[str]:
        """A field that is hidden in a row is not written there, and a Ref names what the caller may read."""
        for name in self.given & self.entity.policy.fields.keys():
            if not self._holds(self.entity.policy.fields[name], seen, tables):
                yield f"{self._told(new)}: {name} may not be written"
        for relation in self.entity.relations.values():
            if relation.local in self.given and not relation.many and new[relation.local] is not None:
                target = self.before.manifest.entities[relation.target]
                changes = _Changes(self.step, target, self.before, self.after)
                if not any(changes._readable(row) for row in self.before.related(relation, new)):
                    yield f"{self._told(new)}: {relation.name} may not name that"

    def _gone(self, old: Stored) -> Iterator[str]:
        if not self.step.verb.startswith("delete"):
            yield f"{self._told(old)} is gone"
        if not self._holds(self.entity.policy.delete, old, self.before):
            yield f"{self._told(old)} may not be deleted"
        if self.entity is self.step.entity and old["id"] == self.step.key and not self._readable(old):
            yield f"{self._told(old)} may not be read, but is deleted"

    def _readable(self, row: Stored) -> bool:
        return (
            not self._deleted(row) and self._of_tenant(row) and self._holds(self.entity.policy.read, row, self.before)
        )

    def _of_tenant(self, row: Stored) -> bool:
        tenant = self.entity.tenant
        return tenant is None or self.step.system or row[tenant] == self.step.actor.claims.get(tenant, ...)

    def _deleted(self, row: Stored) -> bool:
        return self.entity.soft_delete is not None and row[self.entity.soft_delete] is not None

    def _holds(self, rule: Expression, row: Stored, tables: Tables) -> bool:
        return self.step.system or meaning(rewrite(rule, self._settle))(row, Context((), tables.related)) is True

    def _settle(self, node: Expression) -> Expression:
        """Who asks, and that a rule does not see what was softly deleted."""
        match node:
            case HasRole(role):
                return TRUE if role in self.step.actor.roles else FALSE
            case FromCall(_, name, type_):
                return Constant(self.step.actor.claims.get(name), type_ or TEXT)
            case Through(relation) | Quantified(_, relation):
                target = self.before.manifest.entities[relation.target]
                gone = target.soft_delete
                return node if gone is None else replace(node, where=IsNull(Column(target.fields[gone])))
        return node

    def _told(self, row: Stored) -> str:
        return f"{self.entity.name} {dict(row)}"
