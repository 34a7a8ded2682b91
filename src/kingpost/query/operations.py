"""The operations of the algebra: what is asked, by name, as every protocol's `read` makes it.

An operation holds Slots where the caller's values will stand, never the values: one operation
serves every request of the same shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from kingpost.model.expressions import TRUE, Aggregation, Expression, Name, Slot

LIMIT_DEFAULT = 20
LIMIT_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Order:
    """One sort key: a Name, or in a grouped read also an Aggregate. Nulls stand last either way."""

    by: Name | Aggregate
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page starts: behind (or, `backward`, before) the row with these sort keys.

    `keys` has one Slot for each sort key, the entity's key last, and None where the row's key was
    null; `fingerprint` is the Slot of the shape the cursor was made for.
    """

    backward: bool
    keys: tuple[Slot | None, ...]
    fingerprint: Slot


@dataclass(frozen=True, slots=True)
class Include:
    """Related rows nested in each row; `read.entity` is left empty, the relation knows it."""

    relation: str
    read: Read


@dataclass(frozen=True, slots=True)
class Read:
    """Rows of one entity. `fields=None` means all that the caller may see; `key` asks for one row."""

    entity: str
    key: tuple[Slot, ...] | None = None
    fields: tuple[str, ...] | None = None
    where: Expression = TRUE
    sort: tuple[Order, ...] = ()
    limit: Slot | None = None
    cursor: Cursor | None = None
    includes: tuple[Include, ...] = ()
    count: Literal["none", "exact", "estimate"] = "none"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A function over a bucket's rows; `of=None` counts them."""

    function: Aggregation
    of: Name | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Buckets of one entity's rows with equal `by`. In `having`, a Compare's left side is an Aggregated over Names."""

    entity: str
    by: tuple[Name, ...]
    aggregates: tuple[Aggregate, ...]
    where: Expression = TRUE
    having: Expression = TRUE
    sort: tuple[Order, ...] = ()
    limit: Slot | None = None
    cursor: Cursor | None = None


Operation: TypeAlias = Read | Group
