"""Narrow a write to what its caller may change: the stored rows, the rows as they will be, and what they refer to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from kingpost.errors import Forbidden
from kingpost.model.expressions import FALSE, TRUE, Choose, Column, Expression, both
from kingpost.model.manifest import Entity
from kingpost.policy.narrowing import Narrowing
from kingpost.query.stages import Alteration, Assigned, Change, Consequence, Creation, Reference, Removal, Rows, Select

_Verb = Literal["create", "update", "delete"]


def narrowed(change: Change, narrowing: Narrowing) -> Change:
    """`change` as far as the caller may.

    Raises:
        Forbidden: the roles alone decide that it may not be done, or that a field may not be written.
    """
    entity = change.entity
    return replace(
        change,
        target=None if change.target is None else _target(change.target, narrowing),
        creation=None if change.creation is None else _creation(change.creation, entity, narrowing),
        alteration=None if change.alteration is None else _alteration(change.alteration, entity, narrowing),
        removal=None if change.removal is None else _removal(change.removal, entity, narrowing),
        shown=None if change.shown is None else _shown(change.shown, narrowing),
    )


def _target(target: Rows, narrowing: Narrowing) -> Rows:
    return narrowing.rows(target, "row")


def _creation(creation: Creation, entity: Entity, narrowing: Narrowing) -> Creation:
    assigned = creation.assigned
    return replace(
        creation,
        admits=both(
            _admitted("create", entity, narrowing),
            _within_tenant(assigned, entity, narrowing),
            *_writable(assigned, entity, narrowing),
        ),
        references=_references(creation.references, narrowing),
    )


def _alteration(alteration: Alteration, entity: Entity, narrowing: Narrowing) -> Alteration:
    """A field that is replaced without being named stays as it is where the caller may not see it."""
    assigned = tuple(one for one in alteration.assigned if one.given or not _hidden(one, entity, narrowing))
    admits = _acting(alteration, entity, narrowing)
    masks = _writable(assigned, entity, narrowing)
    return replace(
        alteration,
        assigned=assigned,
        before=both(admits, *masks),
        after=TRUE if not assigned else both(admits, _within_tenant(assigned, entity, narrowing)),
        references=_references(alteration.references, narrowing),
    )


def _removal(removal: Removal, entity: Entity, narrowing: Narrowing) -> Removal:
    return replace(
        removal,
        before=_admitted("delete", entity, narrowing),
        consequences=_consequences(removal.consequences, narrowing),
    )


def _consequences(consequences: tuple[Consequence, ...], narrowing: Narrowing) -> tuple[Consequence, ...]:
    """Rows that go with others need their own leave to be deleted; roles alone cannot refuse, as there may be none."""
    return tuple(
        replace(
            one,
            admits=narrowing.hops["delete"](TRUE, one.entity, narrowing.rules) if one.rule == "cascade" else TRUE,
            then=None if one.then is None else _consequences(one.then, narrowing),
        )
        for one in consequences
    )


def _shown(shown: Select, narrowing: Narrowing) -> Select | None:
    """None for who may write but not read."""
    try:
        narrowing.hops["row"](TRUE, shown.source.entity, narrowing.rules)
    except Forbidden:
        return None
    return narrowing.select(shown, "row")


def _acting(alteration: Alteration, entity: Entity, narrowing: Narrowing) -> Expression:
    """The entity's policy for updates, or that of the action."""
    if alteration.policy is None:
        return _admitted("update", entity, narrowing)
    admits = narrowing.rules.decided(alteration.policy, entity)
    if admits == FALSE:
        raise Forbidden("you may not do this")
    return admits


def _admitted(verb: _Verb, entity: Entity, narrowing: Narrowing) -> Expression:
    admits = narrowing.hops[verb](TRUE, entity, narrowing.rules)
    if admits == FALSE:
        raise Forbidden(f"you may not {verb} {entity.name}")
    return admits


def _within_tenant(assigned: Iterable[Assigned], entity: Entity, narrowing: Narrowing) -> Expression:
    """A row stays with the caller's tenant, whatever the body says."""
    if entity.tenant is None or not any(one.given and one.field.name == entity.tenant for one in assigned):
        return TRUE
    return narrowing.hops["tenant"](TRUE, entity, narrowing.rules)


def _writable(assigned: Iterable[Assigned], entity: Entity, narrowing: Narrowing) -> Iterable[Expression]:
    """What has to hold for each given field: who may not see it may not write it."""
    hop = narrowing.hops["written"]
    masked = [hop(Column(one.field), entity, narrowing.rules) for one in assigned if one.given]
    return [one.condition for one in masked if isinstance(one, Choose)]


def _hidden(assigned: Assigned, entity: Entity, narrowing: Narrowing) -> bool:
    try:
        narrowing.hops["mask"](Column(assigned.field), entity, narrowing.rules)
    except Forbidden:
        return True
    return False


def _references(references: tuple[Reference, ...], narrowing: Narrowing) -> tuple[Reference, ...]:
    return tuple(replace(one, target=_referred(one.target, narrowing)) for one in references)


def _referred(target: Rows, narrowing: Narrowing) -> Rows:
    """What may be referred to; roles that may read none of it find none, as if there were no such row."""
    try:
        return Rows(target.entity, narrowing.narrow(target.where, target.entity, "reference"))
    except Forbidden:
        return Rows(target.entity, FALSE)
