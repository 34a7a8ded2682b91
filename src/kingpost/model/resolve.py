"""Resolve the names in an expression against an entity: the one place that knows what a dotted name means.

Policies, computed fields and checks pass through here at start, callers' filters when a shape is new,
so both mean the same and are refused with the same words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeGuard, cast

from kingpost.errors import Mistyped, UnknownName
from kingpost.model.expressions import (
    And,
    Choose,
    Column,
    Compare,
    Comparison,
    Constant,
    Expression,
    FromCall,
    Function,
    IsNull,
    Name,
    Not,
    Or,
    Quantified,
    Quantifier,
    Slot,
    Through,
)
from kingpost.model.fields import Field, Relation
from kingpost.model.functions import settle
from kingpost.model.manifest import Entity, suggest
from kingpost.model.types import BOOL, NUMERIC, ORDERED, Scalar, Type

QUANTIFIERS: frozenset[str] = frozenset({"some", "every", "none"})
DEPTH_MAX = 8
_TEXT_ONLY = frozenset({"like", "ilike"})
_ORDER_ONLY = frozenset({"gt", "gte", "lt", "lte"})
_Given: TypeAlias = Slot | FromCall | Constant


@dataclass(frozen=True, slots=True)
class Scope:
    """Where names are looked up. `private` lets a team's own declarations see private fields."""

    entities: Mapping[str, Entity]
    entity: Entity
    private: bool = False

    def behind(self, relation: str) -> Scope:
        """The scope of the rows a relation leads to."""
        return replace(self, entity=self.entities[self.entity.relations[relation].target])

    def field(self, name: str) -> Field:
        """The field of that name, as far as this scope may know of it."""
        if self.private and name in self.entity.fields:
            return self.entity.fields[name]
        return self.entity.field(name)


def resolve(expression: Expression, scope: Scope) -> Expression:
    """Replace every Name by what it means, and give each given value the type it is compared with.

    Raises:
        UnknownName: a name means nothing here.
        Mistyped: an operator does not go with its field.
    """
    match expression:
        case Name(path):
            return resolve_value(path, scope)[0]
        case Compare():
            return _compare(expression, scope)
        case IsNull(Name(path)):
            return _is_null(path, scope)
        case And(parts):
            return And(tuple(resolve(part, scope) for part in parts))
        case Or(parts):
            return Or(tuple(resolve(part, scope) for part in parts))
        case Not(inner):
            return Not(resolve(inner, scope))
        case IsNull(inner):
            return IsNull(resolve(inner, scope))
        case Choose(condition, then):
            return Choose(resolve(condition, scope), resolve(then, scope))
        case Function(name, arguments):
            resolved = tuple(resolve(one, scope) for one in arguments)
            return settle(name, resolved, tuple(type_of(one) for one in resolved))
        case _:
            return expression


def resolve_value(path: tuple[str, ...], scope: Scope, depth: int = 0) -> tuple[Expression, Field]:
    """The value a dotted name stands for (a Column, behind Refs wrapped in Throughs) and its field.

    Raises:
        UnknownName: no such field or relation, or the way leads through a Many.
    """
    if depth > DEPTH_MAX:
        raise UnknownName(f"{'.'.join(path)} goes through more than {DEPTH_MAX} relations", where=".".join(path))
    if len(path) == 1:
        field = scope.field(path[0])
        return Column(field), field
    relation = _relation(path, scope)
    if relation.many:
        raise UnknownName(
            f"{'.'.join(path)} leads through {relation.name}, which are many rows",
            hint="filter by it with some, every or none",
            where=".".join(path),
        )
    inner, field = resolve_value(path[1:], scope.behind(path[0]), depth + 1)
    return Through(relation, inner), field


def type_of(expression: Expression) -> Type | None:
    """The type of a resolved expression's value; None for a given value not yet compared with anything."""
    match expression:
        case Column(field):
            return field.type
        case Through(_, inner) | Choose(_, inner):
            return type_of(inner)
        case Function(_, _, type_):
            return type_
        case Slot(_, type_) | Constant(_, type_) | FromCall(_, _, type_):
            return type_
        case _:
            return getattr(expression, "type", None) or BOOL


def check_operator(operator: Comparison, type_: Type, what: str) -> Type:
    """The type that the right side must have.

    Raises:
        Mistyped: the operator does not go with this type.
    """
    plain_text = type_.scalar is Scalar.TEXT and not type_.array
    if operator == "contains":
        if type_.array:
            return replace(type_, array=False)
        if plain_text or type_.scalar is Scalar.JSON:
            return replace(type_, choices=())
    elif operator in _TEXT_ONLY:
        if plain_text:
            return replace(type_, choices=())
    elif operator in _ORDER_ONLY:
        if type_.scalar in ORDERED and not type_.array:
            return type_
    elif operator in ("eq", "ne") or (type_.scalar is not Scalar.JSON and not type_.array):
        return type_
    raise Mistyped(f"{operator} does not go with {what}, which is {type_}", where=what)


