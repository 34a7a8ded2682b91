"""Which node with which operator met nulls and which did not: the holes in what the comparison tried."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from kingpost.errors import CallerError
from kingpost.model.expressions import And, Column, Compare, Expression, IsNull, Not, Or, Quantified, Slot, Through
from kingpost.query.bind import bind
from kingpost.query.stages import Select
from tests.differential.models import World
from tests.differential.reads import COMPARISONS, Asked


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
        self._walk(question.source.where, question.source.entity.name, world)
        for key in question.sort:
            nulls = isinstance(key.value, Column) and self._has_null(key.value, question.source.entity.name, world)
            direction = "descending" if key.descending else "ascending"
            self.hits[
                (f"sort of {'rows' if isinstance(question, Select) else 'buckets'}", direction, _null(nulls))
            ] += 1

    def _walk(self, expression: Expression, entity: str, world: World) -> None:
        match expression:
            case Compare(operator, Column() as column, Slot()):
                self.hits[("Compare", operator, _null(self._has_null(column, entity, world)))] += 1
            case IsNull(Column() as column):
                self.hits[("IsNull", "", _null(self._has_null(column, entity, world)))] += 1
            case Through(relation, inner):
                nulls = any(row[relation.local] is None for row in world.rows[entity])
                self.hits[("Through", "", _null(nulls))] += 1
                self._walk(inner, relation.target, world)
            case Quantified(quantifier, relation, condition):
                self.hits[("Quantified", quantifier, _null(not world.rows[relation.target]))] += 1
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
        wanted += [("Quantified", quantifier, "no null") for quantifier in ("some", "every", "none")]
        wanted += [
            ("IsNull", "", "null"),
            ("IsNull", "", "no null"),
            ("Through", "", "null"),
            ("Through", "", "no null"),
        ]
        wanted += [("sort of rows", way, null) for way in ("ascending", "descending") for null in ("null", "no null")]
        wanted += [(name, "", "") for name in ("And", "Or", "Not")]
        return [" ".join(one) for one in wanted if not self.hits[one]]

    def table(self) -> str:
        """All combinations with how often each was tried."""
        rows = sorted(self.hits.items())
        return "\n".join(f"{node:<16}{operator:<12}{null:<9}{count:>8}" for (node, operator, null), count in rows)


def _null(there_is: bool) -> str:
    return "null" if there_is else "no null"
