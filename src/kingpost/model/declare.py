"""What a team writes: `class Flight(Table)`, its fields' types and markers, indexes and policy.

Declaring only notes what was written, and where; model/read.py finds out what it means, and whether it is right.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Generic,
    Literal,
    TypeAlias,
    TypedDict,
    TypeVar,
    Unpack,
    overload,
)

from kingpost.model.fields import OnDelete as OnDeleteRule
from kingpost.model.manifest import Isolation
from kingpost.model.terms import Term

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KeyMarker:
    """The field is the key, or a part of it."""


@dataclass(frozen=True, slots=True)
class RefMarker:
    """The field is the key of a row of another entity."""


@dataclass(frozen=True, slots=True)
class ManyMarker:
    """The rows of another entity that refer to this one."""


@dataclass(frozen=True, slots=True)
class NewMarker:
    """The argument is a row that is not there yet: what a caller gives for it."""


Key: TypeAlias = Annotated[T, KeyMarker()]
Ref: TypeAlias = Annotated[T, RefMarker()]
Many: TypeAlias = Annotated[list[T], ManyMarker()]
New: TypeAlias = Annotated[T, NewMarker()]


@dataclass(frozen=True, slots=True)
class Column:
    """The column's name in the database, where it is not the field's: `order_: Annotated[int, Column("order")]`."""

    name: str


@dataclass(frozen=True, slots=True)
class Private:
    """Nobody outside ever hears of the field: `ssn: Annotated[str, Private()]`. Policies may use it."""


@dataclass(frozen=True, slots=True)
class Open:
    """The field may be filtered and sorted by without an index: `note: Annotated[str, Open()]`."""


@dataclass(frozen=True, slots=True)
class OnDelete:
    """What becomes of this row when the row its Ref names is deleted; without it, the deletion is refused."""

    rule: OnDeleteRule


@dataclass(frozen=True, slots=True)
class Via:
    """How a Many is reached."""

    path: str


def via(path: str) -> Any:
    """Which Ref leads back, where there are several; or the way of a many-to-many relation.

    Args:
        path: the Ref's name, `departures: Many["Flight"] = via("origin")`; or a Many of this entity and the
            Ref that leads on from there, `teams: Many["Team"] = via("memberships.team")`.
    """
    return Via(str(path))


class Index:
    """An index: `Index("origin", "-departs_at")`, `-` for descending.

    Args:
        keys: names of stored fields.
        where: only rows that satisfy this are in it.
        unique: no two rows in it have the same values.
    """

    __slots__ = ("keys", "unique", "where")

    def __init__(self, *keys: str, where: Term | None = None, unique: bool = False) -> None:
        self.keys, self.where, self.unique = keys, where, unique


class Unique:
    """No two rows have the same values in these fields (nulls differ from each other); within one tenant, if there are tenants."""

    __slots__ = ("keys", "where")

    def __init__(self, *keys: str, where: Term | None = None) -> None:
        self.keys, self.where = keys, where


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may. What has no rule, nobody may.

    Args:
        read: whose rows a caller may read.
        create, update, delete: which rows they may write; an update's rule holds before and after.
        fields: for fields that not everyone who may read the row may see.
    """

    read: Term | None = None
    create: Term | None = None
    update: Term | None = None
    delete: Term | None = None
    fields: Mapping[str, Term] | None = None


@dataclass(frozen=True, slots=True)
class SqlComputed:
    """A field whose value is an expression over others."""

    expression: Term


@dataclass(frozen=True, slots=True, eq=False)
class PythonComputed(Generic[T]):
    """A field whose value Python makes of others."""

    function: Callable[[Any], T]
    needs: tuple[str, ...]

    @overload
    def __get__(self, instance: None, owner: type) -> PythonComputed[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object, owner: type) -> PythonComputed[T] | T:
        return self if instance is None else self.function(instance)


