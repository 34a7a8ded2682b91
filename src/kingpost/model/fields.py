"""What an entity is made of: fields and relations, as the manifest keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from kingpost.model.types import Type

OnDelete: TypeAlias = Literal["restrict", "cascade", "null"]
ConstraintKind: TypeAlias = Literal[
    "ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern", "digits"
]


@dataclass(frozen=True, slots=True)
class Constraint:
    """One bound on a field's value; `digits` holds (total, places)."""

    kind: ConstraintKind
    value: object


@dataclass(frozen=True, slots=True)
class Default:
    """What an absent value becomes: a constant, a new UUIDv7 made in Python, or the call's `now`."""

    kind: Literal["constant", "uuid7", "now"]
    value: object = None


@dataclass(frozen=True, slots=True)
class Field:
    """One value of an entity.

    `private` fields are unknown to every caller; `open` ones may be filtered without an index; `ref`
    names the entity whose key the value is; `computed` ones are not stored (see `Entity.computed`).
    """

    name: str
    type: Type
    column: str
    nullable: bool = False
    default: Default | None = None
    constraints: tuple[Constraint, ...] = ()
    private: bool = False
    open: bool = False
    computed: Literal["sql", "python"] | None = None
    ref: str | None = None
    managed: Literal["created", "updated", "deleted"] | None = None
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Relation:
    """A way from one entity to another: equal values of `local` here and `remote` there.

    A Ref has `many=False` and one local field of its own name. A Many has `back`, the Ref that
    leads back. Many-to-many goes over a third entity: `middle` names that entity's Ref back to here
    and its Ref onward, and `local`/`remote` are the two ends' keys.
    """

    name: str
    source: str
    target: str
    many: bool
    local: str
    remote: str
    back: str | None = None
    nullable: bool = False
    on_delete: OnDelete = "restrict"
    middle: Middle | None = None
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Middle:
    """The entity that stands between the two ends of a many-to-many relation."""

    entity: str
    back: str
    onward: str
