"""Which roles the policies on a question's way name: the part of the caller that belongs to a plan's key."""

from __future__ import annotations

from collections.abc import Iterator

from kingpost.model.expressions import Expression, HasRole, Quantified, Through, walk
from kingpost.model.manifest import Entity, Manifest
from kingpost.query.stages import Change, Consequence, Derived, Nested, Question, Select


def roles_named(question: Question, manifest: Manifest) -> frozenset[str]:
    """The roles named by any policy of any entity that `question` touches, computed fields included."""
    waiting = set(_entities(question))
    seen: set[str] = set()
    roles = _roles_of_action(question)
    while waiting:
        entity = manifest.entities[waiting.pop()]
        seen.add(entity.name)
        writes = isinstance(question, Change)
        roles |= {node.role for rule in _rules(entity, writes) for node in walk(rule) if isinstance(node, HasRole)}
        for computed in entity.computed.values():
            if computed.expression is not None:
                waiting |= set(_reached(computed.expression)) - seen
    return frozenset(roles)


def _roles_of_action(question: Question) -> set[str]:
    if not isinstance(question, Change) or question.alteration is None or question.alteration.policy is None:
        return set()
    return {node.role for node in walk(question.alteration.policy) if isinstance(node, HasRole)}


def _rules(entity: Entity, writes: bool) -> Iterator[Expression]:
    policy = entity.policy
    yield policy.read
    yield from policy.fields.values()
    if writes:
        yield from (policy.create, policy.update, policy.delete)


def _entities(question: Question) -> Iterator[str]:
    if isinstance(question, Change):
        yield from _written(question)
        return
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


def _written(change: Change) -> Iterator[str]:
    yield change.entity.name
    if change.target is not None:
        yield from _reached(change.target.where)
    for part in (change.creation, change.alteration):
        yield from (one.target.entity.name for one in (part.references if part else ()))
    if change.removal is not None:
        yield from _following(change.removal.consequences)
    if change.shown is not None:
        yield from _entities(change.shown)


def _following(consequences: tuple[Consequence, ...] | None) -> Iterator[str]:
    for one in consequences or ():
        yield one.entity.name
        yield from _following(one.then)


def _reached(expression: Expression) -> Iterator[str]:
    for node in walk(expression):
        if isinstance(node, Through | Quantified):
            yield node.relation.target
