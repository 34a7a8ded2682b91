"""Make a field of each member that is one: its type, constraints, default and column."""

from __future__ import annotations

import copy
import sys
import typing
from collections.abc import Mapping
from dataclasses import replace

from kingpost.errors import DeclarationError
from kingpost.model.declare import (
    Column,
    OnDelete,
    Open,
    Private,
    PythonComputed,
    RefMarker,
    SqlComputed,
    Table,
    Via,
)
from kingpost.model.expressions import FromCall
from kingpost.model.faults import Faults
from kingpost.model.fields import Default, Field
from kingpost.model.names import RESERVED_COLUMNS, is_snake, too_long
from kingpost.model.read_constraints import read_constraints, violated
from kingpost.model.read_members import MISSING, Draft, Member
from kingpost.model.read_types import evaluate, read_type, take_apart
from kingpost.model.terms import Term, expression_of
from kingpost.model.types import DATETIME, TEXT, Scalar, Type
from kingpost.model.values import fit

Drafts: typing.TypeAlias = Mapping[type, Draft]
# Floats are not equal to what they were written as; the others have no plain text for a URL.
_NO_KEYS = frozenset({Scalar.FLOAT, Scalar.JSON, Scalar.BYTES, Scalar.BOOL})


def read_fields(draft: Draft, drafts: Drafts, faults: Faults) -> dict[str, Field]:
    """The fields of an entity in declared order, what its options add last."""
    fields: dict[str, Field] = {}
    for name, member in draft.members.items():
        if not member.is_many:
            with faults.catching(draft.cls, draft.about(name), name):
                fields[name] = _field(draft, member, drafts)
    for name, value in _python_computed(draft).items():
        with faults.catching(draft.cls, draft.about(name), name):
            fields[name] = _python_field(name, value, drafts)
    for one in _managed(draft):
        if one.name in fields:
            option = "soft_delete" if one.managed == "deleted" else "audit"
            faults.add(draft.cls, f"{draft.about(one.name)} is what {option}=True adds", member=one.name)
        fields[one.name] = one
    _check_columns(draft, fields, faults)
    return fields


def target_of(member: Member, drafts: Drafts) -> Draft:
    """The entity that a Ref or Many leads to.

    Raises:
        DeclarationError: it leads to no entity of the app.
    """
    inner = member.annotation.inner
    if member.is_many:
        inner = typing.get_args(inner)[0]
    if not isinstance(inner, type) or not issubclass(inner, Table):
        word = "Many" if member.is_many else "Ref"
        raise DeclarationError(f"{word}[{inner!r}] leads to no entity", hint=f"write {word}[Airline] for class Airline")
    if inner not in drafts:
        raise DeclarationError(f"{inner.__name__} is not among the app's entities", hint="add it to entities=[…]")
    return drafts[inner]


def _field(draft: Draft, member: Member, drafts: Drafts) -> Field:
    apart, is_key = member.annotation, member.name in draft.key
    is_ref = apart.has(RefMarker)
    if isinstance(member.value, Via):
        raise DeclarationError("via says how a Many is reached", hint="write Many[…]")
    type_ = _ref_type(member, drafts) if is_ref else read_type(apart.inner)
    constraints = read_constraints(apart.markers, type_)
    if is_ref and constraints:
        raise DeclarationError("a Ref takes no constraints", hint="constrain the key it leads to")
    if apart.has(OnDelete) and not is_ref:
        raise DeclarationError("OnDelete goes with a Ref")
    one = Field(
        name=member.name,
        type=type_,
        column=_column(member),
        nullable=apart.nullable,
        constraints=constraints,
        private=apart.has(Private),
        open=apart.has(Open),
        ref=target_of(member, drafts).name if is_ref else None,
        doc=member.doc,
    )
    if is_key:
        _check_key(one)
    if isinstance(member.value, SqlComputed):
        return _sql_field(one, is_key)
    return replace(one, default=Default("uuid7") if member.implied else read_default(member.value, one))


def _ref_type(member: Member, drafts: Drafts, passed: tuple[type, ...] = ()) -> Type:
    target = target_of(member, drafts)
    if len(target.key) > 1:
        raise DeclarationError(
            f"{target.name} has a key of {len(target.key)} fields, a Ref is one",
            hint=f"leave out its Key and it has an id, with Unique({', '.join(map(repr, target.key))})",
        )
    key = target.members[target.key[0]]
    if not key.annotation.has(RefMarker):
        return read_type(key.annotation.inner)
    if target.cls in passed:
        raise DeclarationError(f"the key of {target.name} leads to itself", hint="give one of them a key of its own")
    return _ref_type(key, drafts, (*passed, target.cls))


