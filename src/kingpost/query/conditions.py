"""Bind the conditions a caller asks: resolve their names, give each value its slot."""

from __future__ import annotations

from kingpost.errors import TooLarge
from kingpost.model.expressions import (
    Aggregated,
    Compare,
    Expression,
    Name,
    Slot,
    rewrite,
    walk,
)
from kingpost.model.resolve import Scope, resolve
from kingpost.model.types import TEXT
from kingpost.query.slots import Slots

NODES_MAX = 400


def bind_condition(condition: Expression, scope: Scope, slots: Slots, at: str = "") -> Expression:
    """Resolve `condition` in `scope`; `at` is put before parameter names in errors.

    Raises:
        UnknownName, Mistyped: as `resolve`.
        TooLarge: it has more than NODES_MAX nodes.
    """
    nodes = walk(condition)
    if len(nodes) > NODES_MAX:
        raise TooLarge(f"the filter has more than {NODES_MAX} parts", hint="ask in several requests")
    places: dict[int, str] = {}
    for node in nodes:
        if isinstance(node, Compare) and isinstance(node.right, Slot):
            places[node.right.number] = at + _parameter(node)
    return rewrite(resolve(condition, scope), lambda node: _settle(node, slots, places))


def _settle(node: Expression, slots: Slots, places: dict[int, str]) -> Expression:
    if not isinstance(node, Slot):
        return node
    return slots.value(node.number, node.type or TEXT, places.get(node.number, ""), node.many)


def _parameter(node: Compare) -> str:
    left = node.left
    if isinstance(left, Aggregated):
        of = f":{'.'.join(left.inner.path)}" if isinstance(left.inner, Name) else ""
        name = f"{left.function}{of}"
    else:
        name = ".".join(left.path) if isinstance(left, Name) else "filter"
    return name if node.operator == "eq" else f"{name}[{node.operator}]"
