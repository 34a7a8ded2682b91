"""Find computed fields that are made of themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from kingpost.model.expressions import (
    And,
    Choose,
    Column,
    Compare,
    Expression,
    Function,
    IsNull,
    Not,
    Or,
    Quantified,
    Through,
)

At: TypeAlias = tuple[str, str]


def circles(computed: Mapping[At, Expression]) -> list[At]:
    """Those of the fields, by (entity, field), whose value would need itself first."""
    needs = {at: set(_looks_at(at[0], one)) & set(computed) for at, one in computed.items()}
    return [at for at in computed if at in _reached(at, needs)]


def _looks_at(entity: str, expression: Expression) -> Iterator[At]:
    match expression:
        case Column(field):
            yield entity, field.name
        case Through(relation, inner) | Quantified(_, relation, inner):
            yield from _looks_at(relation.target, inner)
        case And(parts) | Or(parts) | Function(_, parts):
            for part in parts:
                yield from _looks_at(entity, part)
        case Not(inner) | IsNull(inner):
            yield from _looks_at(entity, inner)
        case Compare(_, left, right) | Choose(left, right):
            yield from _looks_at(entity, left)
            yield from _looks_at(entity, right)


def _reached(start: At, needs: Mapping[At, set[At]]) -> set[At]:
    reached: set[At] = set()
    waiting = list(needs[start])
    while waiting:
        at = waiting.pop()
        if at not in reached:
            reached.add(at)
            waiting.extend(needs[at])
    return reached
