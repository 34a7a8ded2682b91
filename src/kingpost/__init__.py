"""Kingpost: declare a typed model once; serve it over every API style, under one policy."""

from __future__ import annotations

import typing

from kingpost.call import Actor
from kingpost.errors import KingpostError
from kingpost.model.declare import (
    Column,
    Index,
    Key,
    Many,
    OnDelete,
    Open,
    Policy,
    Private,
    Ref,
    Table,
    Unique,
    computed,
    via,
)
from kingpost.model.terms import Term, address, anyone, host, me, now, role, this

if typing.TYPE_CHECKING:
    from kingpost.app import App

__all__ = [
    "Actor",
    "App",
    "Column",
    "Index",
    "Key",
    "KingpostError",
    "Many",
    "OnDelete",
    "Open",
    "Policy",
    "Private",
    "Ref",
    "Table",
    "Term",
    "Unique",
    "address",
    "anyone",
    "computed",
    "host",
    "me",
    "now",
    "role",
    "this",
    "via",
]


def __getattr__(name: str) -> object:
    """`App`, imported when it is first asked for: models and the command line start without servers and drivers."""
    if name != "App":
        raise AttributeError(f"module 'kingpost' has no attribute {name!r}")
    from kingpost.app import App

    globals()["App"] = App
    return App
