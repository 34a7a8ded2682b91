"""The stages a question passes, as types, so that none can be skipped.

Operation (asked) -> Bound (fits the manifest) -> Allowed (fits the caller) -> Plan (a store can run it).
Only `query/bind.py` makes a Bound, only `policy/` an Allowed, only a store's `compile.py` a Plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from kingpost.errors import Detail
from kingpost.model.expressions import TRUE, Expression, Slot
from kingpost.model.fields import Field, OnDelete, Relation
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
    `stored`: the value is to be kept in this field, whose constraints and nullness it has to meet; with source
    `default` it is what the field holds when nobody says. `column`: one such value for each new row, in a list.
    `same`: the number of the slot whose value it must equal, as a key in a body must be that of the path.
    """

    source: Literal["value", "me", "call", "fixed", "default"]
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
    stored: Field | None = None
    column: bool = False
    same: int | None = None


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


@dataclass(frozen=True, slots=True)
class Assigned:
    """A stored field, and what a write puts into it; `given` when the caller named it."""

    field: Field
    value: Slot
    given: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """A Ref that a write fills: the row it names, unless null, has to exist and to satisfy `where`."""

    relation: Relation
    target: Rows


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a deletion means for the rows of `relation.source` that refer to what is deleted.

    Args:
        relation: their Ref.
        rule: restrict (they must not exist), cascade (they go too), null (their Ref is emptied).
        entity: what they are.
        admits: with cascade, what each of them has to satisfy, or nothing is deleted.
        then: what follows from their own deletion; None: the same again as `entity` already stands further up.
    """

    relation: Relation
    rule: OnDelete
    entity: Entity
    admits: Expression = TRUE
    then: tuple[Consequence, ...] | None = ()


@dataclass(frozen=True, slots=True)
class Creation:
    """New rows. `assigned` has every stored field; `admits` is asked of each new row, as it will be stored."""

    assigned: tuple[Assigned, ...]
    admits: Expression = TRUE
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class Alteration:
    """Changes of stored rows: `before` is asked of a row as it is, `after` as it will be. Both must be true.

    Without anything assigned the row is only locked. `policy` is an action's own, in place of the entity's for updates.
    """

    assigned: tuple[Assigned, ...]
    before: Expression = TRUE
    after: Expression = TRUE
    references: tuple[Reference, ...] = ()
    policy: Expression | None = None


@dataclass(frozen=True, slots=True)
class Removal:
    """A deletion: `before` is asked of each row; `stamp` marks a row as deleted instead of taking it away."""

    before: Expression = TRUE
    stamp: tuple[Assigned, ...] = ()
    consequences: tuple[Consequence, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """A write of one entity's rows.

    Args:
        entity: whose.
        target: the stored rows it is about, as far as the caller may read them; None for new rows only.
        single: it is about the one row with a key: then a row that is not there, may not be changed or has another
            version is told of. Else it takes the rows of `target` that `before` admits, at most `rows_max` of them,
            and one that `after` or a reference does not admit refuses all.
        creation: what it creates, for create and upsert. With both, the row at the key is altered where there is one.
        rows: how many rows are created, from columns; None: one.
        alteration: what it changes.
        removal: that it deletes.
        version: which version the row has to have.
        shown: what is answered of a written row; its `source.where` is asked of the row as it is now, and where it
            is not true nothing is shown. None: rows are counted.
        fingerprint: unused by writes; as for other questions.
    """

    entity: Entity
    target: Rows | None = None
    single: bool = True
    creation: Creation | None = None
    rows: Slot | None = None
    alteration: Alteration | None = None
    removal: Removal | None = None
    version: Slot | None = None
    shown: Select | None = None
    rows_max: int = 1
    fingerprint: str = ""


Question: TypeAlias = Select | Buckets | Change


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
    """Every name exists, every slot has its type. `roles` are those the policies on the way name.

    `faults` are those of a body's shape: they are told together with those of its values, once the caller may at all.
    """

    question: Question
    slots: tuple[SlotSpec, ...]
    manifest: Manifest
    roles: frozenset[str]
    cost: Cost
    scan: Scan | None = None
    faults: tuple[Detail, ...] = ()


@dataclass(frozen=True, slots=True)
class Allowed:
    """Narrowed to what a caller with these roles may see and change."""

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
    result: Literal["row", "rows", "buckets", "change"]
    cost: Cost
    fingerprint: str
    backward: bool = False
    scan: Scan | None = None
    derived: Derivation | None = None