def _column(member: Member) -> str:
    names = [one.name for one in member.annotation.markers if isinstance(one, Column)]
    if len(names) > 1:
        raise DeclarationError("it has two columns")
    name = names[0] if names else member.name
    if not name or "\0" in name or too_long(name):
        raise DeclarationError("a column's name is a text of 1 to 63 bytes", hint='name the column: Column("short")')
    if name in RESERVED_COLUMNS:
        raise DeclarationError(f"every table has a column {name!r} of its own", hint="name the column otherwise")
    return name


def _check_key(one: Field) -> None:
    if one.nullable:
        raise DeclarationError("a key is never None", hint="leave out | None")
    if one.private:
        raise DeclarationError("a key is not private: rows are named by it")
    if one.type.scalar in _NO_KEYS or one.type.array:
        raise DeclarationError(f"{one.type} makes no key", hint="take a text, an int or a UUID")


def _sql_field(one: Field, is_key: bool) -> Field:
    if is_key or one.ref or one.constraints or one.column != one.name:
        raise DeclarationError(
            "a computed field is not stored: it is no Key or Ref, and takes no constraints or Column"
        )
    return replace(one, computed="sql")


def read_default(value: object, one: Field) -> Default | None:
    """What the field is where nobody gives it; None where `value` is MISSING.

    Raises:
        DeclarationError: it does not fit the field.
    """
    if value is MISSING:
        return None
    if isinstance(value, Term):
        source = expression_of(value)
        if not (isinstance(source, FromCall) and (source.source, source.name) == ("call", "now")):
            raise DeclarationError("a default is a constant, or now", hint=f"for a computed field: computed({value!r})")
        if one.type != DATETIME:
            raise DeclarationError(f"now is a datetime, not {one.type}")
        return Default("now")
    if isinstance(value, Column | OnDelete | Open | Private):
        name = type(value).__name__
        raise DeclarationError(f"{name} is no value", hint=f"write {one.name}: Annotated[…, {name}(…)]")
    if value is None:
        if not one.nullable:
            raise DeclarationError("its default is None, its type is not", hint=f"write {one.name}: … | None = None")
        return Default("constant", None)
    try:
        fitted = fit(copy.deepcopy(value), one.type)
    except ValueError as fault:
        raise DeclarationError(f"its default does not fit: {fault}") from None
    if broken := violated(fitted, one.constraints):
        raise DeclarationError(f"its default {broken}")
    return Default("constant", fitted)


def _python_computed(draft: Draft) -> dict[str, PythonComputed[object]]:
    found: dict[str, PythonComputed[object]] = {}
    for owner in reversed(draft.cls.__mro__):
        found |= {name: one for name, one in vars(owner).items() if isinstance(one, PythonComputed)}
    return found


def _python_field(name: str, value: PythonComputed[object], drafts: Drafts) -> Field:
    function = value.function
    annotation = function.__annotations__.get("return")
    if annotation is None:
        raise DeclarationError("its function does not say what it returns", hint=f"write def {name}(self) -> str:")
    if not is_snake(name):
        raise DeclarationError("a field's name is snake_case, as every protocol makes its own of it")
    entities = {draft.name: cls for cls, draft in drafts.items()}
    module = vars(sys.modules.get(function.__module__, typing))
    apart = take_apart(evaluate(annotation, module, entities))
    return Field(name, read_type(apart.inner), name, apart.nullable, computed="python", doc=function.__doc__ or "")


def _managed(draft: Draft) -> list[Field]:
    fields = []
    if draft.options.get("audit"):
        fields += [
            Field("created_at", DATETIME, "created_at", default=Default("now"), managed="created"),
            Field("created_by", TEXT, "created_by", nullable=True, managed="created"),
            Field("updated_at", DATETIME, "updated_at", default=Default("now"), managed="updated"),
            Field("updated_by", TEXT, "updated_by", nullable=True, managed="updated"),
        ]
    if draft.options.get("soft_delete"):
        # Private, since whoever sees the row sees null in it.
        fields.append(Field("deleted_at", DATETIME, "deleted_at", nullable=True, private=True, managed="deleted"))
    return fields


def _check_columns(draft: Draft, fields: Mapping[str, Field], faults: Faults) -> None:
    seen: dict[str, str] = {}
    for name, one in fields.items():
        if one.computed is None and seen.setdefault(one.column, name) != name:
            message = f"{draft.about(name)} is kept in the column {one.column!r}, and so is {seen[one.column]}"
            faults.add(draft.cls, message, hint="name another column", member=name)
