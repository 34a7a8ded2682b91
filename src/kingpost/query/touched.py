"""Which roles the policies on a question's way name: the part of the caller that belongs to a plan's key."""

from __future__ import annotations

from collections.abc import Iterator

from kingpost.model.expressions import Expression, HasRole, Quantified, Through, walk
from kingpost.model.manifest import Entity, Manifest
from kingpost.query.stages import Derived, Nested, Question, Select


def roles_named(question: Question, manifest: Manifest) -> frozenset[str]:
    """The roles named by any policy of any entity that `question` touches, computed fields included."""
    waiting = set(_entities(question))
    seen: set[str] = set()
    roles: set[str] = set()
    while waiting:
        entity = manifest.entities[waiting.pop()]
        seen.add(entity.name)
        roles |= {node.role for rule in _rules(entity) for node in walk(rule) if isinstance(node, HasRole)}
        for computed in entity.computed.values():
            if computed.expression is not None:
                waiting |= set(_reached(computed.expression)) - seen
    return frozenset(roles)


def _rules(entity: Entity) -> Iterator[Expression]:
    yield entity.policy.read
    yield from entity.policy.fields.values()


def _entities(question: Question) -> Iterator[str]:
    yield question.source.entity.name
    yield from _reached(question.source.where)
    for key in question.sort:
        yield from _reached(key.value)
    if not isinstance(question, Select):
        yield from _reached(question.having)
        for output in (*question.keys, *question.aggregates):
            yield from _reached(output.value)
        return
    for member in question.members:
        if isinstance(member, Nested):
            yield from _entities(member.select)
            if member.middle is not None:
                yield member.middle.entity.name
        elif not isinstance(member, Derived):
            yield from _reached(member.value)


def _reached(expression: Expression) -> Iterator[str]:
    for node in walk(expression):
        if isinstance(node, Through | Quantified):
            yield node.relation.target
