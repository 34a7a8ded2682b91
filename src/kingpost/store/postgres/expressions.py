"""Write an expression as SQL: as its three-valued value, or for a condition only when it is true or when it is false.

Where only truth matters a condition behind a Ref becomes EXISTS, negations move inward, and a mask becomes one
more condition, so that indexes serve what they can. No expression raises over stored data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

from kingpost.model.expressions import (
    And,
    Choose,
    Column,
    Compare,
    Constant,
    Expression,
    Function,
    IsNull,
    Not,
    Or,
    Quantified,
    Slot,
    Through,
)
from kingpost.model.fields import Relation
from kingpost.model.manifest import Entity
from kingpost.model.resolve import type_of
from kingpost.model.types import Scalar, Type
from kingpost.query.stages import SlotSpec
from kingpost.store.postgres.functions import function
from kingpost.store.postgres.names import identifier, literal, type_name

LETTERS = 'pg_catalog."default"'
EXACT = frozenset(
    {Scalar.TEXT, Scalar.INT, Scalar.BOOL, Scalar.DATETIME, Scalar.DATE, Scalar.TIME, Scalar.UUID, Scalar.BYTES}
)
"""Types whose equal values are the same in every respect: not 1.0 and 1.00, not 0 and -0."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose row is at hand.

    Args:
        alias: under which it stands in FROM; empty in a table's own definition.
        entity: what it is.
        known: SQL of values that fields are known to have there.
        held: SQL of expressions that were worked out before, by `held_key`: a bucket's keys and aggregates.
    """

    alias: str
    entity: Entity
    known: Mapping[str, str] = field(default_factory=dict)
    held: Mapping[str, str] = field(default_factory=dict)

    def column(self, name: str) -> str:
        """A field's column."""
        column = identifier(self.entity.fields[name].column)
        return f"{self.alias}.{column}" if self.alias else column

    def value(self, name: str) -> str:
        """A field's value: its column, or what that is known to be."""
        return self.known.get(name) or self.column(name)


def held_key(expression: Expression) -> str:
    """What `Scope.held` goes by; constants may hold lists, so expressions cannot be hashed."""
    return repr(expression)


