"""The Manifest: everything a team declared, frozen; every other room reads it, none changes it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from kingpost.errors import UnknownName
from kingpost.model.expressions import FALSE, TRUE, Expression
from kingpost.model.fields import Field, Relation

Effect: TypeAlias = Literal["read", "write"]
Result: TypeAlias = Literal["row", "rows", "buckets", "scalar", "nothing"]


@dataclass(frozen=True, slots=True)
class Computed:
    """A value that is not stored: an `expression`, or the Python function `function` over the fields it `needs`."""

    expression: Expression | None = None
    function: str | None = None
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may: a condition for each effect, and for fields that not everyone who may read the row may see."""

    read: Expression = FALSE
    create: Expression = FALSE
    update: Expression = FALSE
    delete: Expression = FALSE
    fields: Mapping[str, Expression] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IndexKey:
    """One field of an index and its direction; nulls stand last in both."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Index:
    """The keys in order (the entity's key ends them all), unique or not, over the rows that satisfy `where`."""

    keys: tuple[IndexKey, ...]
    unique: bool = False
    where: Expression = TRUE


@dataclass(frozen=True, slots=True)
class Check:
    """A condition each stored row satisfies."""

    name: str
    condition: Expression


@dataclass(frozen=True, slots=True)
class Source:
    """Rows that a verb walks: of `entity`, narrowed by `where`. The policy adds its filter to each."""

    entity: str
    where: Expression = TRUE


@dataclass(frozen=True, slots=True)
class Verb:
    """What a kind of entity can be asked to do, as data: protocols render and stores compile any alike."""

    name: str
    arguments: tuple[str, ...]
    walks: tuple[Source, ...]
    result: Result
    effect: Effect


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a custom action."""

    name: str
    field: Field
    required: bool = True


@dataclass(frozen=True, slots=True)
class Action:
    """Anything that can be asked from outside: an entity's default verb or a team's own function."""

    name: str
    entity: str | None
    verb: Verb | None
    effect: Effect
    on: Literal["row", "set", "nothing"] = "set"
    handler: str | None = None
    replaces: str | None = None
    arguments: tuple[Argument, ...] = ()
    result: Result = "rows"
    policy: Expression = FALSE
    cost: int = 1
    idempotent: bool = False
    since: str | None = None
    until: str | None = None
    deprecated: bool = False
    doc: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Entity:
    """One declared class. `path` is the collection's name in URLs; `at` is where it was declared."""

    name: str
    plural: str
    path: str
    table: str
    kind: Literal["table"]
    fields: Mapping[str, Field]
    key: tuple[str, ...]
    relations: Mapping[str, Relation]
    computed: Mapping[str, Computed] = field(default_factory=dict)
    indexes: tuple[Index, ...] = ()
    checks: tuple[Check, ...] = ()
    policy: Policy = Policy()
    tenant: str | None = None
    soft_delete: str | None = None
    capture: bool = True
    scan_rows_max: int = 10_000
    since: str | None = None
    until: str | None = None
    doc: str = ""
    at: str = ""

    def __repr__(self) -> str:
        return f"<Entity {self.name}>"

    def public(self) -> dict[str, Field]:
        """The fields that callers may hear of, in declared order."""
        return {name: one for name, one in self.fields.items() if not one.private}

    def field(self, name: str) -> Field:
        """The public field of that name.

        Raises:
            UnknownName: there is none; the hint never names a private one.
        """
        found = self.fields.get(name)
        if found is None or found.private:
            private = self.fields.keys() - self.public().keys()
            known = {*self.public(), *self.relations} - private
            raise UnknownName(f"{self.name} has no field {name!r}", hint=suggest(name, known), where=name)
        return found


@dataclass(frozen=True, slots=True, repr=False)
class Manifest:
    """All entities and actions of one app, by name. `functions` are the only part that is not data."""

    app: str
    timezone: str
    entities: Mapping[str, Entity]
    actions: tuple[Action, ...] = ()
    functions: Mapping[str, Callable[..., object]] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        return f"<Manifest {self.app} of {', '.join(self.entities)}>"

    def entity(self, name: str) -> Entity:
        """The entity of that name.

        Raises:
            UnknownName: there is none.
        """
        if name in self.entities:
            return self.entities[name]
        raise UnknownName(f"there is no entity {name!r}", hint=suggest(name, self.entities))

    def relation(self, source: str, name: str) -> Relation | None:
        """The relation of that name, or None."""
        return self.entities[source].relations.get(name)


def suggest(name: str, known: Iterable[str]) -> str:
    """A hint that names what was probably meant, else what there is (at most a dozen)."""
    names = sorted(known)
    close = difflib.get_close_matches(name[:64], names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return (
        f"there is {', '.join(names[:12])}{', …' if len(names) > 12 else ''}" if names else "there is nothing to name"
    )
