"""Delete rows in memory, and do what follows for those that refer to them: restrict, cascade or null, to any depth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kingpost.errors import Conflict, Detail, Forbidden
from kingpost.model.manifest import Entity
from kingpost.query.evaluate import Context
from kingpost.store.memory.compile_change import Following, Put, Removing
from kingpost.store.memory.tables import Stored, Tables


def removed(entity: Entity, removing: Removing, rows: Sequence[Stored], tables: Tables, context: Context) -> Tables:
    """The tables without these rows, or with them marked as deleted.

    Args:
        entity: whose rows they are.
        removing: how they go.
        rows: which.
        tables: all rows.
        context: of the write.

    Raises:
        Conflict: rows refer to them that do not follow.
        Forbidden: rows would follow that the caller may not delete.
    """
    return _Removal(tables, context, removing.stamp).remove(entity, rows, removing.following)


class _Removal:
    """One deletion with all that follows; a soft one is soft for all that can be."""

    __slots__ = ("_context", "_stamp", "_tables")

    def __init__(self, tables: Tables, context: Context, stamp: tuple[Put, ...]) -> None:
        self._tables = tables
        self._context = context
        self._stamp = stamp

    def remove(self, entity: Entity, rows: Sequence[Stored], following: tuple[Following, ...]) -> Tables:
        self._go(entity, rows, following)
        return self._tables

    def _go(self, entity: Entity, rows: Sequence[Stored], following: tuple[Following, ...]) -> None:
        going = {id(row) for row in rows}
        restricting: list[tuple[Following, Stored]] = []
        for one in following:
            children = [child for row in rows for child in self._referring(one, row) if id(child) not in going]
            match one.consequence.rule:
                case "restrict":
                    restricting += [(one, child) for child in children]
                case "null":
                    self._replace(one, [(child, {one.consequence.relation.local: None}) for child in children])
                case "cascade":
                    self._cascade(one, children, following)
        soft = bool(self._stamp) and entity.soft_delete is not None
        if restricting:
            raise _refers(restricting[0][0])
        if soft:
            stamp = {entity.soft_delete or "": self._now()}
            self._put(entity.name, [(row, stamp) for row in rows])
        else:
            self._tables = self._tables.replaced(entity.name, dict.fromkeys(map(id, rows)))

    def _cascade(self, one: Following, children: Sequence[Stored], again: tuple[Following, ...]) -> None:
        if not children:
            return
        if any(one.admits(child, self._context) is not True for child in children):
            raise Forbidden(f"you may not delete the {one.consequence.entity.name} that would go with it")
        self._go(one.consequence.entity, children, again if one.then is None else one.then)

    def _referring(self, one: Following, row: Stored) -> Iterable[Stored]:
        """The rows that refer to `row`; where it is only marked as deleted, those that are so themselves do not count."""
        relation, child = one.consequence.relation, one.consequence.entity
        found = self._tables.lookup(child.name, relation.local, row[relation.remote])
        if not self._stamp or child.soft_delete is None:
            return found
        return [other for other in found if other[child.soft_delete] is None]

    def _replace(self, one: Following, changes: Sequence[tuple[Stored, dict[str, object]]]) -> None:
        self._put(one.consequence.entity.name, changes)

    def _put(self, entity: str, changes: Sequence[tuple[Stored, dict[str, object]]]) -> None:
        new = {id(row): Stored({**row, **values}, row.version + 1) for row, values in changes}
        self._tables = self._tables.replaced(entity, new)

    def _now(self) -> object:
        return self._context.arguments[self._stamp[0].slot]


def _refers(one: Following) -> Conflict:
    child, relation = one.consequence.entity, one.consequence.relation
    fault = Detail(f"/{relation.name}", f"{child.path} refer to it", Conflict.code)
    return Conflict(
        f"there are {child.path} that refer to it by {relation.name}", hint="delete those first", faults=(fault,)
    )
