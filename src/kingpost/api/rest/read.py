"""Read a skeleton into an Operation: pure, and only when a shape is new."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from kingpost.api.rest.grammar import BASE, GROUPS, HAVING, WORDS, dotted, listed
from kingpost.api.rest.read_conditions import filters, having, read_aggregate, read_sort
from kingpost.api.rest.read_parts import Draft, Part, nested_word, parts_of
from kingpost.call import Skeleton
from kingpost.errors import Malformed, NotFound, UnknownName
from kingpost.model.expressions import TRUE, Expression, Name, Slot, both
from kingpost.model.manifest import Entity, Manifest, suggest
from kingpost.query.operations import Aggregate, Group, Operation, Read
from kingpost.query.stages import PLAIN, Rendering

_GROUPED = frozenset({"group", "aggregate", HAVING})
_NOT_GROUPED = frozenset({"fields", "include", "count"})
_ONE_ROW = frozenset({"fields", "include"})


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads skeletons against the collections of one manifest; `entities` has them by path."""

    manifest: Manifest
    entities: Mapping[str, Entity]

    def __call__(self, skeleton: Skeleton) -> tuple[Operation, Rendering]:
        """The operation of a skeleton; REST says the algebra's names as they are.

        Raises:
            NotFound: there is no such collection.
            Malformed, TooLarge, UnknownName: the parameters do not make sense.
        """
        entity = self.entity(skeleton[2])
        if skeleton[1] == "get":
            return self._get(entity, skeleton), PLAIN
        parts = parts_of(skeleton[3:], 0)
        if any(part.name in _GROUPED for part in parts):
            return self._group(entity, parts), PLAIN
        return self._draft(entity, parts).read(entity.name), PLAIN

    def shown(self, entity: Entity, elements: Iterable[str], number: int) -> Read:
        """What is answered of a row that is written, by the parameters `elements`, whose first value has this number.

        Raises:
            Malformed, TooLarge, UnknownName: the parameters do not make sense.
        """
        parts = parts_of(elements, number)
        for part in parts:
            if part.name not in _ONE_ROW and nested_word(part.name) is None:
                raise Malformed(
                    f"a row that is written takes fields and include, not {part.name[:80]!r}", where=part.name[:80]
                )
        return self._draft(entity, parts).read(entity.name)

    def filtered(self, entity: Entity, elements: Iterable[str], number: int) -> Expression:
        """The rows that a set-based write is about.

        Raises:
            Malformed, TooLarge, UnknownName: the parameters do not make sense.
        """
        parts = parts_of(elements, number)
        for part in parts:
            if part.name in WORDS - GROUPS or nested_word(part.name):
                raise Malformed(f"a write of many rows takes filters, not {part.name[:80]!r}", where=part.name[:80])
        return self._draft(entity, parts).read(entity.name).where

    def entity(self, collection: str) -> Entity:
        """The entity whose collection has this path.

        Raises:
            NotFound: there is none.
        """
        found = self.entities.get(collection)
        if found is None:
            hint = suggest(collection, self.entities)
            raise NotFound(f"there is no collection {collection[:80]!r} at {BASE}", hint=hint)
        return found

    def _get(self, entity: Entity, skeleton: Skeleton) -> Read:
        marked = len(skeleton) > 3 and skeleton[3].startswith("key=")
        keys = int(skeleton[3].removeprefix("key=")) if marked else 1
        if keys != len(entity.key):
            raise Malformed(
                f"the key of {entity.path} is {','.join(entity.key)}: {len(entity.key)} values, and {keys} were given",
                hint="commas separate them; write a comma within one as %2C",
            )
        parts = parts_of(skeleton[4 if marked else 3 :], keys)
        for part in parts:
            if part.name not in _ONE_ROW and nested_word(part.name) is None:
                raise Malformed(
                    f"one row takes fields and include, not {part.name[:80]!r}",
                    hint=f"filter at {BASE}{entity.path}",
                    where=part.name[:80],
                )
        return self._draft(entity, parts).read(entity.name, tuple(Slot(number) for number in range(keys)))

    def _draft(self, entity: Entity, parts: list[Part]) -> Draft:
        top = Draft()
        for part in parts:
            if part.name == "include":
                top.include(part.shape or "")
        for part in parts:
            nested = nested_word(part.name)
            if nested is None:
                self._take(top, part.name, part, entity)
            else:
                path, word = nested
                self._take(top.at(path, part.name), word, part, self._behind(entity, path))
        return top

    def _group(self, entity: Entity, parts: list[Part]) -> Group:
        top = Draft(grouped=True)
        condition: Expression = TRUE
        by: tuple[Name, ...] = ()
        aggregates: tuple[Aggregate, ...] = ()
        for part in parts:
            if part.name in _NOT_GROUPED or nested_word(part.name):
                raise Malformed(f"a grouped read takes no {part.name[:80]}", where=part.name[:80])
            if part.name == "group":
                by = tuple(Name(dotted(one, "group")) for one in listed(part.shape or "", "group"))
            elif part.name == "aggregate":
                aggregates = tuple(read_aggregate(one, "aggregate") for one in listed(part.shape or "", "aggregate"))
            elif part.name == HAVING:
                condition = part.condition(having, HAVING)
            else:
                self._take(top, part.name, part, entity)
        return Group(entity.name, by, aggregates, both(*top.where), condition, top.sort, top.limit, top.cursor)

    def _take(self, draft: Draft, word: str, part: Part, entity: Entity | None) -> None:
        shape = part.shape or ""
        match word:
            case "include":
                pass  # taken before the others, which may be about what is included
            case "fields":
                draft.fields = tuple(_field(one, part.name) for one in listed(shape, part.name))
            case "sort":
                draft.sort = read_sort(shape, part.name, draft.grouped)
            case "limit":
                draft.limit = Slot(part.number)
            case "cursor":
                draft.cursor = part.cursor()
            case "count":
                draft.count = _count(shape)
            case _:
                if entity is not None and word not in GROUPS:
                    _refuse_misspelt(word, entity)
                draft.where.append(part.condition(filters(entity, self.manifest), word))

    def _behind(self, entity: Entity, path: tuple[str, ...]) -> Entity | None:
        """The entity a path of relations leads to; None if it leads nowhere, which binding refuses with a suggestion."""
        at: Entity | None = entity
        for name in path:
            relation = at.relations.get(name) if at else None
            at = self.manifest.entities[relation.target] if relation else None
        return at