def _compare(compare: Compare, scope: Scope) -> Expression:
    left, right = compare.left, compare.right
    if _is_given(left) and isinstance(right, Name):
        flipped = {"gt": "lt", "gte": "lte", "lt": "gt", "lte": "gte"}.get(compare.operator, compare.operator)
        return _compare(Compare(cast("Comparison", flipped), right, left), scope)
    if isinstance(left, Name) and len(left.path) > 1 and _is_given(right):
        return _compare_behind(left.path, replace(compare, left=Name(left.path[1:])), scope)
    left, right = resolve(left, scope), resolve(right, scope)
    what = ".".join(compare.left.path) if isinstance(compare.left, Name) else "an expression"
    left_type = type_of(left) or type_of(right)
    if left_type is None:
        raise Mistyped("two given values are compared with each other", hint="name a field on one side")
    wanted = check_operator(compare.operator, left_type, what)
    right_type = type_of(right)
    if not (_is_given(left) or _is_given(right)) and right_type and not _comparable(wanted, right_type):
        raise Mistyped(f"{what}, which is {left_type}, is compared with {right_type}", where=what)
    return Compare(compare.operator, _typed(left, left_type), _typed(right, wanted, compare.operator == "in"))


def _compare_behind(path: tuple[str, ...], rest: Compare, scope: Scope) -> Expression:
    relation = _relation(path, scope)
    inner_scope = scope.behind(path[0])
    if not relation.many:
        return Through(relation, _compare(rest, inner_scope))
    quantifier, path = _quantifier(path)
    condition = _compare(replace(rest, left=Name(path)), inner_scope)
    return _unfold(Quantified(quantifier, relation, condition), scope)


def _is_null(path: tuple[str, ...], scope: Scope) -> Expression:
    if len(path) > 1 and (relation := _relation(path, scope)).many:
        quantifier, rest = _quantifier(path)
        condition = _is_null(rest, scope.behind(path[0]))
        return _unfold(Quantified(quantifier, relation, condition), scope)
    if _leads_to_many(path, scope):
        return Through(scope.entity.relations[path[0]], _is_null(path[1:], scope.behind(path[0])))
    return IsNull(resolve_value(path, scope)[0])


def _leads_to_many(path: tuple[str, ...], scope: Scope) -> bool:
    if len(path) < 2:
        return False
    return _relation(path, scope).many or _leads_to_many(path[1:], scope.behind(path[0]))


def _unfold(node: Quantified, scope: Scope) -> Expression:
    """A many-to-many quantifier as one over the entity between, whose Ref leads onward."""
    middle = node.relation.middle
    if middle is None:
        return node
    between = scope.entities[middle.entity]
    inward = Relation(
        name=node.relation.name,
        source=node.relation.source,
        target=between.name,
        many=True,
        local=node.relation.local,
        remote=middle.back,
        back=middle.back,
    )
    onward = between.relations[middle.onward]
    if node.quantifier == "every":
        fails = Or((Not(node.condition), IsNull(node.condition)))
        return Quantified("none", inward, Through(onward, fails))
    return Quantified(node.quantifier, inward, Through(onward, node.condition))


def _quantifier(path: tuple[str, ...]) -> tuple[Quantifier, tuple[str, ...]]:
    if path[1] in QUANTIFIERS and len(path) > 2:
        return cast("Quantifier", path[1]), path[2:]
    return "some", path[1:]


def _relation(path: tuple[str, ...], scope: Scope) -> Relation:
    relation = scope.entity.relations.get(path[0])
    if relation is not None:
        return relation
    hint = suggest(path[0], scope.entity.relations)
    raise UnknownName(f"{scope.entity.name} has no relation {path[0]!r}", hint=hint, where=".".join(path))


def _comparable(left: Type, right: Type) -> bool:
    numbers = left.scalar in NUMERIC and right.scalar in NUMERIC
    return left.array == right.array and (numbers or left.scalar is right.scalar)


def _is_given(expression: Expression) -> TypeGuard[_Given]:
    return isinstance(expression, Slot | FromCall | Constant)


def _typed(expression: Expression, type_: Type, many: bool = False) -> Expression:
    if isinstance(expression, Slot | FromCall):
        return replace(expression, type=type_, many=many)
    if isinstance(expression, Constant) and expression.type is None:
        return replace(expression, type=type_)
    return expression
