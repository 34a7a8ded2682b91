"""Decide a rule for a set of roles: what depends on roles alone is settled, the rest takes slots."""

from __future__ import annotations

from dataclasses import dataclass

from kingpost.model.expressions import (
    FALSE,
    TRUE,
    And,
    Column,
    Expression,
    FromCall,
    HasRole,
    Not,
    Or,
    Quantified,
    Through,
    both,
    either,
    negate,
    rewrite,
    walk,
)
from kingpost.model.manifest import Entity, Manifest
from kingpost.model.types import TEXT
from kingpost.query.slots import Slots
from kingpost.query.stages import SlotSpec


@dataclass(frozen=True, slots=True)
class Rules:
    """The manifest's policies as they stand for a caller with `roles`; `slots` takes what they need of the call."""

    manifest: Manifest
    roles: frozenset[str]
    slots: Slots

    def readable(self, entity: Entity) -> Expression:
        """Which rows of `entity` the caller may read."""
        return self.decide(entity.policy.read)

    def visible(self, entity: Entity, name: str) -> Expression:
        """In which rows the caller may see the field: its own rule, or for a computed one its inputs'."""
        rule = entity.policy.fields.get(name)
        if rule is not None:
            return self.decide(rule)
        computed = entity.computed.get(name)
        if computed is None:
            return TRUE
        if computed.expression is None:
            return both(*(self.visible(entity, need) for need in computed.needs))
        return self._inputs_visible(computed.expression, entity)

    def granted(self, entity: Entity, name: str) -> bool:
        """Whether a computed field has a rule of its own, which then stands for all its inputs."""
        return name in entity.policy.fields

    def decide(self, rule: Expression) -> Expression:
        """Settle roles, fold what follows, and give what is taken from the call its slots."""
        return rewrite(rule, self._settle)

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
            case _:
                return node

    def _inputs_visible(self, expression: Expression, entity: Entity) -> Expression:
        conditions: list[Expression] = []
        for node in walk(expression):
            if isinstance(node, Column) and node.field.name in entity.fields:
                conditions.append(self.visible(entity, node.field.name))
            elif isinstance(node, Through | Quantified):
                target = self.manifest.entities[node.relation.target]
                conditions.append(FALSE if self.readable(target) == FALSE else TRUE)
        return both(*conditions)
