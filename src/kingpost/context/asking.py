"""What a handler asks, as calls: the same operations that every protocol makes, their values apart from their shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from msgspec import UNSET, structs

from kingpost.call import Actor, Call, Skeleton
from kingpost.model.expressions import TRUE, Compare, Constant, Expression, FromCall, Name, Slot, rewrite
from kingpost.model.manifest import Entity
from kingpost.query.operations import (
    Create,
    Delete,
    Given,
    Hold,
    Include,
    Order,
    Read,
    Single,
    Update,
)
from kingpost.query.stages import PLAIN, Rendering


@dataclass(frozen=True, slots=True)
class Asked:
    """An operation and the values of its slots; `shape` are strings that no other operation has."""

    shape: Skeleton
    values: tuple[object, ...]
    operation: Single

    def call(self, outer: Call) -> Call:
        """The call that asks it, by whom and when as `outer`."""
        who = "system" if outer.system else "context"
        return structs.replace(
            outer, skeleton=(who, *self.shape), values=self.values, read=self._read, idempotency_key=""
        )

    def _read(self, _skeleton: Skeleton) -> tuple[Single, Rendering]:
        return self.operation, PLAIN


def getting(entity: Entity, key: Sequence[object], include: Sequence[str]) -> Asked:
    """One row by its key."""
    slots = tuple(Slot(number) for number in range(len(key)))
    read = Read(entity.name, key=slots, includes=_includes(include))
    return Asked(("get", entity.name, str(len(key)), *include), tuple(key), read)


def holding(entity: Entity, key: Sequence[object], policy: Expression, version: tuple[object, ...] = ()) -> Asked:
    """One row by its key, locked, for whom an action's policy admits; `version` is empty, or the one it has to have."""
    slots = tuple(Slot(number) for number in range(len(key)))
    hold = Hold(entity.name, slots, policy, Read(entity.name), Slot(len(key)) if version else None)
    return Asked(("hold", entity.name, str(len(version)), repr(policy)), (*key, *version), hold)


def finding(
    entity: Entity,
    where: Expression | None,
    sort: Sequence[str],
    limit: int,
    include: Sequence[str],
    actor: Actor,
) -> Asked:
    """The first rows that satisfy a condition."""
    values: list[object] = [limit]
    condition = TRUE if where is None else rewrite(where, lambda node: _apart(node, values, actor))
    order = tuple(Order(Name(tuple(one.removeprefix("-").split("."))), one.startswith("-")) for one in sort)
    read = Read(entity.name, where=condition, sort=order, limit=Slot(0), includes=_includes(include))
    return Asked(("find", entity.name, repr(condition), ",".join(sort), *include), tuple(values), read)


def creating(entity: Entity, row: Mapping[str, object]) -> Asked:
    """One new row."""
    create = Create(entity.name, _given(row), Read(entity.name))
    return Asked(("create", entity.name, *row), tuple(row.values()), create)


def creating_all(entity: Entity, rows: Sequence[Mapping[str, object]]) -> Asked:
    """Several new rows by one statement; what one of them does not say becomes its default."""
    names = tuple(dict.fromkeys(name for row in rows for name in row))
    columns = tuple([row.get(name, UNSET) for row in rows] for name in names)
    create = Create(entity.name, _given(names), Read(entity.name), rows=Slot(len(names)))
    return Asked(("create", entity.name, "rows=", *names), (*columns, len(rows)), create)


def updating(entity: Entity, key: tuple[object, ...], changes: Mapping[str, object]) -> Asked:
    """Changes of one row."""
    slots = tuple(Slot(len(changes) + number) for number in range(len(key)))
    update = Update(entity.name, _given(changes), key=slots, shown=Read(entity.name))
    return Asked(("update", entity.name, *changes), (*changes.values(), *key), update)


def deleting(entity: Entity, key: tuple[object, ...]) -> Asked:
    """The end of one row."""
    slots = tuple(Slot(number) for number in range(len(key)))
    return Asked(("delete", entity.name), key, Delete(entity.name, key=slots))


def _given(names: Iterable[str]) -> tuple[Given, ...]:
    return tuple(Given(name, Slot(number)) for number, name in enumerate(names))


def _includes(paths: Sequence[str]) -> tuple[Include, ...]:
    """`["origin", "flights.plane"]` as nested includes."""
    nested: dict[str, list[str]] = {}
    for path in paths:
        first, _, rest = path.partition(".")
        nested.setdefault(first, [])
        if rest:
            nested[first].append(rest)
    return tuple(Include(name, replace(Read(""), includes=_includes(rest))) for name, rest in nested.items())


def _apart(node: Expression, values: list[object], actor: Actor) -> Expression:
    """The condition with every value it is compared with taken out: claims are known here, constants may be many."""
    if not isinstance(node, Compare) or not isinstance(node.right, Constant | FromCall):
        return node
    right = node.right
    value = right.value if isinstance(right, Constant) else _taken(right, actor)
    values.append(list(value) if isinstance(value, tuple) else value)
    return replace(node, right=Slot(len(values) - 1, many=node.operator == "in"))


def _taken(one: FromCall, actor: Actor) -> object:
    if one.source != "me":
        raise TypeError(f"a condition of find takes no {one.name}: compare with ctx.{one.name}")
    return actor.id if one.name == "id" else actor.claims.get(one.name)
