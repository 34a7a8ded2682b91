"""What this store's plans carry: the statement, and where its answer's parts are found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw
from msgspec.structs import astuple


@dataclass(frozen=True, slots=True)
class Limit:
    """How many rows a page has: `fixed`, or the argument at `place`."""

    fixed: int = 0
    place: int = -1

    def of(self, arguments: Sequence[Any]) -> int:
        """The limit of one call."""
        return self.fixed if self.place < 0 else int(arguments[self.place])


class KeyReader:
    """Reads a row's sort keys out of its JSON, undecoded: quicker than a column beside each row.

    Args:
        names: of the members that are keys, in the order of the keys; each once, none with a character JSON escapes.
    """

    __slots__ = ("_decode",)

    def __init__(self, names: Sequence[str]) -> None:
        fields = [f"k{at}" for at in range(len(names))]
        struct = msgspec.defstruct(
            "Keys", [(field, Raw) for field in fields], rename=dict(zip(fields, names, strict=True))
        )
        self._decode = msgspec.json.Decoder(struct).decode

    def __call__(self, body: bytes) -> bytes:
        """The keys as a compact JSON array."""
        return encode(astuple(self._decode(body)))


encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Program:
    """One statement and its result: first column the JSON, then the version of a single row, else sort keys and count.

    Args:
        sql: the text, its parameters cast.
        single: at most one row is asked for.
        limit: of the page; one row more is read.
        keys: reads the sort keys out of a row's JSON; None: they are the next column, as JSON text.
        counted: the last column is a count, and a page without rows is one row of nulls.
    """

    sql: str
    single: bool = False
    limit: Limit = Limit()
    keys: KeyReader | None = None
    counted: bool = False


def key_reader(names: Sequence[str]) -> KeyReader | None:
    """A reader of the members of these names (the protocol's), in this order; None where none can read them so."""
    escaped = any(json.dumps(name, ensure_ascii=False) != f'"{name}"' for name in names)
    return None if escaped or len(set(names)) < len(names) else KeyReader(names)
