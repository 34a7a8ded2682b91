"""Kingpost: declare a typed model once; serve it over every API style, under one policy."""

from __future__ import annotations

from kingpost.app import App
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
