"""The stages a question passes, as types, so that none can be skipped.

Operation (asked) -> Bound (fits the manifest) -> Allowed (fits the caller) -> Plan (a store can run it).
Only `query/bind.py` makes a Bound, only `policy/` an Allowed, only a store's `compile.py` a Plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from kingpost.model.expressions import TRUE, Expression, Slot
from kingpost.model.fields import Relation
from kingpost.model.manifest import Entity, Manifest
from kingpost.model.types import Type


@dataclass(frozen=True, slots=True)
class SlotSpec:
    """Where a slot's value comes from and what it must be.

    `value`: the call's value number `index`; `me`: the actor's claim `name`; `call`: `now`,
    `address` or `host` of the call; `fixed`: `value` itself, as when a limit is left to its default.
    `equals`: what a value must be, as the fingerprint of a cursor must be the question's.
    `required`: a missing or mistyped claim refuses the call (a tenant) instead of being null.
    `where` names the parameter in errors.
    """

    source: Literal["value", "me", "call", "fixed"]
    type: Type
    index: int = 0
    name: str = ""
    many: bool = False
    minimum: int | None = None
    maximum: int | None = None
    where: str = ""
    value: object = None
    equals: str | None = None
    required: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one entity that satisfy `where`: the thing every part of a question walks."""

    entity: Entity
    where: Expression = TRUE


@dataclass(frozen=True, slots=True)
class Output:
    """A value in the answer, under the algebra's name for it; `asked` when the caller named it."""

    name: str
    value: Expression
    type: Type
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Derived:
    """A value in the answer that the manifest's Python `function` makes of `needs`, after the store ran.

    A need named `?` is a mask: where it is not true, the value is null and the function is not asked.
    """

    name: str
    function: str
    type: Type
    needs: tuple[Output, ...]
    asked: bool = False


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of the order, nulls last in both directions; `name` is how it was asked for."""

    name: str
    value: Expression
    type: Type
    descending: bool = False
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Start behind (`backward`: before) these sort keys; None where the key was null."""

    backward: bool
    keys: tuple[Slot | None, ...]


@dataclass(frozen=True, slots=True)
class Nested:
    """Related rows in each row: one object for a Ref, a page of an array for a Many.

    For many-to-many, `middle` are the rows of the entity between that count as links. `visible` is
    asked of the outer row: where it is not true, nothing is nested (null for a Ref, empty for a Many).
    """

    name: str
    relation: Relation
    select: Select
    middle: Rows | None = None
    visible: Expression = TRUE


Member: TypeAlias = Output | Derived | Nested


@dataclass(frozen=True, slots=True)
class Select:
    """A page of rows (`single`: at most one). `members` are in the order of the answer.

    `sort` is total: the entity's key ends it. `limit=None` only where at most one row can come.
    `counted` are the rows that a count counts; it is asked and narrowed for itself.
    """

    source: Rows
    members: tuple[Member, ...]
    sort: tuple[SortKey, ...] = ()
    limit: Slot | None = None
    page: Page | None = None
    single: bool = False
    counted: Rows | None = None
    count: Literal["none", "exact", "estimate"] = "none"
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Buckets:
    """A page of groups: `keys` then `aggregates` in each. `sort` is total: the group keys end it."""

    source: Rows
    keys: tuple[Output, ...]
    aggregates: tuple[Output, ...]
    having: Expression
    sort: tuple[SortKey, ...]
    limit: Slot
    page: Page | None = None
    fingerprint: str = ""


Question: TypeAlias = Select | Buckets


@dataclass(frozen=True, slots=True)
class Scan:
    """No index serves the question: it is refused where the entity has more rows than it may scan."""

    entity: str
    rows_max: int
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Cost:
    """Rows read at most: `limit` times (1 + what each row brings along)."""

    limit: int | None
    each: tuple[Cost, ...] = ()


@dataclass(frozen=True, slots=True)
class Bound:
    """Every name exists, every slot has its type. `roles` are those the policies on the way name."""

    question: Question
    slots: tuple[SlotSpec, ...]
    manifest: Manifest
    roles: frozenset[str]
    cost: Cost
    scan: Scan | None = None


@dataclass(frozen=True, slots=True)
class Allowed:
    """Narrowed to what a caller with these roles may see."""

    question: Question
    slots: tuple[SlotSpec, ...]
    manifest: Manifest
    cost: Cost
    scan: Scan | None = None


@dataclass(frozen=True, slots=True)
class Rendering:
    """The protocol's words for the algebra's names: `names` maps those that differ."""

    names: Mapping[str, str]

    def name(self, name: str) -> str:
        """The word for `name` in the answer."""
        return self.names.get(name, name)


PLAIN = Rendering({})


@dataclass(frozen=True, slots=True)
class Derivation:
    """The Select whose Derived members Python makes of what a store answered under `rendering`."""

    select: Select
    rendering: Rendering


@dataclass(frozen=True, slots=True)
class Plan:
    """What a store runs: its own `program` and, of all `slots`, those it wants, in its `order`.

    Args:
        program: the store's own: SQL text, or for the memory store the Allowed itself.
        slots: every slot of the question, by number.
        order: the numbers of the slots whose values the store is handed.
        result: the shape of the answer.
        fingerprint: what a cursor of this question carries.
        derived: what Python adds to the answer after the run, if anything.
    """

    program: object
    slots: tuple[SlotSpec, ...]
    order: tuple[int, ...]
    result: Literal["row", "rows", "buckets"]
    cost: Cost
    fingerprint: str
    backward: bool = False
    scan: Scan | None = None
    derived: Derivation | None = None
