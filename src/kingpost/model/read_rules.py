"""Bind what a team's terms name: policies, checks, computed fields, and the conditions of indexes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from kingpost.errors import DeclarationError, Mistyped, UnknownName
from kingpost.model.declare import Policy as WrittenPolicy
from kingpost.model.declare import PythonComputed, SqlComputed
from kingpost.model.expressions import (
    FALSE,
    And,
    Choose,
    Column,
    Compare,
    Constant,
    Expression,
    FromCall,
    HasRole,
    Name,
    Not,
    Or,
    Quantified,
    Through,
    rewrite,
    walk,
)
from kingpost.model.faults import Faults
from kingpost.model.manifest import Check, Computed, Entity, Policy, suggest
from kingpost.model.nullness import nullable
from kingpost.model.read_members import Draft
from kingpost.model.resolve import Scope, check_operator, resolve, type_of
from kingpost.model.terms import Term, expression_of
from kingpost.model.types import BOOL, DATETIME, TEXT, Type
from kingpost.model.values import fit

_EFFECTS = ("read", "create", "update", "delete")
_OF_CALL: Mapping[str, Type] = {"now": DATETIME, "address": TEXT, "host": TEXT}


def bind_condition(term: object, scope: Scope) -> Expression:
    """The condition a term stands for.

    Raises:
        DeclarationError: it is no term, or no condition.
        UnknownName, Mistyped: a name means nothing, or an operator does not go with it.
    """
    if not isinstance(term, Term):
        raise DeclarationError(f"{term!r} is no condition", hint="write anyone, role(…) or this.x == me.x")
    bound = _settle(resolve(_asked(expression_of(term)), scope))
    _check_conditions(bound)
    return bound


def bind_stored(term: object, scope: Scope) -> Expression:
    """A condition over one row as it is stored, for the database to keep.

    Raises:
        DeclarationError: it looks at anything else.
        UnknownName, Mistyped: as `bind_condition`.
    """
    bound = bind_condition(term, scope)
    for node in walk(bound):
        if isinstance(node, FromCall | HasRole | Through | Quantified):
            raise DeclarationError(
                "the database keeps it true, so it looks at the row alone, not at callers or other rows"
            )
        if isinstance(node, Column) and node.field.computed:
            raise DeclarationError(f"{node.field.name} is not stored", hint="write out what it is made of")
    return bound


def read_policy(draft: Draft, scope: Scope, faults: Faults) -> Policy:
    """The entity's policy, bound; a rule that is wrong is noted and stays closed."""
    written: Any = draft.cls.policy
    if not isinstance(written, WrittenPolicy):
        faults.add(draft.cls, f"{draft.about('policy')} is {written!r}", hint="write Policy(read=…)", member="policy")
        return Policy()
    rules: dict[str, Expression] = dict.fromkeys(_EFFECTS, FALSE)
    for effect in _EFFECTS:
        if getattr(written, effect) is not None:
            with faults.catching(draft.cls, f"{draft.name}.policy.{effect}", "policy", effect):
                rules[effect] = bind_condition(getattr(written, effect), scope)
    fields: dict[str, Expression] = {}
    for name, term in _masks(draft, written.fields, faults).items():
        with faults.catching(draft.cls, f"{draft.name}.policy.fields", "policy", name):
            _check_masked(name, scope.entity)
            fields[name] = bind_condition(term, scope)
    return Policy(rules["read"], rules["create"], rules["update"], rules["delete"], MappingProxyType(fields))


def read_checks(draft: Draft, scope: Scope, faults: Faults) -> tuple[Check, ...]:
    """The entity's checks, bound."""
    checks = []
    for name, term in _named(draft.cls.check).items():
        with faults.catching(draft.cls, draft.about("check"), "check", name):
            checks.append(Check(name, bind_stored(term, scope)))
    return tuple(checks)


def read_computed(draft: Draft, scope: Scope, faults: Faults) -> dict[str, Computed]:
    """What the entity's computed fields are made of."""
    found: dict[str, Computed] = {}
    for name, one in scope.entity.fields.items():
        if one.computed is None:
            continue
        with faults.catching(draft.cls, draft.about(name), name):
            value = next(vars(owner)[name] for owner in draft.cls.__mro__ if name in vars(owner))
            if isinstance(value, SqlComputed):
                found[name] = Computed(_expression(value, name, scope))
            elif isinstance(value, PythonComputed):
                _check_needs(value, scope.entity)
                found[name] = Computed(function=f"{draft.name}.{name}", needs=value.needs)
    return found


def _masks(draft: Draft, written: object, faults: Faults) -> Mapping[str, object]:
    if written is None or isinstance(written, Mapping):
        return written or {}
    hint = 'write fields={"name": role("…")}'
    faults.add(draft.cls, f"{draft.name}.policy.fields is {written!r}", hint=hint, member="policy", word="fields")
    return {}


