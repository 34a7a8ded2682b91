"""Names: how one is made of another, and which are refused because a protocol or the database needs them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

BYTES_MAX = 63  # PostgreSQL cuts longer names off, silently

# Why a field cannot be called so. REST's words stand beside fields in a query string, `items.limit=5`; GraphQL's
# beside them in a `where` input.
RESERVED_FIELDS: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(
        (
            *("where", "limit", "cursor", "sort", "fields", "include", "count", "group", "aggregate", "having"),
            *("or", "and", "not", "some", "every", "none", "eq", "is_null"),
        ),
        "is a word of the query language",
    )
    | dict.fromkeys(("policy", "indexes", "unique", "check"), "is what a class says about itself")
    | dict.fromkeys(
        ("create", "update", "upsert", "delete"), "names a default action of the class: @app.action(replaces=…)"
    )
    | {"version": "is the row's version, which Kingpost keeps"}
)
RESERVED_COLUMNS = frozenset({"version", "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
RESERVED_ENTITIES = frozenset(
    {
        *("Query", "Mutation", "Subscription", "Node", "PageInfo", "Table"),
        *("Int", "Float", "String", "Boolean", "ID", "BigInt", "Decimal", "DateTime", "Date", "Time", "Duration"),
        *("UUID", "Base64", "JSON"),
    }
)
RESERVED_PATHS = frozenset({"batch"})
# What any entity can be asked by itself, on some protocol; no action of a team has such a name.
DEFAULT_VERBS = ("get", "list", "aggregate", "create", "update", "upsert", "delete", "batch", "watch")
# GraphQL's types for an entity beside its own.
GRAPHQL_SUFFIXES = ("Connection", "Edge", "Where")

_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*_?")
_PASCAL = re.compile(r"[A-Z][A-Za-z0-9]*")
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def is_snake(name: str) -> bool:
    """Whether it is lower_case_with_single_underscores; one may end it, as in `order_`."""
    return _SNAKE.fullmatch(name) is not None


def is_pascal(name: str) -> bool:
    """Whether it is InitialCapitals."""
    return _PASCAL.fullmatch(name) is not None


def snake(name: str) -> str:
    """`SeatHold` -> `seat_hold`, `HTTPRoute` -> `http_route`."""
    return _WORD_START.sub("_", name).lower()


def pascal(name: str) -> str:
    """`seat_hold` -> `SeatHold`."""
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def folded(name: str) -> str:
    """What proto's JSON makes of a name, case aside; names that fold alike clash on some protocol."""
    return name.replace("_", "").lower()


def pluralise(word: str) -> str:
    """English in three rules, for the last word of a snake_case name."""
    if re.search(r"[^aeiou]y$", word):
        return f"{word[:-1]}ies"
    return f"{word}es" if re.search(r"(s|x|z|ch|sh)$", word) else f"{word}s"


def kebab(name: str) -> str:
    """`seat_holds` -> `seat-holds`."""
    return name.replace("_", "-")


def too_long(name: str) -> bool:
    """Whether the database would cut it off."""
    return len(name.encode()) > BYTES_MAX


def twins(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Pairs of names that fold alike: (the first, the later)."""
    seen: dict[str, str] = {}
    for name in names:
        first = seen.setdefault(folded(name), name)
        if first != name:
            yield first, name
