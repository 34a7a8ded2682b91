"""Finds what the policies of a model ask of a caller: roles, and claims of `me`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kingpost.model.expressions import Expression, FromCall, HasRole, walk
from kingpost.model.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Asked:
    """The roles and claims that policies name, in the order they are declared, and the first that names any."""

    roles: tuple[str, ...]
    claims: tuple[str, ...]
    first: str | None


def asked_of_callers(manifest: Manifest) -> Asked:
    """All roles and claims that decide anything in this model; where there are none, all callers are alike."""
    roles: dict[str, None] = {}
    claims: dict[str, None] = {}
    first: str | None = None
    for owner, rule in _rules(manifest):
        for node in walk(rule):
            if isinstance(node, HasRole):
                roles.setdefault(node.role)
            elif isinstance(node, FromCall) and node.source == "me":
                claims.setdefault(node.name)
        first = first or (owner if roles or claims else None)
    return Asked(tuple(roles), tuple(claims), first)


def _rules(manifest: Manifest) -> Iterator[tuple[str, Expression]]:
    for entity in manifest.entities.values():
        policy = entity.policy
        for rule in (policy.read, policy.create, policy.update, policy.delete, *policy.fields.values()):
            yield entity.name, rule
        for computed in entity.computed.values():
            if computed.expression is not None:
                yield entity.name, computed.expression
    for action in manifest.actions:
        yield action.name, action.policy
