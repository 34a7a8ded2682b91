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
ROWS_WRITTEN_MAX = 1_000
"""So many rows one request may create at once."""


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


@dataclass(frozen=True, slots=True)
class Given:
    """A field that the caller gives, and the Slot of its value; in a bulk create that is a column, one for each row."""

    field: str
    value: Slot


@dataclass(frozen=True, slots=True)
class Create:
    """A new row; with `rows`, the Slot of how many there are, each given value is a column. `shown`: what is answered."""

    entity: str
    given: tuple[Given, ...]
    shown: Read
    rows: Slot | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Change the row with this key, or without one all rows that satisfy `where`.

    `version`: the Slot of the version it must have, where the caller says. `shown` is None where rows are only counted.
    """

    entity: str
    given: tuple[Given, ...]
    key: tuple[Slot, ...] | None = None
    where: Expression = TRUE
    version: Slot | None = None
    shown: Read | None = None


@dataclass(frozen=True, slots=True)
class Upsert:
    """Put a row at this key: a new one, or in place of the one there; with `new_only` never in its place."""

    entity: str
    given: tuple[Given, ...]
    key: tuple[Slot, ...]
    shown: Read
    version: Slot | None = None
    new_only: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the row with this key, or without one all rows that satisfy `where`; `version` as in Update."""

    entity: str
    key: tuple[Slot, ...] | None = None
    where: Expression = TRUE
    version: Slot | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Lock the row with this key until the transaction ends, for whom `policy`, an action's, admits."""

    entity: str
    key: tuple[Slot, ...]
    policy: Expression
    shown: Read
    version: Slot | None = None


@dataclass(frozen=True, slots=True)
class Perform:
    """Run an action of the team's own, of `entity` or of the app itself.

    `key` has the Slots of the row it is asked on; `arguments` is that of the decoded object with the others.
    """

    action: str
    arguments: Slot
    key: tuple[Slot, ...] = ()
    entity: str | None = None
    version: Slot | None = None


@dataclass(frozen=True, slots=True)
class Together:
    """Several writes as one: all of them are done, or none. The call's values are its Parts and Followings, in order."""


Write: TypeAlias = Create | Update | Upsert | Delete | Hold
Single: TypeAlias = Read | Group | Write
"""What a store answers by itself."""
Operation: TypeAlias = Single | Perform | Together
