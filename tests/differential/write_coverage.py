"""Which verb came to which end, and over what: the holes in what the comparison of writes tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from kingpost.model.manifest import Entity
from kingpost.store.memory.tables import Stored, Tables
from tests.differential.write_compare import Outcome
from tests.differential.writes import VERBS, Step

ENDS = {
    "create": ("created", "Conflict", "Forbidden", "Invalid", "Unauthenticated"),
    "create many": ("created", "Conflict", "Forbidden", "Invalid", "Unauthenticated"),
    "update": ("done", "Conflict", "Forbidden", "Invalid", "NotFound", "Stale", "Unauthenticated"),
    "update set": ("done", "Conflict", "Forbidden", "Invalid", "Unauthenticated"),
    "upsert": ("created", "done", "Conflict", "Forbidden", "Invalid", "Stale", "Unauthenticated"),
    "upsert new": ("created", "Conflict", "Forbidden", "Invalid", "Stale", "Unauthenticated"),
    "delete": ("done", "Conflict", "Forbidden", "NotFound", "Stale", "Unauthenticated"),
    "delete set": ("done", "Conflict", "Forbidden", "Unauthenticated"),
    "hold": ("done", "Forbidden", "NotFound", "Stale", "Unauthenticated"),
}
assert ENDS.keys() == VERBS.keys()
_NEW, _OLD, _GONE = ("create", "create many", "upsert"), ("update", "upsert"), ("delete", "delete set")
OVER = (
    *((verb, end, "key taken") for verb in _NEW for end in ("Conflict",)),
    *((verb, "Conflict", "index taken") for verb in (*_NEW, "update", "update set")),
    *((verb, "Invalid", "check") for verb in (*_NEW, "update", "update set")),
    *((verb, "Invalid", what) for verb in (*_NEW, "update") for what in ("missing row", "hidden row", "deleted row")),
    *((verb, "Invalid", "wrong value") for verb in (*_NEW, "update", "update set", "upsert new")),
    *((verb, "Invalid", "odd field") for verb in (*_NEW, "update")),
    *((verb, "Invalid", "left out") for verb in _NEW),
    *((verb, end, "tenant given") for verb in _NEW for end in ("created", "Forbidden")),
    *((verb, end, "tenant given") for verb in _OLD for end in ("done", "Forbidden")),
    *((verb, "done", "right version") for verb in (*_OLD, "delete", "hold")),
    *((verb, "Stale", "stale version") for verb in (*_OLD, "delete", "hold")),
    *((verb, "done", "nothing given") for verb in ("update", "update set")),
    *((verb, end, "several rows") for verb, end in (("create many", "created"), ("update set", "done"))),
    *((verb, "done", what) for verb in _GONE for what in ("softly", "for good", "cascade", "null")),
    ("delete", "done", "cascade softly"),
    ("delete", "done", "cascade to itself"),
    ("delete", "done", "two deep"),
    ("delete", "Conflict", "restrict"),
    ("upsert", "Conflict", "unseen row"),
    ("upsert new", "Stale", ""),
    ("upsert", "Invalid", "another key in the body"),
    ("upsert", "done", "the key in the body"),
    *((verb, end, "system") for verb, end in (("create", "created"), ("update", "done"), ("delete", "done"))),
    *((verb, end, "shown nothing") for verb, end in (("create", "created"), ("update", "done"))),
    *((verb, end, "includes") for verb, end in (("create", "created"), ("update", "done"), ("upsert", "done"))),
)


@dataclass
class WriteCoverage:
    """Counts of (verb, end, what was special about it, "" for all of them)."""

    hits: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def note(self, step: Step, outcome: Outcome, before: Tables, after: Tables) -> None:
        """Count a step that was done, or was not."""
        for what in {"", *step.special, *_told(step, outcome, before, after)}:
            self.hits[step.verb, outcome.name, what] += 1

    def missing(self) -> list[str]:
        """What never was."""
        wanted = [(verb, end, "") for verb, ends in ENDS.items() for end in ends]
        return [" ".join(one) for one in (*wanted, *OVER) if not self.hits[one]]

    def table(self) -> str:
        """All of it, with how often it was."""
        return "\n".join(
            f"{verb:<13}{end:<17}{what:<26}{times:>7}" for (verb, end, what), times in sorted(self.hits.items())
        )


def _told(step: Step, outcome: Outcome, before: Tables, after: Tables) -> Iterator[str]:
    if step.system:
        yield "system"
    match outcome.refused:
        case "Conflict":
            yield from _conflict(step, outcome, before)
        case "Invalid":
            yield from _invalid(step, outcome, before)
        case "":
            if outcome.body is None and step.verb in ("create", "update", "upsert"):
                yield "shown nothing"
            if (outcome.changed or 0) > 1:
                yield "several rows"
            if step.verb in _GONE:
                yield from _deleted(step, before, after)


def _conflict(step: Step, outcome: Outcome, before: Tables) -> Iterator[str]:
    if step.verb in _GONE:
        yield "restrict"
    elif outcome.wheres == {"/id"}:
        yield "key taken"
        if step.verb.startswith("upsert"):
            yield "unseen row"
    else:
        yield "index taken"


def _invalid(step: Step, outcome: Outcome, before: Tables) -> Iterator[str]:
    names = {where.rpartition("/")[2] for where in outcome.wheres}
    for relation in step.entity.relations.values():
        if not relation.many and relation.local in names:
            for given in step.given:
                if given.field == relation.local:
                    yield from _named(
                        step.values[given.value.number], before.manifest.entities[relation.target], before
                    )
    if names <= {"int_0", "text_1"} and not {"wrong value", "left out", "gap", "odd field"} & step.special:
        yield "check"


def _named(value: object, target: Entity, before: Tables) -> Iterator[str]:
    """Why there is no such row."""
    for key in value if isinstance(value, list) else [value]:
        row = next((one for one in before.rows(target.name) if type(key) is int and one["id"] == key), None)
        if row is None:
            yield "missing row"
        else:
            gone = target.soft_delete is not None and row[target.soft_delete] is not None
            yield "deleted row" if gone else "hidden row"


def _deleted(step: Step, before: Tables, after: Tables) -> Iterator[str]:
    went: dict[str, list[Stored]] = {}
    for name, entity in before.manifest.entities.items():
        now = {row["id"]: row for row in after.rows(name)}
        for row in before.rows(name):
            then = now.get(row["id"])
            if then == row:
                continue
            if then is None or (entity.soft_delete is not None and then[entity.soft_delete] is not None):
                went.setdefault(name, []).append(row)
                how = "for good" if then is None else "softly"
                yield how if name == step.entity.name else f"cascade {how}"
            else:
                yield "null"
    yield from _depth(step, went)


def _depth(step: Step, went: dict[str, list[Stored]]) -> Iterator[str]:
    if len(went) > 1:
        yield "cascade"
    if len(went) > 2:
        yield "two deep"
    if step.verb == "delete" and len(went.get(step.entity.name, ())) > 1:
        yield "cascade"
        yield "cascade to itself"
