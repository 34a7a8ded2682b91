"""Tell whether an index serves a question, and if not, which one is missing."""

from __future__ import annotations

from kingpost.model.expressions import (
    TRUE,
    And,
    Column,
    Compare,
    Expression,
    IsNull,
    Name,
    Or,
    Quantified,
    Slot,
    Through,
    walk,
)
from kingpost.model.manifest import Entity
from kingpost.model.resolve import Scope
from kingpost.query.operations import Group, Read
from kingpost.query.order import bind_sort
from kingpost.query.stages import Rows, Scan

_SERVED = frozenset({"eq", "in", "gt", "gte", "lt", "lte"})


def unserved(operation: Read | Group, source: Rows, scope: Scope) -> Scan | None:
    """None where an index serves `operation`, else the Scan it would be.

    One top-level filter, or an explicit sort, has to lead an index; further filters refine it. With
    no filter the key's order serves a read, and a grouped read needs its first key to lead an index.
    """
    entity = source.entity
    if source.where == TRUE:
        needed = None if not isinstance(operation, Group) else operation.by[0].path
        if needed is None and not operation.sort:
            return None
        if needed is not None and len(needed) == 1 and _leads(entity, needed[0]):
            return None
    elif _filter_served(source.where, entity, scope):
        return None
    if not isinstance(operation, Group) and operation.sort and _sort_served(operation, scope):
        return None
    return _scan(operation, source, scope)


def _filter_served(where: Expression, entity: Entity, scope: Scope) -> bool:
    match where:
        case And(parts):
            return any(_filter_served(part, entity, scope) for part in parts)
        case Or(parts):
            return all(_filter_served(part, entity, scope) for part in parts)
        case Compare(operator, Column(field), Slot()):
            return field.open or (operator in _SERVED and _leads(entity, field.name))
        case IsNull(Column(field)):
            return field.open or _leads(entity, field.name)
        case Through(relation, inner) | Quantified("some", relation, inner):
            return _filter_served(inner, scope.entities[relation.target], scope)
        case _:
            return False


def _sort_served(operation: Read | Group, scope: Scope) -> bool:
    first = bind_sort(operation.sort, scope)[0]
    if not isinstance(first.value, Column):
        return False
    field = first.value.field
    if field.open or scope.entity.key[0] == field.name:
        return True
    # Nulls stand last in both directions, so an index on a nullable field serves one direction only.
    return any(
        index.keys[0].field == field.name and (not field.nullable or index.keys[0].descending == first.descending)
        for index in scope.entity.indexes
        if index.where == TRUE
    )


def _leads(entity: Entity, name: str) -> bool:
    leading = {index.keys[0].field for index in entity.indexes if index.where == TRUE}
    return name in leading or entity.key[0] == name


def _scan(operation: Read | Group, source: Rows, scope: Scope) -> Scan:
    entity = source.entity
    of, name = _wanted(operation, source, scope)
    return Scan(
        entity.name,
        entity.scan_rows_max,
        f"no index of {of} serves this question, and {entity.name} has more than {entity.scan_rows_max:,} rows",
        f'filter or sort by an indexed field first, or declare Index("{name}") or Open() on {of}.{name}',
    )


def _wanted(operation: Read | Group, source: Rows, scope: Scope) -> tuple[str, str]:
    """The entity and field whose index would help first."""
    if isinstance(operation, Group) and source.where == TRUE:
        return source.entity.name, operation.by[0].path[0]
    for node in walk(source.where):
        if isinstance(node, Column):
            return source.entity.name, node.field.name
        if isinstance(node, Through | Quantified):
            behind = scope.entities[node.relation.target]
            return _wanted(operation, Rows(behind, node.inner if isinstance(node, Through) else node.condition), scope)
    path = next((order.by.path for order in operation.sort if isinstance(order.by, Name)), source.entity.key)
    return source.entity.name, path[0]
