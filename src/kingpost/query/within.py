"""Rewrite an expression knowing, for each part, of which entity's rows it is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from kingpost.errors import Forbidden
from kingpost.model.expressions import Column, Expression, Quantified, Through, rebuild
from kingpost.model.manifest import Entity

Change: TypeAlias = Callable[[Expression, Entity], Expression]


def rewrite_within(
    expression: Expression, entity: Entity, entities: Mapping[str, Entity], change: Change
) -> Expression:
    """Rebuild `expression` bottom-up; `change` is given each node after its parts, and the entity it is asked of."""
    behind = entities[expression.relation.target] if isinstance(expression, Through | Quantified) else entity
    rebuilt = rebuild(expression, lambda part: rewrite_within(part, behind, entities, change))
    return change(rebuilt, entity)


def expanded(expression: Expression, entity: Entity, entities: Mapping[str, Entity]) -> Expression:
    """`expression` with every computed field replaced by what it is made of.

    Raises:
        Forbidden: one is made in Python, where no store can follow.
    """

    def change(node: Expression, of: Entity) -> Expression:
        if not isinstance(node, Column) or node.field.computed is None:
            return node
        return expanded(formula(node, of), of, entities)

    return rewrite_within(expression, entity, entities, change)


def formula(column: Column, entity: Entity) -> Expression:
    """What a computed field is made of.

    Raises:
        Forbidden: it is made in Python, where no store can follow.
    """
    name = column.field.name
    expression = entity.computed[name].expression
    if expression is None:
        raise Forbidden(f"{name} is made in Python: it can be read, but not asked about", where=name)
    return expression
