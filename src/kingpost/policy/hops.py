"""What the policy adds at each hop of a question, one function a hop, in a table that a test can thin out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from kingpost.errors import Forbidden
from kingpost.model.expressions import (
    FALSE,
    TRUE,
    Choose,
    Column,
    Compare,
    Expression,
    IsNull,
    both,
)
from kingpost.model.manifest import Entity
from kingpost.policy.rules import Rules
from kingpost.query.stages import SlotSpec

Hop: TypeAlias = Callable[[Expression, Entity, Rules], Expression]


def row(where: Expression, entity: Entity, rules: Rules) -> Expression:
    """The rows a question asks for."""
    return _readable(where, entity, rules)


def include(where: Expression, entity: Entity, rules: Rules) -> Expression:
    """The rows nested in other rows, and those between the ends of many-to-many."""
    return _readable(where, entity, rules)


def relation_filter(where: Expression, entity: Entity, rules: Rules) -> Expression:
    """The rows a filter, a group key, an aggregate or a computed field looks at through a relation."""
    return _readable(where, entity, rules)


def sort(where: Expression, entity: Entity, rules: Rules) -> Expression:
    """The rows a sort key looks at through a relation."""
    return _readable(where, entity, rules)


def count(where: Expression, entity: Entity, rules: Rules) -> Expression:
    """The rows a count counts."""
    return _readable(where, entity, rules)


def aggregate(where: Expression, entity: Entity, rules: Rules) -> Expression:
    """The rows that fall into buckets."""
    return _readable(where, entity, rules)


def mask(value: Expression, entity: Entity, rules: Rules) -> Expression:
    """A field as the caller may see it: itself, null where its rule is not true, or refused."""
    if not isinstance(value, Column):
        return value
    visible = rules.visible(entity, value.field.name)
    if visible == TRUE:
        return value
    if visible == FALSE:
        raise Forbidden(f"you may not see {value.field.name} of {entity.name}", where=value.field.name)
    return Choose(visible, value)


def tenant(where: Expression, entity: Entity, rules: Rules) -> Expression:
    """Only rows of the caller's tenant; a caller without one is refused when the values are filled in."""
    if entity.tenant is None:
        return where
    field = entity.fields[entity.tenant]
    spec = SlotSpec("me", field.type, name=field.name, where=f"me.{field.name}", required=True)
    return both(where, Compare("eq", Column(field), rules.slots.add(spec)))


def deleted(where: Expression, entity: Entity, _rules: Rules) -> Expression:
    """No rows that were softly deleted."""
    if entity.soft_delete is None:
        return where
    return both(where, IsNull(Column(entity.fields[entity.soft_delete])))


def create(admits: Expression, entity: Entity, rules: Rules) -> Expression:
    """A new row, as it will be stored."""
    return both(admits, rules.decided(entity.policy.create, entity))


def update(admits: Expression, entity: Entity, rules: Rules) -> Expression:
    """A row to be changed, as it is and as it will be."""
    return both(admits, rules.decided(entity.policy.update, entity))


def delete(admits: Expression, entity: Entity, rules: Rules) -> Expression:
    """A row to be deleted, by itself or with what it refers to."""
    return both(admits, rules.decided(entity.policy.delete, entity))


def written(value: Expression, entity: Entity, rules: Rules) -> Expression:
    """A field that is written: who may not see it in a row may not write it there."""
    if not isinstance(value, Column):
        return value
    visible = rules.visible(entity, value.field.name)
    if visible == FALSE:
        raise Forbidden(f"you may not write {value.field.name} of {entity.name}", where=f"/{value.field.name}")
    return value if visible == TRUE else Choose(visible, value)


def reference(where: Expression, entity: Entity, rules: Rules) -> Expression:
    """The rows that a written Ref may name."""
    return _readable(where, entity, rules)


HOPS: Mapping[str, Hop] = MappingProxyType(
    {
        hop.__name__: hop
        for hop in (
            row, include, relation_filter, sort, count, aggregate, mask, tenant, deleted,
            create, update, delete, written, reference,
        )
    }
)  # fmt: skip
SYSTEM: Mapping[str, Hop] = MappingProxyType(
    {**dict.fromkeys(HOPS, lambda expression, _entity, _rules: expression), "deleted": deleted}
)
"""For a team's own code, past every policy: all rows but deleted ones."""


def _readable(where: Expression, entity: Entity, rules: Rules) -> Expression:
    readable = rules.readable(entity)
    if readable == FALSE:
        raise Forbidden(f"you may not read {entity.name}")
    return both(where, readable)