def reader(manifest: Manifest) -> Reader:
    """The Reader of a manifest."""
    return Reader(manifest, {entity.path: entity for entity in manifest.entities.values()})


def _field(text: str, where: str) -> str:
    path = dotted(text, where)
    if len(path) > 1:
        included = ".".join(path[:-1])
        hint = f"write include={included}&{included}.fields={path[-1]}"
        raise Malformed(f"{where} names fields of the rows themselves, not {text[:80]}", hint=hint, where=where)
    return text


def _count(text: str) -> Literal["exact", "estimate"]:
    if text == "exact":
        return "exact"
    if text == "estimate":
        return "estimate"
    raise Malformed(f"count is exact or estimate, not {text[:40]!r}", where="count")


def _refuse_misspelt(name: str, entity: Entity) -> None:
    """A parameter that is no field but nearly one of our words was meant as that word: `inclde=origin`."""
    known = entity.public()
    if name in known or name in entity.relations:
        return
    close = difflib.get_close_matches(name[:64], [*known, *entity.relations, *WORDS], n=1, cutoff=0.6)
    if close and close[0] in WORDS:
        message = f"{entity.name} has no field {name[:80]!r}, and there is no such parameter"
        raise UnknownName(message, hint=f"did you mean {close[0]!r}?", where=name[:80])
