"""Which node with which operator met nulls and which did not: the holes in what the comparison tried."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from kingpost.errors import CallerError
from kingpost.model.expressions import And, Column, Compare, Expression, IsNull, Not, Or, Quantified, Slot, Through
from kingpost.model.fields import Relation
from kingpost.model.manifest import Entity
from kingpost.model.types import Scalar
from kingpost.query.bind import bind
from kingpost.query.stages import Buckets, Derived, Nested, Select
from tests.differential.models import World
from tests.differential.reads import COMPARISONS, Asked

QUANTIFIERS = ("some", "every", "none")
DELETED = ("row", "filter", "include Ref", "include Many", "include links", "between links", "count", "group")


@dataclass
class Coverage:
    """Counts of (node, operator, whether a null was among the values)."""

    hits: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def note(self, asked: Asked, world: World) -> None:
        """Count what this question asks of this world."""
        try:
            question = bind(asked.operation, world.manifest).question
        except CallerError:
            return
        entity = question.source.entity.name
        self._walk(question.source.where, entity, world)
        if isinstance(question, Select):
            self._deleted("row" if question.counted is None else "count", entity, world)
            self._members(question, "outside", world)
        else:
            self._deleted("group", entity, world)
            self._group_keys(question, world)
        for key in question.sort:
            nulls = isinstance(key.value, Column) and self._has_null(key.value, entity, world)
            direction = "descending" if key.descending else "ascending"
            self.hits[
                (f"sort of {'rows' if isinstance(question, Select) else 'buckets'}", direction, _null(nulls))
            ] += 1

    def _members(self, select: Select, where: str, world: World) -> None:
        for member in select.members:
            if isinstance(member, Derived):
                masked = "masked" if _masked(select.source.entity, member) else "shown"
                self.hits[("in Python", where, masked)] += 1
            elif isinstance(member, Nested):
                kind = _kind(member.relation)
                target = member.relation.target
                self.hits[("include", kind, _null(not world.rows[target]))] += 1
                self._deleted(f"include {kind}", target, world)
                if member.middle is not None:
                    self._deleted("between links", member.middle.entity.name, world)
                self._members(member.select, "nested", world)

    def _group_keys(self, buckets: Buckets, world: World) -> None:
        for key in buckets.keys:
            if isinstance(key.value, Column) and key.value.field.computed is None:
                nulls = self._has_null(key.value, buckets.source.entity.name, world)
                self.hits[("group by", key.type.scalar.value, _null(nulls))] += 1

    def _deleted(self, hop: str, entity: str, world: World) -> None:
        if world.kept()[entity] != world.rows[entity]:
            self.hits[("deleted", hop, "")] += 1

    def _walk(self, expression: Expression, entity: str, world: World) -> None:
        match expression:
            case Compare(operator, Column() as column, Slot()):
                self.hits[("Compare", operator, _null(self._has_null(column, entity, world)))] += 1
            case IsNull(Column() as column):
                self.hits[("IsNull", "", _null(self._has_null(column, entity, world)))] += 1
            case Through(relation, inner):
                nulls = any(row[relation.local] is None for row in world.rows[entity])
                self.hits[("Through", "", _null(nulls))] += 1
                self._deleted("filter", relation.target, world)
                self._walk(inner, relation.target, world)
            case Quantified(quantifier, relation, condition):
                known = world.manifest.entities[relation.source].relations[relation.name]
                node = "Quantified" if known.middle is None else "over links"
                asked = "every" if known.middle is not None and _is_every(condition) else quantifier
                self.hits[(node, asked, _null(not world.rows[relation.target]))] += 1
                self._deleted("filter", relation.target, world)
                self._walk(condition, relation.target, world)
            case And(parts) | Or(parts):
                self.hits[(type(expression).__name__, "", "")] += 1
                for part in parts:
                    self._walk(part, entity, world)
            case Not(inner):
                self.hits[("Not", "", "")] += 1
                self._walk(inner, entity, world)

    def _has_null(self, column: Column, entity: str, world: World) -> bool:
        return any(row.get(column.field.name) is None for row in world.rows[entity])

    def missing(self) -> list[str]:
        """The combinations that were never tried."""
        wanted = [("Compare", operator, null) for operator in COMPARISONS for null in ("null", "no null")]
        wanted += [(node, one, "no null") for node in ("Quantified", "over links") for one in QUANTIFIERS]
        wanted += [("include", kind, "no null") for kind in ("Ref", "Many", "links")]
        wanted += [("in Python", where, mask) for where in ("outside", "nested") for mask in ("masked", "shown")]
        wanted += [("deleted", hop, "") for hop in DELETED]
        wanted += [("group by", Scalar.DECIMAL.value, null) for null in ("null", "no null")]
        wanted += [
            ("IsNull", "", "null"),
            ("IsNull", "", "no null"),
            ("Through", "", "null"),
            ("Through", "", "no null"),
        ]
        wanted += [("sort of rows", way, null) for way in ("ascending", "descending") for null in ("null", "no null")]
        wanted += [(name, "", "") for name in ("And", "Or", "Not")]
        keys = {operator for node, operator, _ in self.hits if node == "group by"}
        ungrouped = [f"group by {one.value}" for one in Scalar if one is not Scalar.JSON and one.value not in keys]
        return [" ".join(one) for one in wanted if not self.hits[one]] + ungrouped

    def table(self) -> str:
        """All combinations with how often each was tried."""
        rows = sorted(self.hits.items())
        return "\n".join(f"{node:<16}{operator:<15}{null:<9}{count:>8}" for (node, operator, null), count in rows)


def _null(there_is: bool) -> str:
    return "null" if there_is else "no null"


def _kind(relation: Relation) -> str:
    return "Ref" if not relation.many else "Many" if relation.middle is None else "links"


def _is_every(condition: Expression) -> bool:
    """Over links, `every` is bound as: none whose far end fails, or may."""
    match condition:
        case Through(_, Or((Not(), IsNull()))):
            return True
        case _:
            return False


def _masked(entity: Entity, member: Derived) -> bool:
    return any(name in entity.policy.fields for name in (member.name, *(need.name for need in member.needs)))
