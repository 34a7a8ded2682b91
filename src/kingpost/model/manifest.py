"""The Manifest: everything a team declared, frozen; every other room reads it, none changes it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from kingpost.errors import UnknownName
from kingpost.model.expressions import FALSE, TRUE, Expression
from kingpost.model.fields import Field, Relation
from kingpost.model.types import Type

Effect: TypeAlias = Literal["read", "write"]
Result: TypeAlias = Literal["row", "rows", "buckets", "scalar", "nothing"]
ArgumentKind: TypeAlias = Literal["value", "row", "rows", "new", "new_rows", "changes"]
SUBJECTS: frozenset[ArgumentKind] = frozenset({"row", "rows", "new", "new_rows"})
Isolation: TypeAlias = Literal["read committed", "repeatable read", "serializable"]


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
    """One argument of a custom action.

    Args:
        name: as the function has it.
        field: its type, constraints, default and words; of a row, the type of its key (JSON where that has several parts).
        required: whether a call has to give it.
        kind: a plain `value`; a `row` or `rows`, given by key and loaded; a `new` row or `new_rows`, given by their
            values; the `changes` to a row, by field.
        entity: whose rows, or values of rows, they are.
    """

    name: str
    field: Field
    required: bool = True
    kind: ArgumentKind = "value"
    entity: str | None = None


@dataclass(frozen=True, slots=True)
class Returns:
    """What a custom action's function returns: a row or rows of `entity`, a value of `type`, or nothing."""

    entity: str | None = None
    type: Type | None = None
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """Anything that can be asked from outside: an entity's default verb or a team's own function.

    Of a function, `handler` is its name in `Manifest.functions`; where it `replaces` a default verb, it goes by that
    name. `on` is what it is done to: one row, a set of rows, or nothing (then `entity` only says whose collection it
    belongs to, None: the app's). `retry`: how many times more it is run after a serialization failure or deadlock.
    """

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
    returns: Returns = Returns()
    isolation: Isolation = "read committed"
    retry: int = 0

    @property
    def subject(self) -> Argument | None:
        """The argument that is `this` in its policy: the first that is a row, rows, or the values of new ones."""
        return next((one for one in self.arguments if one.kind in SUBJECTS), None)


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

    def action(self, entity: str | None, name: str) -> Action | None:
        """The action of that name of an entity, or of the app itself; None where there is none."""
        return next((one for one in self.actions if (one.entity, one.name) == (entity, name)), None)

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