def _named(check: Term | Sequence[Term] | Mapping[str, Term]) -> Mapping[str, object]:
    if isinstance(check, Mapping):
        return check
    if isinstance(check, Term) or not isinstance(check, Sequence):
        return {"check": check}
    return {f"check_{number}": one for number, one in enumerate(check, 1)}


def _check_masked(name: str, entity: Entity) -> None:
    one = entity.fields.get(name)
    if one is None:
        raise UnknownName(f"{entity.name} has no field {name!r}", hint=suggest(name, entity.public()), where=name)
    if one.private:
        raise DeclarationError(f"{name} is private, so nobody sees it anyway")
    if name in entity.key:
        raise DeclarationError(f"{name} is the key: who may see the row sees it")


def _asked(expression: Expression) -> Expression:
    """A bare name through relations, as a condition: is there one for which it is true?"""
    match expression:
        case Name(path) if len(path) > 1:
            return Compare("eq", expression, Constant(True, BOOL))
        case And(parts):
            return And(tuple(_asked(part) for part in parts))
        case Or(parts):
            return Or(tuple(_asked(part) for part in parts))
        case Not(inner):
            return Not(_asked(inner))
        case _:
            return expression


def _settle(expression: Expression) -> Expression:
    return rewrite(expression, _settle_constants)


def _settle_constants(node: Expression) -> Expression:
    """Constants take the form of what they are compared with, or do not fit it."""
    if isinstance(node, FromCall) and node.source == "call" and node.type != _OF_CALL[node.name]:
        raise Mistyped(f"{node.name} is compared with {node.type}, but it is {_OF_CALL[node.name]}")
    if isinstance(node, HasRole) and not _is_name(node.role):
        raise DeclarationError(f"role takes the name of one role, not {node.role!r}", hint="join several with |")
    if not isinstance(node, Compare):
        return node
    left, right = node.left, node.right
    if isinstance(right, Constant) and (type_ := type_of(left)):
        wanted = check_operator(node.operator, type_, "it")
        return replace(node, right=_fitted(right, wanted, node.operator == "in"))
    if isinstance(left, Constant) and (type_ := type_of(right)):
        return replace(node, left=_fitted(left, type_))
    return node


def _is_name(role: object) -> bool:
    return isinstance(role, str) and role != ""


def _fitted(constant: Constant, type_: Type, many: bool = False) -> Constant:
    value = constant.value
    try:
        if many:
            return Constant(tuple(fit(one, type_) for one in value), type_) if isinstance(value, tuple) else constant
        return Constant(fit(value, type_), type_)
    except ValueError as fault:
        raise Mistyped(str(fault)) from None


def _check_conditions(expression: Expression) -> None:
    """What is joined, negated or asked for is true or false."""
    match expression:
        case And(parts) | Or(parts):
            for part in parts:
                _check_conditions(part)
        case Not(inner) | Through(_, inner) | Quantified(_, _, inner) | Choose(inner, _):
            _check_conditions(inner)
        case _:
            type_ = type_of(expression)
            if type_ != BOOL:
                raise DeclarationError(
                    f"{_words(expression)} is no condition, it is {type_ or 'a claim'}", hint="compare it"
                )
    for node in walk(expression):
        if isinstance(node, Column) and node.field.computed == "python":
            hint = "compute it in SQL: computed(this.…)"
            raise DeclarationError(f"{node.field.name} is made in Python, which no store can ask", hint=hint)


def _words(expression: Expression) -> str:
    match expression:
        case Column(field):
            return f"this.{field.name}"
        case FromCall(source, name):
            return f"{source}.{name}" if source == "me" else name
        case _:
            return "it"


def _expression(value: SqlComputed, name: str, scope: Scope) -> Expression:
    one = scope.entity.fields[name]
    bound = _settle(resolve(expression_of(value.expression), scope))
    for node in walk(bound):
        if isinstance(node, FromCall | HasRole):
            raise DeclarationError("a computed field is the same for everyone, whoever asks and when")
        if isinstance(node, Column) and node.field.computed == "python":
            raise DeclarationError(f"{node.field.name} is made in Python, which no store can ask")
    if type_of(bound) == BOOL:
        _check_conditions(bound)
    found = type_of(bound)
    if found is None or not _same(found, one.type):
        raise DeclarationError(f"its type says {one.type}, its expression yields {found}")
    if not one.nullable and nullable(bound):
        raise DeclarationError("its expression can be null", hint="add | None to its type, or .coalesce(…) to the term")
    return bound


def _same(found: Type, said: Type) -> bool:
    """A choice is a text too; a text is not always one of the choices."""
    return found == said or replace(found, choices=()) == said


def _check_needs(value: PythonComputed[object], entity: Entity) -> None:
    for need in value.needs:
        one = entity.fields.get(need)
        if one is None:
            raise UnknownName(f"{entity.name} has no field {need!r}", hint=suggest(need, entity.fields), where=need)
        if one.computed == "python":
            raise DeclarationError(f"it needs {need}, which is made in Python too", hint="name what that needs")
