"""Read conditions, sort keys and aggregates of a query string into the algebra."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from kingpost.api.rest.grammar import (
    AGGREGATIONS,
    BOOLEANS,
    COMPARISONS,
    IS_NULL,
    Condition,
    Conditions,
    Item,
    dotted,
    listed,
)
from kingpost.errors import Malformed, UnknownName
from kingpost.model.expressions import Aggregated, Compare, Expression, IsNull, Name, Slot, both, either, negate
from kingpost.model.manifest import Entity, Manifest, suggest
from kingpost.model.resolve import QUANTIFIERS
from kingpost.model.types import INT
from kingpost.query.operations import Aggregate, Order

Numbers: TypeAlias = Iterator[int]
Leaf: TypeAlias = Callable[[Condition, Numbers], Expression]

_NEGATED = {"some": "every", "every": "some"}


def read_group(group: Conditions, leaf: Leaf, numbers: Numbers) -> Expression:
    """`or=(…)`, `and=(…)`, `not=(…)` (which denies them all together), or a list of conditions.

    Args:
        group: as parsed from the skeleton.
        leaf: what a single condition means.
        numbers: the numbers of the values the group bears, in order.
    """
    parts = [_read_item(item, leaf, numbers) for item in group.items]
    word = group.word.rpartition(".")[2]
    if word == "or":
        return either(*parts)
    return negate(both(*parts)) if word == "not" else both(*parts)


def filters(entity: Entity | None, manifest: Manifest) -> Leaf:
    """What a condition on the rows of an entity means; None where the way to it led nowhere, which binding refuses."""

    def leaf(condition: Condition, numbers: Numbers) -> Expression:
        path = dotted(condition.name, condition.name)
        if condition.operator == IS_NULL:
            return _is_null(path, condition.text, entity, manifest)
        return _compare(condition, Name(path), numbers)

    return leaf


def having(condition: Condition, numbers: Numbers) -> Expression:
    """What a condition on a bucket means: `count[gt]=1000`, `avg:dep_delay[lt]=5`."""
    aggregate = read_aggregate(condition.name, "having")
    # The type is a stand-in: binding finds out what the function makes of the field.
    left = Aggregated(aggregate.function, aggregate.of, INT)
    if condition.operator == IS_NULL:
        return IsNull(left) if condition.text == "true" else negate(IsNull(left))
    return _compare(condition, left, numbers)


def read_sort(text: str, where: str, grouped: bool) -> tuple[Order, ...]:
    """`-departs_at,number`; in a grouped read also `-avg:dep_delay`."""
    found = []
    for item in listed(text, where):
        name = item.removeprefix("-")
        if grouped and (":" in name or name in AGGREGATIONS):
            found.append(Order(read_aggregate(name, where), item != name))
        else:
            found.append(Order(Name(dotted(name, where)), item != name))
    return tuple(found)


def read_aggregate(text: str, where: str) -> Aggregate:
    """`count` or `avg:dep_delay`.

    Raises:
        UnknownName: there is no such function.
    """
    name, colon, of = text.partition(":")
    function = AGGREGATIONS.get(name)
    if function is None:
        hint = suggest(name, AGGREGATIONS)
        raise UnknownName(f"there is no aggregate {name[:40]!r}", hint=hint, where=where)
    return Aggregate(function, Name(dotted(of, where)) if colon else None)


def _read_item(item: Item, leaf: Leaf, numbers: Numbers) -> Expression:
    return read_group(item, leaf, numbers) if isinstance(item, Conditions) else leaf(item, numbers)


def _compare(condition: Condition, left: Expression, numbers: Numbers) -> Expression:
    operator = COMPARISONS[condition.operator]
    return Compare(operator, left, Slot(next(numbers), many=operator == "in"))


def _is_null(path: tuple[str, ...], text: str, entity: Entity | None, manifest: Manifest) -> Expression:
    """`items.price[is_null]=false` means that some item has a price, as any operator behind a Many means some.

    The algebra says "not null" as Not(IsNull(…)), and that Not would stand outside of the quantifiers; so it
    is carried outwards through them: some(not c) is not every(c), every(not c) is not some(c), none(not c) is every(c).
    """
    if text not in BOOLEANS:
        raise Malformed(f"{text[:40]!r} is neither true nor false", where=".".join(path))
    if text == "true":
        return IsNull(Name(path))
    words, negated = list(_with_quantifiers(path, entity, manifest)), True
    for at in reversed(range(len(words))):
        if negated and words[at] in QUANTIFIERS:
            negated = words[at] != "none"
            words[at] = _NEGATED.get(words[at], "every")
    found = IsNull(Name(tuple(words)))
    return negate(found) if negated else found


def _with_quantifiers(path: tuple[str, ...], entity: Entity | None, manifest: Manifest) -> Iterator[str]:
    """The path with `some` written out where it goes through a Many and says nothing."""
    at = entity
    for place, word in enumerate(path):
        yield word
        relation = at.relations.get(word) if at else None
        if relation is None:
            at = at if word in QUANTIFIERS else None
            continue
        at = manifest.entities[relation.target]
        following = path[place + 1 : place + 2]
        if relation.many and following and not (following[0] in QUANTIFIERS and place + 2 < len(path)):
            yield "some"