@overload
def computed(expression: Term, /) -> Any: ...
@overload
def computed(*, needs: Sequence[str]) -> Callable[[Callable[[Any], T]], PythonComputed[T]]: ...
def computed(expression: Term | None = None, /, *, needs: Sequence[str] = ()) -> Any:
    """A field that is not stored: in the database, `full: str = computed(this.first + this.last)`, or in Python:

        @computed(needs=["first", "last"])
        def label(self) -> str:
            return f"{self.last}, {self.first}"

    The first can be filtered and sorted by. The second is made after the row was read; it sees only the
    fields it needs, gets None where they are null, and has to be a pure function of them.

    Args:
        expression: what its value is.
        needs: the fields that the Python function uses.

    Raises:
        TypeError: neither of the two forms.
    """
    if isinstance(expression, Term) and not needs:
        return SqlComputed(expression)
    if expression is not None or isinstance(needs, str) or not needs:
        raise TypeError('computed takes a term, computed(this.a + this.b), or decorates, @computed(needs=["a", "b"])')
    return lambda function: PythonComputed(function, tuple(needs))


class Options(TypedDict, total=False):
    """What stands beside the base: `class Flight(Table, scan_rows_max=1_000_000)`.

    Args:
        table: the table's name in the database; by default the class's in snake_case.
        plural: the collection's name, in snake_case, where English has its own way.
        scan_rows_max: estimated rows up to which a question needs no index.
        tenant: the field that says whose row it is; a caller sees those of their claim of that name.
        soft_delete: a deleted row stays, marked, and is not seen any more.
        audit: adds created_at, created_by, updated_at and updated_by.
        capture: changes become events.
        since, until: the first and the last version of the API that has it.
    """

    table: str
    plural: str
    scan_rows_max: int
    tenant: str
    soft_delete: bool
    audit: bool
    capture: bool
    since: str
    until: str


@dataclass(frozen=True, slots=True)
class Written:
    """The options of a class statement, as they were written, and where it stands."""

    options: Mapping[str, object]
    file: str
    line: int


DefaultVerb: TypeAlias = Literal["create", "update", "upsert", "delete"]


@dataclass(frozen=True, slots=True)
class DefaultAction:
    """One of the default actions of an entity, as a declaration names it: `Flight.create`."""

    entity: type
    verb: DefaultVerb

    def __repr__(self) -> str:
        return f"{self.entity.__name__}.{self.verb}"


@dataclass(frozen=True, slots=True)
class _Named:
    """Makes `Flight.create` of the class it is asked of."""

    verb: DefaultVerb

    def __get__(self, instance: object, owner: type) -> DefaultAction:
        return DefaultAction(owner, self.verb)


@dataclass(frozen=True, slots=True, eq=False)
class WrittenAction:
    """A function that a decorator made an action, what the decorator was given (as yet unchecked), and where."""

    function: Callable[..., object]
    file: str
    line: int
    policy: object = None
    replaces: object = None
    on: object = None
    isolation: Isolation = "read committed"
    retry: int = 0
    name: object = None


class Table:
    """An entity kept in a table: annotate its fields, and say in `policy` who may.

    Without a Key it has `id`, a UUIDv7 that Kingpost makes. `indexes`, `unique` and `check` say what
    the database keeps fast and true. Class options: see `Options`. `create`, `update`, `upsert` and `delete`
    name the default actions, for a function that replaces one: `@app.action(replaces=Flight.create)`.
    """

    if TYPE_CHECKING:
        id: Any  # the key, where none is declared

    policy: ClassVar[Policy] = Policy()
    indexes: ClassVar[Sequence[Index]] = ()
    unique: ClassVar[Sequence[Unique]] = ()
    check: ClassVar[Term | Sequence[Term] | Mapping[str, Term]] = ()
    create: ClassVar = _Named("create")
    update: ClassVar = _Named("update")
    upsert: ClassVar = _Named("upsert")
    delete: ClassVar = _Named("delete")
    __kingpost__: ClassVar[Written]

    def __init_subclass__(cls, **options: Unpack[Options]) -> None:
        super().__init_subclass__()
        # The only way to know where a class statement stands; inspect.getsource takes the first of that name.
        frame = sys._getframe(1)
        cls.__kingpost__ = Written(dict(options), frame.f_code.co_filename, frame.f_lineno)
