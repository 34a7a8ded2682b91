"""Kingpost: declare a typed model once; serve it over every API style, under one policy."""

from __future__ import annotations

import importlib
import typing

from kingpost.call import Actor
from kingpost.errors import KingpostError
from kingpost.model.declare import (
    Column,
    Index,
    Key,
    Many,
    New,
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
    from kingpost.api.response import Response
    from kingpost.app import App
    from kingpost.context import Context

__all__ = [
    "Actor",
    "App",
    "Column",
    "Context",
    "Index",
    "Key",
    "KingpostError",
    "Many",
    "New",
    "OnDelete",
    "Open",
    "Policy",
    "Private",
    "Ref",
    "Response",
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


_LATER = {"App": "kingpost.app", "Context": "kingpost.context", "Response": "kingpost.api.response"}


def __getattr__(name: str) -> object:
    """What is imported when it is first asked for: models and the command line start without servers and drivers."""
    if name not in _LATER:
        raise AttributeError(f"module 'kingpost' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LATER[name]), name)
    globals()[name] = value
    return value