@dataclass(slots=True)
class Writing:
    """What the parts of one statement share. Mutable, and never seen outside the one call that fills it.

    Args:
        entities: by name.
        slots: by number.
        letters: the collation that `lower` and `upper` go by.
        flat: no subselects, as in a CHECK.
        order: the numbers of the slots in use, in the order of their parameters.
    """

    entities: Mapping[str, Entity]
    slots: tuple[SlotSpec, ...] = ()
    letters: str = LETTERS
    flat: bool = False
    order: list[int] = field(default_factory=list)
    aliases: dict[str, int] = field(default_factory=dict)

    def parameter(self, slot: Slot) -> str:
        """The parameter of a slot, cast to its type."""
        if slot.number not in self.order:
            self.order.append(slot.number)
        spec = self.slots[slot.number]
        return f"${self.order.index(slot.number) + 1}::{type_name(spec.type, spec.many)}"

    def alias(self, letter: str) -> str:
        """A name that nothing else in the statement has."""
        self.aliases[letter] = self.aliases.get(letter, 0) + 1
        return f"{letter}{self.aliases[letter]}"

    def value(self, expression: Expression, scope: Scope) -> str:
        """The value, safe as an operand."""
        if scope.held and (held := scope.held.get(held_key(expression))) is not None:
            return held
        match expression:
            case Constant(value, type_):
                return literal(value, type_)
            case Slot():
                return self.parameter(expression)
            case Column(one):
                return scope.value(one.name)
            case Compare():
                return f"({self._compare(expression, scope)})"
            case And(parts) | Or(parts):
                word = " AND " if isinstance(expression, And) else " OR "
                return f"({word.join(self.value(part, scope) for part in parts)})"
            case Not(inner):
                return f"(NOT {self.value(inner, scope)})"
            case IsNull(inner):
                return f"({self.value(inner, scope)} IS NULL)"
            case Choose(condition, then):
                return f"(CASE WHEN {self.true(condition, scope)} THEN {self.value(then, scope)} END)"
            case Function(_, arguments):
                values = [self.value(one, scope) for one in arguments]
                return function(expression, values, self.letters, flat=self.flat)
            case Through():
                return self._scalar(expression, scope)
            case Quantified():
                return f"({self._quantified(expression, scope, negated=False)})"
            case _:
                raise AssertionError(f"{type(expression).__name__} is settled before a store compiles")

    def true(self, condition: Expression, scope: Scope) -> str:
        """SQL that is true exactly where the condition is; safe beside AND."""
        match condition:
            case And(parts):
                return " AND ".join(self.true(part, scope) for part in parts)
            case Or(parts):
                return f"({' OR '.join(self._grouped(part, scope, negated=False) for part in parts)})"
            case Not(inner):
                return self.false(inner, scope)
            case Choose(mask, then):
                return f"{self.true(mask, scope)} AND {self.true(then, scope)}"
            case Compare():
                return self._compare_holds(condition, scope, negated=False)
            case IsNull(Through() as behind):
                return self._nothing(behind, scope, negated=False)
            case IsNull(inner):
                return f"{self.value(inner, scope)} IS NULL"
            case Through(relation, inner, where):
                return f"EXISTS {self._related(relation, scope, where, inner, negated=False)}"
            case Quantified():
                return self._quantified(condition, scope, negated=False)
            case _:
                return self.value(condition, scope)

    def false(self, condition: Expression, scope: Scope) -> str:
        """SQL that is true exactly where the condition is false; safe beside AND."""
        match condition:
            case And(parts):
                return f"({' OR '.join(self._grouped(part, scope, negated=True) for part in parts)})"
            case Or(parts):
                return " AND ".join(self.false(part, scope) for part in parts)
            case Not(inner):
                return self.true(inner, scope)
            case Choose(mask, then):
                return f"{self.true(mask, scope)} AND {self.false(then, scope)}"
            case Compare():
                return self._compare_holds(condition, scope, negated=True)
            case IsNull(Through() as behind):
                return self._nothing(behind, scope, negated=True)
            case IsNull(inner):
                return f"{self.value(inner, scope)} IS NOT NULL"
            case Through(relation, inner, where):
                return f"EXISTS {self._related(relation, scope, where, inner, negated=True)}"
            case Quantified():
                return self._quantified(condition, scope, negated=True)
            case _:
                return f"NOT {self.value(condition, scope)}"

    def all_true(self, conditions: Iterable[Expression], scope: Scope) -> list[str]:
        """What has to hold for all of them, one SQL condition each; known truths are left out."""
        found = [self.true(condition, scope) for condition in conditions]
        return [one for one in found if one != "TRUE"]

    def _grouped(self, condition: Expression, scope: Scope, *, negated: bool) -> str:
        """As an operand of OR; the parentheses are for the reader."""
        sql = self.false(condition, scope) if negated else self.true(condition, scope)
        return f"({sql})" if " AND " in sql and not sql.startswith("(") else sql

    # --- Comparisons -------------------------------------------------------------------------------------------------

    def _compare_holds(self, compare: Compare, scope: Scope, *, negated: bool) -> str:
        left = compare.left
        # Nothing is in an empty list, not even null, so a mask cannot be moved out of a negated `in`.
        if isinstance(left, Choose) and not scope.held and not (negated and compare.operator == "in"):
            inner = Compare(compare.operator, left.then, compare.right)
            return f"{self.true(left.condition, scope)} AND {self._compare_holds(inner, scope, negated=negated)}"
        sql = self._compare(compare, scope, negated)
        return sql if not negated or compare.operator in _OPPOSITES else f"NOT ({sql})"

    def _compare(self, compare: Compare, scope: Scope, negated: bool = False) -> str:
        operator = _OPPOSITES[compare.operator] if negated and compare.operator in _OPPOSITES else compare.operator
        left_type = type_of(compare.left) or type_of(compare.right)
        right_type = type_of(compare.right) or left_type
        assert left_type is not None
        left, right = self.value(compare.left, scope), self.value(compare.right, scope)
        match operator:
            case "in":
                return f"{left} = ANY({right})"
            case "like":
                return f"{left} LIKE {_pattern(compare.right, right)}"
            case "ilike":
                letters = f"COLLATE {self.letters}"
                return f"lower({left} {letters}) LIKE lower({_pattern(compare.right, right)} {letters})"
            case "contains" if left_type.array:
                return f"{right} = ANY({left})"
            case "contains" if left_type.scalar is Scalar.JSON:
                return f"{left} @> {right}"
            case "contains":
                return f"strpos({left}, {right}) > 0"
        left, right = _comparable(left, left_type, right_type), _comparable(right, right_type, left_type)
        if left_type.scalar is Scalar.TEXT and operator not in ("eq", "ne") and not _own(compare.left, scope):
            left = f'{left} COLLATE "C"'
        return f"{left} {_SIGNS[operator]} {right}"

    # --- Related rows ------------------------------------------------------------------------------------------------

    def _scalar(self, through: Through, scope: Scope) -> str:
        target = self.behind(through.relation)
        rows = self._rows(through.relation, scope, target)
        value = self.value(through.inner, target)
        return (
            f"(SELECT {value} FROM {rows}{self._and(through.where, self._narrowed(through.relation, scope, target))})"
        )

    def _nothing(self, behind: Through, scope: Scope, *, negated: bool) -> str:
        """Whether the value behind a Ref is null, which it also is where there is no row."""
        related = self._related(behind.relation, scope, behind.where, IsNull(behind.inner), negated=True)
        return f"EXISTS {related}" if negated else f"NOT EXISTS {related}"

    def _quantified(self, node: Quantified, scope: Scope, *, negated: bool) -> str:
        relation, where = node.relation, node.where
        if node.quantifier == "every":
            target = self._narrowed(relation, scope, self.behind(relation))
            rows = self._rows(relation, scope, target)
            fails = f"({self.true(node.condition, target)}) IS NOT TRUE"
            related = f"(SELECT FROM {rows}{self._and(where, target)} AND {fails})"
        else:
            related = self._related(relation, scope, where, node.condition, negated=False)
        return f"EXISTS {related}" if (node.quantifier == "some") is not negated else f"NOT EXISTS {related}"

    def _related(
        self, relation: Relation, scope: Scope, where: Expression | None, condition: Expression, *, negated: bool
    ) -> str:
        """The rows a relation leads to that `where` admits and for which the condition is true (negated: false)."""
        target = self._narrowed(relation, scope, self.behind(relation))
        rows = self._rows(relation, scope, target)
        holds = self.false(condition, target) if negated else self.true(condition, target)
        return f"(SELECT FROM {rows}{self._and(where, target)} AND {holds})"

    def behind(self, relation: Relation) -> Scope:
        """The scope of the rows a relation leads to."""
        return Scope(self.alias("t"), self.entities[relation.target])

    def _narrowed(self, relation: Relation, scope: Scope, target: Scope) -> Scope:
        """In there, the remote field is known to be the local one."""
        if target.entity.fields[relation.remote].type.scalar not in EXACT:
            return target
        return Scope(target.alias, target.entity, {relation.remote: scope.value(relation.local)})

    def _rows(self, relation: Relation, scope: Scope, target: Scope) -> str:
        table = identifier(target.entity.table)
        joined = f"{target.column(relation.remote)} = {scope.value(relation.local)}"
        return f"{table} {target.alias} WHERE {joined}"

    def _and(self, where: Expression | None, scope: Scope) -> str:
        return "".join(f" AND {one}" for one in self.all_true(() if where is None else (where,), scope))


