"""Decide a rule for a set of roles: what depends on roles alone is settled, the rest takes slots."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kingpost.model.expressions import (
    FALSE,
    TRUE,
    And,
    Column,
    Expression,
    FromCall,
    HasRole,
    IsNull,
    Not,
    Or,
    Quantified,
    Through,
    both,
    either,
    negate,
    rewrite,
)
from kingpost.model.manifest import Entity, Manifest
from kingpost.model.types import TEXT
from kingpost.query.slots import Slots
from kingpost.query.stages import SlotSpec
from kingpost.query.within import expanded, rewrite_within


@dataclass(frozen=True, slots=True)
class Rules:
    """The manifest's policies as they stand for a caller with `roles`; `slots` takes what they need of the call."""

    manifest: Manifest
    roles: frozenset[str]
    slots: Slots

    def readable(self, entity: Entity) -> Expression:
        """Which rows of `entity` the caller may read."""
        return self.decided(entity.policy.read, entity)

    def visible(self, entity: Entity, name: str) -> Expression:
        """In which rows the caller may see the field: its own rule, or for a computed one its inputs'."""
        rule = entity.policy.fields.get(name)
        if rule is not None:
            return self.decided(rule, entity)
        computed = entity.computed.get(name)
        if computed is None:
            return TRUE
        if computed.expression is None:
            return both(*(self.visible(entity, need) for need in computed.needs))
        rewritten: list[Expression] = []
        rewrite_within(
            computed.expression,
            entity,
            self.manifest.entities,
            lambda node, of: self._seen(node, of, entity, rewritten),
        )
        return both(*rewritten)

    def _seen(self, node: Expression, of: Entity, entity: Entity, conditions: list[Expression]) -> Expression:
        """Add what `node` costs in visibility: an input's own mask here, elsewhere only what roles alone refuse."""
        if isinstance(node, Column):
            visible = self.visible(of, node.field.name)
            if of is entity or visible == FALSE:
                conditions.append(visible)
        elif isinstance(node, Through | Quantified):
            target = self.manifest.entities[node.relation.target]
            if self.readable(target) == FALSE:
                conditions.append(FALSE)
        return node

    def decided(self, rule: Expression, entity: Entity) -> Expression:
        """Settle roles, fold what follows, write out computed fields, give what is taken from the call its slots."""
        return rewrite(expanded(rule, entity, self.manifest.entities), self._settle)

    def _settle(self, node: Expression) -> Expression:
        match node:
            case HasRole(role):
                return TRUE if role in self.roles else FALSE
            case FromCall(source, name, type_, many):
                return self.slots.add(SlotSpec(source, type_ or TEXT, name=name, many=many, where=f"{source}.{name}"))
            case And(parts):
                return both(*parts)
            case Or(parts):
                return either(*parts)
            case Not(inner):
                return negate(inner)
            case Through() | Quantified():
                return replace(node, where=self._kept(self.manifest.entities[node.relation.target]))
            case _:
                return node

    def _kept(self, entity: Entity) -> Expression | None:
        """A rule does not see what was softly deleted: a membership that is gone lets nobody in."""
        return None if entity.soft_delete is None else IsNull(Column(entity.fields[entity.soft_delete]))
