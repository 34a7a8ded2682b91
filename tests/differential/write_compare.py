"""Do the same writes in two stores and compare what comes: answers, refusals, and the tables at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

from msgspec import structs

from kingpost.answer import Engine, answer
from kingpost.call import Call
from kingpost.errors import KingpostError
from kingpost.model.manifest import Entity
from kingpost.observe import nobody
from kingpost.ports import ChangeEvent, Store
from kingpost.query.stages import PLAIN
from kingpost.store.memory import MemoryStore
from kingpost.store.memory.tables import Tables
from kingpost.store.postgres.outbox_rows import Rows
from kingpost.store.postgres.returned import reaches
from tests.differential.compare import COST_MAX, same
from tests.differential.models import World
from tests.differential.write_rules import wrongs
from tests.differential.writes import Step, Version

NOW = datetime(2013, 7, 1, 12, tzinfo=UTC)
_NUMBERS = count()
_MAY_NOT = ("Forbidden", "Unauthenticated")
Kept = dict[str, list[dict[str, object]]]
Told = dict[tuple[str, tuple[object, ...]], list[object]]


@dataclass(frozen=True)
class Outcome:
    """An answer as it is compared, parsed; or the class, code and places of the refusal."""

    body: object = None
    version: int | None = None
    key: object = None
    created: bool = False
    changed: int | None = None
    refused: str = ""
    code: str = ""
    wheres: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """In one word."""
        return self.refused or ("created" if self.created else "done")


Note = Callable[[Step, Outcome, Tables, Tables], None]


async def differences(world: World, steps: Sequence[Step], stores: Mapping[str, Store], note: Note) -> list[str]:
    """Write to both stores, memory first, until they differ; what differed, or what should not have been done at all."""
    memory = stores["memory"]
    assert isinstance(memory, MemoryStore)
    engines = {name: _engine(world, store) for name, store in stores.items()}
    for number, step in enumerate(steps):
        before = tables_of(memory)
        step = replace(step, values=_settled(step, before))
        outcomes = {name: await _outcome(step, number, engine) for name, engine in engines.items()}
        after = tables_of(memory)
        found = [f"{number}: {wrong}" for wrong in wrongs(step, outcomes["memory"].refused, before, after)]
        first, *others = outcomes.values()
        note(step, first, before, after)
        if found or not all(_alike(first, other, step.entity) for other in others):
            done = "\n".join(str(one) for one in steps[: number + 1])
            return [f"{done}\n", *found, *(f"{name}: {one}" for name, one in outcomes.items())]
    kept = [await _kept(store, world) for store in stores.values()]
    if any(one != kept[0] for one in kept):
        return [*map(str, steps), *_apart(kept, list(stores))]
    told = [await _told(store, world) for store in stores.values()]
    if any(one != told[0] for one in told):
        return [*map(str, steps), *(f"{name} tells {one}" for name, one in zip(stores, told, strict=True))]
    return []


def tables_of(store: MemoryStore) -> Tables:
    """All that it keeps."""
    assert store._tables is not None
    return store._tables


def _engine(world: World, store: Store) -> Engine:
    """With ids that are the same in every store."""
    given = iter(range(1, 10**6))
    return Engine(world.manifest, store, store.run, nobody, COST_MAX, new_id=lambda now: UUID(int=next(given)))


async def _outcome(step: Step, number: int, engine: Engine) -> Outcome:
    call = Call(
        ("write", str(number)),
        step.values,
        lambda skeleton: (step.operation, PLAIN),
        step.actor,
        NOW,
        time.monotonic() + 30,
        "127.0.0.1",
        "localhost",
        system=step.system,
    )
    try:
        found = await answer(call, engine)
    except KingpostError as refusal:
        wheres = frozenset(one.where for one in refusal.details)
        return Outcome(refused=type(refusal).__name__, code=refusal.code, wheres=wheres)
    return Outcome(_parsed(found.body), found.version, _parsed(found.key), found.created, found.changed)


def _parsed(text: bytes | None) -> Any:
    return None if text is None else json.loads(text)


def _settled(step: Step, tables: Tables) -> list[object]:
    """The values, with the versions that are meant."""
    row = next((one for one in tables.rows(step.entity.name) if one["id"] == step.key), None)
    right = 1 if row is None else row.version
    return [right + (one.wanted == "stale") if isinstance(one, Version) else one for one in step.values]


def _alike(one: Outcome, other: Outcome, entity: Entity) -> bool:
    if one.refused in _MAY_NOT and other.refused in ("Invalid", "Conflict") and _looks_around(entity):
        return True
    return same(one.body, other.body) and replace(one, body=None) == replace(other, body=None)


def _looks_around(entity: Entity) -> bool:
    """Whether a rule for its rows looks at others of them: only rows that can be stored at all are asked about those."""
    rules = (entity.policy.create, entity.policy.update, *entity.policy.fields.values())
    return any(reaches(rule, entity) for rule in rules)


async def _kept(store: Store, world: World) -> Kept:
    """Every row with all its fields, and its version."""
    if isinstance(store, MemoryStore):
        return {
            name: sorted(
                ({**row, "version": row.version} for row in tables_of(store).rows(name)), key=lambda row: row["id"]
            )
            for name in world.manifest.entities
        }
    found: Kept = {}
    deadline = time.monotonic() + 30
    async with store.begin(deadline) as transaction:
        for name, entity in world.manifest.entities.items():
            # Never twice the same text: what was prepared for one world's tables does not go for another's.
            statement = f'SELECT * FROM "{entity.table}" ORDER BY id -- {next(_NUMBERS)}'
            rows = await transaction.sql(statement, (), deadline)
            fields = [one for one in entity.fields.values() if one.computed is None]
            found[name] = [{**{one.name: row[one.column] for one in fields}, "version": row["version"]} for row in rows]
    return found


async def _told(store: Store, world: World) -> Told:
    """The change events of each row, in order."""
    if isinstance(store, MemoryStore):
        changes = list(store._events._kept)
    else:
        deadline = time.monotonic() + 30
        async with store.begin(deadline) as transaction:
            statement = f"""SELECT entity, old::text, new::text, transaction::text, at
                            FROM kingpost_outbox ORDER BY seq -- {next(_NUMBERS)}"""
            records = await transaction.sql(statement, (), deadline)
        read = Rows(world.manifest).change
        changes = [change for change in (read(one, "") for one in records) if change is not None]
    told: dict[tuple[str, tuple[object, ...]], list[ChangeEvent]] = {}
    for one in changes:
        _add(told.setdefault((one.entity, one.key), []), one)
    return {row: [(one.op, one.version, one.old, one.new) for one in found] for row, found in told.items()}


def _add(found: list[ChangeEvent], one: ChangeEvent) -> None:
    """One more event of a row. A store may let go of what a row refers to before it takes or marks it."""
    last = found[-1] if found else None
    if last is not None and (last.op, one.op) == ("updated", "deleted") and last.transaction == one.transaction:
        found.pop()
        one = structs.replace(one, old=last.old, version=last.version - 1 if one.new is None else one.version)
    found.append(one)


def _apart(kept: Sequence[Kept], names: Sequence[str]) -> list[str]:
    """The rows that are not in all of them."""
    found = []
    for entity in kept[0]:
        for tables, name, others in zip(kept, names, reversed(kept), strict=True):
            found += [f"only in {name}: {entity} {row}" for row in tables[entity] if row not in others[entity]]
    return found
