"""The rows the memory store keeps: plain dicts by field name, and how to find those a relation leads to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kingpost.errors import DeclarationError
from kingpost.model.fields import Relation
from kingpost.model.manifest import Manifest
from kingpost.query.evaluate import Row


class Stored(dict[str, object]):
    """A row; its version is kept apart, since it is no field."""

    __slots__ = ("version",)

    def __init__(self, values: Mapping[str, object], version: int = 1) -> None:
        super().__init__(values)
        self.version = version


@dataclass(frozen=True, slots=True)
class Altered:
    """What became of one row of an entity; `old` is None of one that was not there, `new` of one that is there no more."""

    entity: str
    old: Stored | None
    new: Stored | None


class Tables:
    """All rows of one manifest. What is found by a field's value is looked up in a dict made at first use.

    Attributes:
        altered: how they came about since they were last settled, in order.
    """

    __slots__ = ("_found", "_rows", "altered", "manifest")

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.altered: tuple[Altered, ...] = ()
        self._rows: dict[str, Sequence[Stored]] = dict.fromkeys(manifest.entities, ())
        self._found: dict[tuple[str, str], dict[object, list[Stored]]] = {}

    def rows(self, entity: str) -> Sequence[Stored]:
        """All rows of the entity.

        Raises:
            DeclarationError: the manifest has no such entity.
        """
        rows = self._rows.get(entity)
        if rows is None:
            raise DeclarationError(f"the memory store keeps no {entity}", hint="create() it with this manifest first")
        return rows

    def extended(self, entity: str, rows: Sequence[Stored]) -> Tables:
        """These tables and more rows; what is kept here stays as it is."""
        return self._with(entity, (*self.rows(entity), *rows), [Altered(entity, None, row) for row in rows])

    def replaced(self, entity: str, new: Mapping[int, Stored | None]) -> Tables:
        """These tables with other rows in place of some, by `id`; None takes one away."""
        rows = self.rows(entity)
        kept = tuple(row for row in (new.get(id(row), row) for row in rows) if row is not None)
        return self._with(entity, kept, [Altered(entity, row, new[id(row)]) for row in rows if id(row) in new])

    def settled(self) -> Tables:
        """The same, with nothing altered."""
        made = Tables(self.manifest)
        made._rows, made._found = self._rows, self._found
        return made

    def related(self, relation: Relation, row: Row) -> Sequence[Stored]:
        """The rows the relation leads to from `row`, whoever may see them."""
        return self.lookup(relation.target, relation.remote, row[relation.local])

    def lookup(self, entity: str, field: str, value: object) -> Sequence[Stored]:
        """The rows whose field has the value; none has null."""
        if value is None:
            return ()
        by_value = self._found.get((entity, field))
        if by_value is None:
            by_value = self._found[entity, field] = {}
            for row in self.rows(entity):
                by_value.setdefault(row[field], []).append(row)
        return by_value.get(value, ())

    def _with(self, entity: str, rows: Sequence[Stored], altered: Iterable[Altered]) -> Tables:
        """The same with other rows of one entity; what was looked up of others is known already."""
        made = Tables(self.manifest)
        made._rows = {**self._rows, entity: rows}
        made._found = {name: found for name, found in self._found.items() if name[0] != entity}
        made.altered = (*self.altered, *altered)
        return made
