"""What a policy would put into a write, for checks to put there themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kingpost.model.expressions import TRUE, Expression, both
from kingpost.query.stages import Change, Consequence, Reference, Rows, Select


@dataclass(frozen=True, slots=True)
class May:
    """Called with a Change, it narrows it. What is left out admits everything.

    Args:
        target: which stored rows the caller may read, and so write to.
        admits: what a new row has to satisfy.
        before, after: what a changed row has to satisfy as it is, and as it will be; `before` is asked of deleted ones.
        refers: by entity, what a row has to satisfy to be referred to.
        follows: by entity, what rows have to satisfy to be deleted with others.
        shown: which rows the caller may read once they are written.
        rows_max: how many rows a set may have.
    """

    target: Expression = TRUE
    admits: Expression = TRUE
    before: Expression = TRUE
    after: Expression = TRUE
    refers: Mapping[str, Expression] = field(default_factory=dict)
    follows: Mapping[str, Expression] = field(default_factory=dict)
    shown: Expression = TRUE
    rows_max: int | None = None

    def __call__(self, change: Change) -> Change:
        creation, alteration, removal = change.creation, change.alteration, change.removal
        return replace(
            change,
            target=change.target and _narrowed(change.target, self.target),
            creation=creation and replace(creation, admits=self.admits, references=self._referred(creation.references)),
            alteration=alteration
            and replace(
                alteration, before=self.before, after=self.after, references=self._referred(alteration.references)
            ),
            removal=removal and replace(removal, before=self.before, consequences=self._followed(removal.consequences)),
            shown=change.shown and self._seen(change.shown),
            rows_max=change.rows_max if self.rows_max is None else self.rows_max,
        )

    def _referred(self, references: tuple[Reference, ...]) -> tuple[Reference, ...]:
        return tuple(
            replace(one, target=_narrowed(one.target, self.refers.get(one.target.entity.name, TRUE)))
            for one in references
        )

    def _followed(self, consequences: tuple[Consequence, ...]) -> tuple[Consequence, ...]:
        return tuple(
            replace(
                one,
                admits=self.follows.get(one.entity.name, TRUE) if one.rule == "cascade" else TRUE,
                then=None if one.then is None else self._followed(one.then),
            )
            for one in consequences
        )

    def _seen(self, shown: Select) -> Select:
        return replace(shown, source=_narrowed(shown.source, self.shown))


def _narrowed(rows: Rows, where: Expression) -> Rows:
    return Rows(rows.entity, both(rows.where, where))
