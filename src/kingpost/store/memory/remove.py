"""Delete rows in memory, and do what follows for those that refer to them: restrict, cascade or null, to any depth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from kingpost.errors import Conflict, Detail, Forbidden
from kingpost.model.manifest import Entity
from kingpost.query.evaluate import Context
from kingpost.store.memory.compile_change import Following, Put, Removing
from kingpost.store.memory.tables import Stored, Tables

_Place: TypeAlias = tuple[str, int]


def removed(entity: Entity, removing: Removing, rows: Sequence[Stored], tables: Tables, context: Context) -> Tables:
    """The tables without these rows, or with them marked as deleted.

    Args:
        entity: whose rows they are.
        removing: how they go.
        rows: which.
        tables: all rows.
        context: of the write.

    Raises:
        Forbidden: rows would follow that the caller may not delete.
        Conflict: rows refer to them that do not follow.
    """
    removal = _Removal(tables, context, removing.stamp)
    removal.follow(entity, rows, removing.following, soft=bool(removing.stamp))
    return removal.done()


class _Removal:
    """One deletion with all that follows: found out first, done last. A soft one is soft for all that can be."""

    __slots__ = ("_changed", "_context", "_going", "_stamp", "_standing", "_tables")

    def __init__(self, tables: Tables, context: Context, stamp: tuple[Put, ...]) -> None:
        self._tables = tables
        self._context = context
        self._stamp = stamp
        self._going: dict[_Place, bool] = {}
        self._changed: dict[str, dict[int, Stored | None]] = {}
        self._standing: list[Following] = []

    def follow(self, entity: Entity, rows: Sequence[Stored], following: tuple[Following, ...], *, soft: bool) -> None:
        """Note that these rows go, or are marked, and what that means for others."""
        together = {id(row) for row in rows}
        for row in rows:
            self._going[entity.name, id(row)] = soft
            self._put(entity, row, {entity.soft_delete or "": self._now()} if soft else None)
        for one in following:
            child = one.consequence.entity
            match one.consequence.rule:
                case "restrict":
                    live = soft and child.soft_delete is not None
                    if any(id(other) not in together for other in self._referring(one, rows, live=live)):
                        self._standing.append(one)
                case "null":
                    for other in self._referring(one, rows, live=False):
                        self._put(child, other, {one.consequence.relation.local: None})
                case "cascade":
                    self._cascade(one, rows, following, soft=soft and child.soft_delete is not None)

    def done(self) -> Tables:
        """The tables as they are then."""
        if self._standing:
            raise _refers(self._standing[0])
        tables = self._tables
        for entity, rows in self._changed.items():
            tables = tables.replaced(entity, rows)
        return tables

    def _cascade(self, one: Following, rows: Sequence[Stored], again: tuple[Following, ...], *, soft: bool) -> None:
        entity = one.consequence.entity
        found = [row for row in self._referring(one, rows, live=soft) if not self._goes(entity, row, soft=soft)]
        if any(one.admits(row, self._context) is not True for row in found):
            raise Forbidden(f"you may not delete the {entity.name} that would go with it")
        if found:
            self.follow(entity, found, again if one.then is None else one.then, soft=soft)

    def _goes(self, entity: Entity, row: Stored, *, soft: bool) -> bool:
        """Whether that was found out before; a row that is marked may have to go for good all the same."""
        known = self._going.get((entity.name, id(row)))
        return known is not None and (soft or not known)

    def _referring(self, one: Following, rows: Iterable[Stored], *, live: bool) -> list[Stored]:
        """The rows that refer to these; `live`: without those that are marked as deleted already."""
        relation, child = one.consequence.relation, one.consequence.entity
        found = [
            other for row in rows for other in self._tables.lookup(child.name, relation.local, row[relation.remote])
        ]
        return [other for other in found if other[child.soft_delete or ""] is None] if live else found

    def _put(self, entity: Entity, row: Stored, values: dict[str, object] | None) -> None:
        """Change a row, beside what else changes in it, its version raised by one each time; None takes it away."""
        changed = self._changed.setdefault(entity.name, {})
        before = changed.get(id(row), row)
        if values is None or before is None:
            changed[id(row)] = None
        else:
            changed[id(row)] = Stored({**before, **values}, before.version + 1)

    def _now(self) -> object:
        return self._context.arguments[self._stamp[0].slot]


def _refers(one: Following) -> Conflict:
    child, relation = one.consequence.entity, one.consequence.relation
    fault = Detail(f"/{relation.name}", f"{child.path} refer to it", Conflict.code)
    return Conflict(
        f"there are {child.path} that refer to it by {relation.name}", hint="delete those first", faults=(fault,)
    )
