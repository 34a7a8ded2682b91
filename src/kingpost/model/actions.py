"""The default actions of an entity: what can be asked of any table, as data."""

from __future__ import annotations

from kingpost.model.expressions import Expression, both
from kingpost.model.manifest import Action, Entity, Policy, Result, Source, Verb

_READING = ("where", "sort", "limit", "cursor", "fields", "include", "count")
_GROUPING = ("where", "group", "aggregate", "having", "sort", "limit", "cursor")


def default_actions(entity: Entity) -> tuple[Action, ...]:
    """Get, list and aggregate, then create, update, upsert and delete, each under the rule that governs it."""
    policy = entity.policy
    key = entity.key
    return (
        _read(entity, "get", (*key, "fields", "include"), "row"),
        _read(entity, "list", _READING, "rows"),
        _read(entity, "aggregate", _GROUPING, "buckets"),
        _write(entity, "create", ("row",), policy.create),
        _write(entity, "update", (*key, "changes"), policy.update),
        _write(entity, "upsert", (*key, "row"), _upsert(policy)),
        _write(entity, "delete", key, policy.delete),
    )


def _upsert(policy: Policy) -> Expression:
    return both(policy.create, policy.update)


def _read(entity: Entity, name: str, arguments: tuple[str, ...], result: Result) -> Action:
    return Action(
        name=name,
        entity=entity.name,
        verb=Verb(name, arguments, (Source(entity.name),), result, "read"),
        effect="read",
        on="row" if name == "get" else "set",
        result=result,
        policy=entity.policy.read,
        idempotent=True,
        since=entity.since,
        until=entity.until,
    )


def _write(entity: Entity, name: str, arguments: tuple[str, ...], policy: Expression) -> Action:
    result: Result = "nothing" if name == "delete" else "row"
    return Action(
        name=name,
        entity=entity.name,
        verb=Verb(name, arguments, (Source(entity.name),), result, "write"),
        effect="write",
        on="set" if name == "create" else "row",
        result=result,
        policy=policy,
        idempotent=name in ("upsert", "delete"),
        since=entity.since,
        until=entity.until,
    )
