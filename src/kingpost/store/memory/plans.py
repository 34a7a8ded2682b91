"""What this store's plans carry for a read: functions made of expressions, and slot numbers."""

from __future__ import annotations

from dataclasses import dataclass

from kingpost.model.expressions import Aggregation
from kingpost.model.fields import Relation
from kingpost.model.types import Type
from kingpost.query.evaluate import Meaning
from kingpost.query.rendering import Renderer


@dataclass(frozen=True, slots=True)
class Walk:
    """The rows of an entity that `admits`."""

    entity: str
    admits: Meaning


@dataclass(frozen=True, slots=True)
class Ordering:
    """A total order, and the part of it that is asked for; `limit` and `start` are slot numbers."""

    keys: tuple[Meaning, ...]
    renderers: tuple[Renderer, ...]
    descending: tuple[bool, ...]
    limit: int | None
    start: tuple[int | None, ...] | None
    backward: bool


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a row's object."""

    name: str
    value: Meaning
    render: Renderer


@dataclass(frozen=True, slots=True)
class Links:
    """The rows between the ends of a many-to-many relation: `local` here, `back` and `onward` there, `remote` beyond."""

    walk: Walk
    relation: Relation
    back: str
    onward: str


@dataclass(frozen=True, slots=True)
class Nest:
    """Related rows in a row's object; `after` is where the cursor of a Many's next page stands."""

    name: str
    after: str
    relation: Relation
    visible: Meaning
    select: Selecting
    links: Links | None


@dataclass(frozen=True, slots=True)
class Selecting:
    """A Select, ready to run."""

    walk: Walk
    members: tuple[Value | Nest, ...]
    ordering: Ordering
    single: bool
    counted: Walk | None
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Counting:
    """One aggregate: where the bucket keeps it, and over what; without `inner`, it counts the rows."""

    key: str
    function: Aggregation
    of: Type
    inner: Meaning | None


@dataclass(frozen=True, slots=True)
class Bucketing:
    """A Buckets, ready to run. `keys` are of the rows; `outputs`, `having` and `ordering` are of the buckets."""

    walk: Walk
    keys: tuple[tuple[str, Meaning, Type], ...]
    countings: tuple[Counting, ...]
    outputs: tuple[Value, ...]
    having: Meaning
    ordering: Ordering