def _own(expression: Expression, scope: Scope) -> bool:
    """Whether it is a column, whose collation is already that of code points."""
    return isinstance(expression, Column) and expression.field.name not in scope.known


def _comparable(operand: str, type_: Type | None, other: Type | None) -> str:
    """A float beside a Decimal becomes one, with 15 digits; the other way round could raise."""
    if type_ is not None and other is not None and (type_.scalar, other.scalar) == (Scalar.FLOAT, Scalar.DECIMAL):
        return f"{operand}::numeric"
    return operand


def _pattern(expression: Expression, operand: str) -> str:
    """A lone backslash at the end of a pattern stands for itself; PostgreSQL would raise."""
    if isinstance(expression, Constant) and isinstance(expression.value, str):
        value = expression.value
        odd = (len(value) - len(value.rstrip("\\"))) % 2 == 1
        return literal(value + "\\" if odd else value, cast("Type", expression.type))
    lone = f"(length({operand}) - length(rtrim({operand}, E'\\\\'))) % 2 = 1"
    return f"(CASE WHEN {lone} THEN {operand} || E'\\\\' ELSE {operand} END)"


_SIGNS: Mapping[str, str] = {"eq": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_OPPOSITES: Mapping[str, str] = {"eq": "ne", "ne": "eq", "gt": "lte", "gte": "lt", "lt": "gte", "lte": "gt"}
