"""The words of a query string, and how conditions are written: `price[gt]=5`, `or=(a=1,not=(b[in]=(2,3)))`.

Groups are parsed twice with the one parser here: by `skeleton`, which takes the values out, and by
`read`, which gets what is left with a `?` for each value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias, cast

from kingpost.errors import Malformed, TooLarge, UnknownName
from kingpost.model.expressions import Aggregation, Comparison
from kingpost.model.manifest import suggest

BASE = "/v1/"
STRUCTURAL = frozenset({"include", "fields", "sort", "group", "aggregate", "count"})
GROUPS = frozenset({"or", "and", "not"})
PAGING = frozenset({"limit", "cursor"})
NESTED = frozenset({"limit", "cursor", "sort", "fields"})
HAVING, WHERE, IS_NULL = "having", "where", "is_null"
BOOLEANS = frozenset({"true", "false"})
WORDS = STRUCTURAL | GROUPS | PAGING | {HAVING}
COMPARISONS: dict[str, Comparison] = {
    "eq": "eq",
    "ne": "ne",
    "gt": "gt",
    "gte": "gte",
    "lt": "lt",
    "lte": "lte",
    "in": "in",
    "like": "like",
    "ilike": "ilike",
    "contains": "contains",
}
AGGREGATIONS: dict[str, Aggregation] = {
    "count": "count",
    "count_distinct": "count_distinct",
    "sum": "sum",
    "avg": "avg",
    "min": "min",
    "max": "max",
}
GROUP_DEPTH_MAX = 8
GROUP_ITEMS_MAX = 100

_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
_PARAMETER = re.compile(r"([A-Za-z_][\w.]*)(?:\[([a-z_]+)\])?", re.ASCII)
_ITEM = re.compile(r"([A-Za-z_][\w.:]*)(?:\[([a-z_]+)\])?=", re.ASCII)
# A quote within quotes is doubled. Possessive, so that a run of quotes is read in one way only and never again.
_QUOTED = re.compile(r'"((?:[^"]|"")*+)"')
_BARE = re.compile(r'[^,()"]*')
_LIST = re.compile(r'\(((?:[^()"]|"(?:[^"]|"")*+")*+)\)')


@dataclass(frozen=True, slots=True)
class Condition:
    """`name[operator]=text`; of a list, `text` is what stands between the parentheses."""

    name: str
    operator: str
    text: str


@dataclass(frozen=True, slots=True)
class Conditions:
    """`word=(…)` with one or more items."""

    word: str
    items: tuple[Item, ...]


Item: TypeAlias = Condition | Conditions


def parse_group(word: str, text: str, where: str) -> Conditions:
    """Parse what stands behind `word=`: `(a[gt]=1,or=(b=2,c="x,y"))`.

    Raises:
        Malformed: it does not parse.
        TooLarge: it is deeper or longer than we take.
    """
    parser = _Parser(text, where)
    found = parser.group(word, 0, 1)
    if parser.end != len(text):
        raise parser.malformed(parser.end, "nothing more")
    return found


def write_group(group: Conditions, each: Callable[[Condition], str]) -> str:
    """The text of `group`, with each condition's value as `each` says."""
    return f"{group.word}=({','.join(_written(item, each) for item in group.items)})"


def parameter(text: str) -> tuple[str, str]:
    """The name and operator of a parameter such as `price[gt]`; without one it is `eq`.

    Raises:
        Malformed: it is no name with an operator.
        UnknownName: there is no such operator.
    """
    found = _PARAMETER.fullmatch(text)
    if found is None:
        raise Malformed(
            f"the parameter {text[:80]!r} is no name with an operator", hint="as in price[gt]=5", where=text[:80]
        )
    return found[1], operator(found[2] or "eq", text)


def operator(name: str, where: str) -> str:
    """`name`, which is an operator.

    Raises:
        UnknownName: it is none.
    """
    if name in COMPARISONS or name == IS_NULL:
        return name
    raise UnknownName(f"there is no operator {name[:40]!r}", hint=suggest(name, [*COMPARISONS, IS_NULL]), where=where)


def dotted(text: str, where: str) -> tuple[str, ...]:
    """The parts of a dotted name.

    Raises:
        Malformed: it is none.
    """
    if _PATH.fullmatch(text) is None:
        raise Malformed(f"{text[:80]!r} in {where} is no name", where=where)
    return tuple(text.split("."))


def listed(text: str, where: str) -> Iterator[str]:
    """The items of a comma-separated list, each once.

    Raises:
        Malformed: one is empty, or named twice.
    """
    seen = set()
    for item in text.split(","):
        if not item:
            raise Malformed(f"{where} holds an empty name", hint=f"as in {where}=a,b", where=where)
        if item in seen:
            raise Malformed(f"{where} names {item[:80]!r} twice", where=where)
        seen.add(item)
        yield item


def _written(item: Item, each: Callable[[Condition], str]) -> str:
    if isinstance(item, Conditions):
        return write_group(item, each)
    bracket = "" if item.operator == "eq" else f"[{item.operator}]"
    return f"{item.name}{bracket}={each(item)}"


@dataclass(slots=True)
class _Parser:
    """Recursive descent over one group's text; `end` is where the last part ended."""

    text: str
    where: str
    end: int = 0
    items: int = 0

    def group(self, word: str, start: int, depth: int) -> Conditions:
        if depth > GROUP_DEPTH_MAX:
            raise TooLarge(f"{self.where} is nested more than {GROUP_DEPTH_MAX} deep", where=self.where)
        if self.text[start : start + 1] != "(":
            raise self.malformed(start, "(")
        items: list[Item] = []
        position = start
        while not items or self.text[position : position + 1] == ",":
            items.append(self.item(position + 1, depth))
            position = self.end
        if self.text[position : position + 1] != ")":
            raise self.malformed(position, ", or )")
        self.end = position + 1
        return Conditions(word, tuple(items))

    def item(self, start: int, depth: int) -> Item:
        self.items += 1
        if self.items > GROUP_ITEMS_MAX:
            raise TooLarge(f"{self.where} holds more than {GROUP_ITEMS_MAX} conditions", where=self.where)
        head = _ITEM.match(self.text, start)
        if head is None:
            raise self.malformed(start, "a condition such as price[gt]=5")
        name, bracket = head[1], head[2]
        if name in GROUPS and bracket is None:
            return self.group(name, head.end(), depth + 1)
        text = self.value(bracket, head.end())
        if bracket == IS_NULL and text not in BOOLEANS:
            raise self.malformed(head.end(), "true or false")
        return Condition(name, operator(bracket or "eq", self.where), text)

    def value(self, bracket: str | None, start: int) -> str:
        if bracket == "in" and (found := _LIST.match(self.text, start)):
            self.end = found.end()
            return found[1]
        if found := _QUOTED.match(self.text, start):
            self.end = found.end()
            # A list keeps its quotes: they say where its items end.
            return found[0] if bracket == "in" else found[1].replace('""', '"')
        bare = cast("re.Match[str]", _BARE.match(self.text, start))
        self.end = bare.end()
        return bare[0]

    def malformed(self, position: int, wanted: str) -> Malformed:
        near = self.text[position : position + 20]
        return Malformed(
            f"{self.where} does not parse at character {position + 1}, near {near!r}: wanted {wanted}",
            hint='as in or=(price[gt]=5,name="a, b"); quote values that hold , ( ) or "',
            where=self.where,
        )
