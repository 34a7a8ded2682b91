"""What this store's plans carry: the statement, and where its answer's parts are found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw


@dataclass(frozen=True, slots=True)
class Limit:
    """How many rows a page has: `fixed`, or the argument at `place`."""

    fixed: int = 0
    place: int = -1

    def of(self, arguments: Sequence[Any]) -> int:
        """The limit of one call."""
        return self.fixed if self.place < 0 else int(arguments[self.place])


@dataclass(frozen=True, slots=True)
class KeyReader:
    """Reads a row's sort keys out of its JSON, undecoded: quicker than a column beside each row.

    Args:
        decoder: of a struct with one raw field for each distinct key.
        fields: its fields, in the order of the keys.
    """

    decoder: msgspec.json.Decoder[Any]
    fields: tuple[str, ...]

    def __call__(self, body: bytes) -> bytes:
        """The keys as a compact JSON array."""
        found = self.decoder.decode(body)
        return b"[" + b",".join([bytes(getattr(found, field)) for field in self.fields]) + b"]"


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
    """A reader of the members of these names (the protocol's), in this order; None if JSON would escape a name."""
    if any(json.dumps(name, ensure_ascii=False) != f'"{name}"' for name in names):
        return None
    distinct = list(dict.fromkeys(names))
    fields = {name: f"k{at}" for at, name in enumerate(distinct)}
    struct = msgspec.defstruct(
        "Keys", [(field, Raw) for field in fields.values()], rename={v: k for k, v in fields.items()}
    )
    return KeyReader(msgspec.json.Decoder(struct), tuple(fields[name] for name in names))
