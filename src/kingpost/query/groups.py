"""Bind a grouped read: its keys, aggregates, having and order."""

from __future__ import annotations

from typing import cast

from kingpost.errors import Malformed, Mistyped
from kingpost.model.expressions import (
    Aggregated,
    And,
    Column,
    Compare,
    Expression,
    IsNull,
    Name,
    Not,
    Or,
    Slot,
)
from kingpost.model.resolve import Scope, check_operator, resolve_value
from kingpost.model.types import DECIMAL, FLOAT, INT, NUMERIC, ORDERED, Scalar, Type
from kingpost.query.conditions import bind_condition
from kingpost.query.fingerprint import fingerprint
from kingpost.query.operations import Aggregate, Group, Order
from kingpost.query.order import bind_page, check_distinct
from kingpost.query.slots import Slots
from kingpost.query.stages import Buckets, Output, Rows, SortKey

GROUP_KEYS_MAX = 8
AGGREGATES_MAX = 20


def bind_group(group: Group, scope: Scope, slots: Slots) -> Buckets:
    """Fit a grouped read to its entity.

    Raises:
        UnknownName, Mistyped: a name means nothing, or a function does not go with its field.
        Malformed: there is nothing to group by, or two outputs share a name.
    """
    if not 1 <= len(group.by) <= GROUP_KEYS_MAX or len(group.aggregates) > AGGREGATES_MAX:
        raise Malformed(
            f"group by 1 to {GROUP_KEYS_MAX} fields with at most {AGGREGATES_MAX} aggregates", where="group"
        )
    keys = tuple(_key(name, scope) for name in group.by)
    aggregates = tuple(_aggregate(one, scope) for one in group.aggregates)
    names = [output.name for output in (*keys, *aggregates)]
    if len(set(names)) < len(names):
        raise Malformed("two of the grouped values have one name", where="aggregate")
    where = bind_condition(group.where, scope, slots)
    having = _having(group.having, scope, slots)
    sort = _sort(group.sort, keys, scope)
    mark = fingerprint(group)
    return Buckets(
        source=Rows(scope.entity, where),
        keys=keys,
        aggregates=aggregates,
        having=having,
        sort=sort,
        limit=slots.limit(group.limit, "limit"),
        page=bind_page(group.cursor, sort, slots, "cursor", mark),
        fingerprint=mark,
    )


def _key(name: Name, scope: Scope) -> Output:
    value, field = resolve_value(name.path, scope)
    dotted = ".".join(name.path)
    if field.type.array or field.type.scalar not in ORDERED or field.computed == "python":
        raise Mistyped(f"{dotted} cannot be grouped by", where="group")
    return Output("_".join(name.path), value, field.type, asked=True)


def _aggregate(aggregate: Aggregate, scope: Scope) -> Output:
    value = _aggregated(aggregate, scope)
    suffix = "" if aggregate.of is None else "_" + "_".join(aggregate.of.path)
    return Output(f"{aggregate.function}{suffix}", value, value.type, asked=True)


def _aggregated(aggregate: Aggregate, scope: Scope) -> Aggregated:
    if aggregate.of is None:
        if aggregate.function != "count":
            raise Malformed(
                f"{aggregate.function} needs a field", hint=f"{aggregate.function}:field", where="aggregate"
            )
        return Aggregated("count", None, INT)
    inner, field = resolve_value(aggregate.of.path, scope)
    if field.computed == "python":
        raise Mistyped(f"{field.name} is made in Python and cannot be aggregated", where="aggregate")
    return Aggregated(aggregate.function, inner, _aggregate_type(aggregate, field.type))


def _aggregate_type(aggregate: Aggregate, type_: Type) -> Type:
    what = ".".join(aggregate.of.path) if aggregate.of else "the rows"
    plain = not type_.array and type_.scalar in ORDERED
    match aggregate.function:
        case "count":
            return INT
        case "count_distinct" if plain:
            return INT
        case "min" | "max" if plain and type_.scalar not in (Scalar.BOOL, Scalar.UUID, Scalar.BYTES):
            return type_
        case "sum" | "avg" if plain and type_.scalar in NUMERIC:
            return FLOAT if type_.scalar is Scalar.FLOAT else DECIMAL
        case _:
            raise Mistyped(f"{aggregate.function} does not go with {what}, which is {type_}", where="aggregate")


def _having(having: Expression, scope: Scope, slots: Slots) -> Expression:
    match having:
        case And(parts):
            return And(tuple(_having(part, scope, slots) for part in parts))
        case Or(parts):
            return Or(tuple(_having(part, scope, slots) for part in parts))
        case Not(inner):
            return Not(_having(inner, scope, slots))
        case IsNull(Aggregated() as left):
            return IsNull(_rebound(left, scope))
        case Compare(operator, Aggregated() as left, Slot() as right):
            bound = _rebound(left, scope)
            where = f"having {left.function}"
            wanted = check_operator(operator, bound.type, where)
            return Compare(operator, bound, slots.value(right.number, wanted, where, operator == "in"))
        case Compare():
            raise Malformed("having compares an aggregate with a value", hint="having=count[gt]=10", where="having")
        case _:
            return having


def _rebound(aggregated: Aggregated, scope: Scope) -> Aggregated:
    return _aggregated(Aggregate(aggregated.function, cast("Name | None", aggregated.inner)), scope)


def _sort(sort: tuple[Order, ...], keys: tuple[Output, ...], scope: Scope) -> tuple[SortKey, ...]:
    by_name = {output.name: output for output in keys}
    asked = tuple(_sort_key(order, by_name, scope) for order in sort)
    check_distinct(asked)
    descending = asked[-1].descending if asked else False
    named = {key.name for key in asked}
    rest = tuple(_by_output(output, descending, scope) for output in keys if output.name not in named)
    return asked + rest


def _sort_key(order: Order, keys: dict[str, Output], scope: Scope) -> SortKey:
    if isinstance(order.by, Aggregate):
        output = _aggregate(order.by, scope)
        return SortKey(output.name, output.value, output.type, order.descending, not output.name.startswith("count"))
    name = "_".join(order.by.path)
    if name not in keys:
        raise Malformed(
            f"a grouped read is sorted by its group keys and aggregates, not by {name}",
            hint=f"sort by {', '.join(keys)} or an aggregate such as avg:field",
            where="sort",
        )
    return _by_output(keys[name], order.descending, scope)


def _by_output(output: Output, descending: bool, scope: Scope) -> SortKey:
    value = output.value
    plain = isinstance(value, Column) and value.field.computed is None and not value.field.nullable
    masked = output.name in scope.entity.policy.fields
    return SortKey(output.name, value, output.type, descending, nullable=masked or not plain)
