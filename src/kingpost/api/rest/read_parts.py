"""The pieces a skeleton is read by: its parameters with the numbers of their values, and the Read being drafted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

from kingpost.api.rest.grammar import (
    GROUPS,
    HAVING,
    NESTED,
    WHERE,
    Condition,
    dotted,
    listed,
    parameter,
    parse_group,
)
from kingpost.api.rest.read_conditions import Leaf, read_group
from kingpost.errors import Malformed, TooLarge
from kingpost.model.expressions import Expression, Slot, both
from kingpost.query.operations import Cursor, Include, Order, Read

INCLUDE_DEPTH_MAX = 8
INCLUDES_MAX = 50


@dataclass(frozen=True, slots=True)
class Part:
    """One parameter: `shape` is what stands behind its =, None where a value does; `number` is its first value's."""

    name: str
    shape: str | None
    number: int

    def condition(self, leaf: Leaf, word: str) -> Expression:
        """What it asks, `word` being its name as seen from the rows it is about."""
        if self.shape is not None and (word.rpartition(".")[2] in GROUPS or word == HAVING):
            return read_group(parse_group(word, self.shape, self.name), leaf, count(self.number))
        name, operator = parameter(word)
        return leaf(Condition(name, operator, self.shape or "?"), count(self.number))

    def cursor(self) -> Cursor:
        """The cursor whose shape this is, such as `n:01`: the fingerprint is the first value, then the keys not null."""
        direction, _, mask = (self.shape or "").partition(":")
        numbers = count(self.number + 1)
        keys = tuple(None if null == "1" else Slot(next(numbers)) for null in mask)
        return Cursor(direction == "p", keys, Slot(self.number))


@dataclass(slots=True)
class Draft:
    """A Read while its parameters are taken one by one; `children` are its includes."""

    grouped: bool = False
    fields: tuple[str, ...] | None = None
    where: list[Expression] = field(default_factory=list)
    sort: tuple[Order, ...] = ()
    limit: Slot | None = None
    cursor: Cursor | None = None
    count: Literal["none", "exact", "estimate"] = "none"
    children: dict[str, Draft] = field(default_factory=dict)

    def include(self, text: str) -> None:
        """Take `include=origin,items.product`; what is on the way to an include is included too.

        Raises:
            TooLarge: more or deeper than we take.
        """
        made = 0
        for one in listed(text, "include"):
            path, at = dotted(one, "include"), self
            if len(path) > INCLUDE_DEPTH_MAX:
                raise TooLarge(f"include goes more than {INCLUDE_DEPTH_MAX} deep", where="include")
            for name in path:
                made += name not in at.children
                at = at.children.setdefault(name, Draft())
        if made > INCLUDES_MAX:
            raise TooLarge(f"there are more than {INCLUDES_MAX} includes", where="include")

    def at(self, path: tuple[str, ...], where: str) -> Draft:
        """The draft of the rows included at `path`.

        Raises:
            Malformed: they are not included.
        """
        at: Draft | None = self
        for name in path:
            at = at.children.get(name) if at else None
        if at is None:
            dots = ".".join(path)
            raise Malformed(f"{dots[:80]} is not included", hint=f"add include={dots[:80]}", where=where)
        return at

    def read(self, entity: str, key: tuple[Slot, ...] | None = None) -> Read:
        """The finished Read."""
        includes = tuple(Include(name, child.read("")) for name, child in self.children.items())
        where = both(*self.where)
        return Read(entity, key, self.fields, where, self.sort, self.limit, self.cursor, includes, self.count)


def parts_of(elements: Iterable[str], number: int) -> list[Part]:
    """The parameters of a skeleton; the first value has this number.

    Raises:
        Malformed: one is given twice.
    """
    parts, seen = [], set()
    for element in elements:
        name, equals, shape = element.partition("=")
        once = name.removesuffix("[eq]")
        if once in seen:
            raise Malformed(
                f"{once[:80]} is given twice", hint="join conditions on one field with and=(…)", where=once[:80]
            )
        seen.add(once)
        part = Part(name, shape if equals else None, number)
        parts.append(part)
        number += _values_of(part)
    return parts


def nested_word(name: str) -> tuple[tuple[str, ...], str] | None:
    """The path of the include that a parameter is about and its word there; None if it is about the rows themselves.

    `items.limit` is (("items",), "limit"), `items.where.price[gt]` is (("items",), "price[gt]").
    """
    words = name.partition("[")[0].split(".")
    if len(words) > 1 and words[-1] in NESTED and "[" not in name:
        return tuple(words[:-1]), words[-1]
    if WHERE in words[1:-1]:
        place = words.index(WHERE, 1)
        path = words[:place]
        return tuple(path), name[len(".".join(path)) + len(WHERE) + 2 :]
    return None


def _values_of(part: Part) -> int:
    if part.shape is None:
        return 1
    word = part.name.rpartition(".")[2]
    if word == "cursor":
        return 1 + part.shape.count("0")
    return part.shape.count("?") if word in GROUPS or part.name == HAVING else 0
