"""Ask two stores the same and compare what comes, paging through to the end and back."""

from __future__ import annotations

import base64
import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from kingpost.call import Actor, Answer, Ask
from kingpost.errors import CallerError
from kingpost.model.expressions import Slot
from kingpost.policy.allow import allow
from kingpost.ports import Store
from kingpost.query.bind import bind
from kingpost.query.derive import derive
from kingpost.query.fingerprint import fingerprint
from kingpost.query.operations import Cursor
from kingpost.query.stages import PLAIN
from kingpost.query.values import filler
from tests.differential.models import World
from tests.differential.reads import Asked

NOW = datetime(2013, 7, 1, 12, tzinfo=UTC)
_DECIMAL = re.compile(r"-?\d+(\.\d+)?")
PAGES_MAX = 12
COST_MAX = 10**9


@dataclass(frozen=True)
class Outcome:
    """An answer as it is compared: parsed, or the code of the refusal."""

    body: object = None
    more: bool = False
    count: int | None = None
    refused: str = ""


async def run_both(world: World, asked: Asked, actor: Actor, stores: Mapping[str, Store]) -> list[tuple[str, Asked]]:
    """Page through on both stores; the differences found, as (what differed, the page's question)."""
    page, seen = asked, 0
    found: list[tuple[str, Asked]] = []
    trail: list[tuple[Asked, Outcome]] = []
    while page is not None and seen < PAGES_MAX:
        seen += 1
        outcomes = {name: await _ask(world, page, actor, store) for name, store in stores.items()}
        (left, first), (right, _) = (outcomes[name] for name in stores)
        if not same(left, right):
            found.append((f"{dict(zip(stores, (left, right), strict=True))}", page))
            break
        trail.append((page, left))
        if not left.more or first is None or first.last is None:
            break
        page = _turned(asked, first.last, backward=False)
    if len(trail) > 1 and not found:
        found += await _back_again(world, asked, actor, stores, trail)
    return found


async def _back_again(
    world: World, asked: Asked, actor: Actor, stores: Mapping[str, Store], trail: list[tuple[Asked, Outcome]]
) -> list[tuple[str, Asked]]:
    """From the last page backwards once: the page before it must come again."""
    found: list[tuple[str, Asked]] = []
    _, answer = await _ask(world, trail[-1][0], actor, next(iter(stores.values())))
    if answer is None or answer.first is None:
        return found
    page = _turned(asked, answer.first, backward=True)
    for name, store in stores.items():
        outcome, _ = await _ask(world, page, actor, store)
        if not same(replace(outcome, more=False, count=None), replace(trail[-2][1], more=False, count=None)):
            found.append((f"{name} backwards: {outcome} instead of {trail[-2][1]}", page))
    return found


def same(left: object, right: object) -> bool:
    """Equal as parsed JSON, floats within rounding."""
    if isinstance(left, Outcome) and isinstance(right, Outcome):
        flags = (left.more, left.count, left.refused) == (right.more, right.count, right.refused)
        return flags and same(left.body, right.body)
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) or isinstance(right, float):
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        return numbers and math.isclose(left, right, rel_tol=1e-9)
    if isinstance(left, str) and isinstance(right, str) and left != right:
        # Which of several equal decimals (1.0, 1.00) a minimum shows is free.
        return bool(_DECIMAL.fullmatch(left) and _DECIMAL.fullmatch(right)) and Decimal(left) == Decimal(right)
    return type(left) is type(right) and left == right


async def _ask(world: World, asked: Asked, actor: Actor, store: Store) -> tuple[Outcome, Answer | None]:
    manifest = world.manifest
    try:
        bound = bind(asked.operation, manifest)
        plan = store.compile(allow(bound, bound.roles & actor.roles, known=actor.known), PLAIN)
        fill = filler(plan, manifest.timezone, COST_MAX)
        arguments = fill(asked.values, actor, NOW, "127.0.0.1", "localhost")
        answer = await store.run(Ask(plan, arguments, time.monotonic() + 30))
        answer = answer if plan.derived is None else derive(answer, plan.derived, manifest)
    except CallerError as refusal:
        return Outcome(refused=refusal.code), None
    body = None if answer.body is None else _normal(json.loads(answer.body))
    return Outcome(body, answer.more, answer.count), answer


def _normal(value: Any) -> Any:
    """Cursors inside are compared by what they hold; decimal strings by their value would hide type errors, so not."""
    if isinstance(value, dict):
        return {name: _cursor(one) if name.endswith("_next") else _normal(one) for name, one in value.items()}
    return [_normal(one) for one in value] if isinstance(value, list) else value


def _cursor(text: str | None) -> object:
    return None if text is None else _normal(json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))


def _turned(asked: Asked, keys: bytes, *, backward: bool) -> Asked:
    """The same question from these sort keys on."""
    decoded = msgspec.json.decode(keys)
    values = list(asked.values)
    slots: list[Slot | None] = []
    for key in decoded:
        slots.append(None if key is None else Slot(len(values)))
        if key is not None:
            values.append(key)
    mark = Slot(len(values))
    values.append(_fingerprint(asked))
    return Asked(replace(asked.operation, cursor=Cursor(backward, tuple(slots), mark)), values)


def _fingerprint(asked: Asked) -> str:
    return fingerprint(asked.operation)
