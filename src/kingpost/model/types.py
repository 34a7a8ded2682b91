"""The types a field can have: twelve scalars, alone or in an array."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Scalar(Enum):
    """How each is written on each protocol is told in docs/reference/values.md."""

    TEXT = "text"
    INT = "int"
    FLOAT = "float"
    DECIMAL = "decimal"
    BOOL = "bool"
    DATETIME = "datetime"
    DATE = "date"
    TIME = "time"
    DURATION = "duration"
    UUID = "uuid"
    BYTES = "bytes"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Type:
    """A scalar, its array flag, and for a Literal its `choices` (then the scalar is TEXT)."""

    scalar: Scalar
    array: bool = False
    choices: tuple[str, ...] = ()

    def __str__(self) -> str:
        name = " or ".join(map(repr, self.choices)) if self.choices else self.scalar.value
        return f"array of {name}" if self.array else name


TEXT = Type(Scalar.TEXT)
INT = Type(Scalar.INT)
FLOAT = Type(Scalar.FLOAT)
DECIMAL = Type(Scalar.DECIMAL)
BOOL = Type(Scalar.BOOL)
DATETIME = Type(Scalar.DATETIME)
DATE = Type(Scalar.DATE)
TIME = Type(Scalar.TIME)
DURATION = Type(Scalar.DURATION)
UUID = Type(Scalar.UUID)
BYTES = Type(Scalar.BYTES)
JSON = Type(Scalar.JSON)

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
NUMERIC = frozenset({Scalar.INT, Scalar.FLOAT, Scalar.DECIMAL})
ORDERED = frozenset(Scalar) - {Scalar.JSON}
