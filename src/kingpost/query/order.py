"""Bind sort keys and pages: the order is made total by the entity's key, the page's values get slots."""

from __future__ import annotations

from kingpost.errors import Malformed, Mistyped
from kingpost.model.expressions import Name, Slot, Through
from kingpost.model.resolve import Scope, resolve_value
from kingpost.model.types import ORDERED, TEXT
from kingpost.query.operations import Cursor, Order
from kingpost.query.slots import Slots
from kingpost.query.stages import Page, SlotSpec, SortKey

SORT_KEYS_MAX = 8


def bind_sort(sort: tuple[Order, ...], scope: Scope) -> tuple[SortKey, ...]:
    """The sort keys asked for, then the entity's key in the last one's direction.

    Raises:
        UnknownName, Mistyped: a key means nothing, or has no order.
        Malformed: a key is named twice, or there are too many.
    """
    keys = tuple(_sort_key(order, scope) for order in sort)
    check_distinct(keys)
    descending = keys[-1].descending if keys else False
    named = {key.name for key in keys}
    rest = (Order(Name((name,)), descending) for name in scope.entity.key if name not in named)
    return keys + tuple(_sort_key(order, scope) for order in rest)


def check_distinct(keys: tuple[SortKey, ...]) -> None:
    """Refuse a sort key named twice, and too many of them."""
    if len({key.name for key in keys}) < len(keys):
        raise Malformed("a sort key is named twice", where="sort")
    if len(keys) > SORT_KEYS_MAX:
        raise Malformed(f"there are more than {SORT_KEYS_MAX} sort keys", where="sort")


def bind_page(
    cursor: Cursor | None, sort: tuple[SortKey, ...], slots: Slots, where: str, fingerprint: str
) -> Page | None:
    """The page that starts at `cursor`, which has to carry the `fingerprint` of this very question.

    Raises:
        Malformed: the cursor has other keys than the sort: it was made for another question.
    """
    if cursor is None:
        return None
    if len(cursor.keys) != len(sort) or any(
        key is None and not by.nullable for key, by in zip(cursor.keys, sort, strict=True)
    ):
        raise Malformed("this cursor was made for another question", hint="start again without it", where=where)
    slots.add(SlotSpec("value", TEXT, index=cursor.fingerprint.number, where=where, equals=fingerprint))
    keys: list[Slot | None] = []
    for key, by in zip(cursor.keys, sort, strict=True):
        keys.append(None if key is None else slots.value(key.number, by.type, where))
    return Page(cursor.backward, tuple(keys))


def _sort_key(order: Order, scope: Scope) -> SortKey:
    if not isinstance(order.by, Name):
        raise Malformed("only a grouped read can be sorted by an aggregate", where="sort")
    name = ".".join(order.by.path)
    value, field = resolve_value(order.by.path, scope)
    if field.type.array or field.type.scalar not in ORDERED or field.computed == "python":
        why = "is made in Python" if field.computed == "python" else f"is {field.type}"
        raise Mistyped(f"{name} cannot be sorted by: it {why}", where="sort")
    # A mask that looks at the row makes its field null in some; which, only the policy knows.
    masked = field.name in scope.entity.policy.fields
    nullable = field.nullable or masked or field.computed is not None or isinstance(value, Through)
    return SortKey(name, value, field.type, order.descending, nullable)
