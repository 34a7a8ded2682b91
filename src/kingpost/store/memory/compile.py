"""Compile a question for the memory store: its expressions become functions, once for each shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from kingpost.model.expressions import Aggregated, Expression, walk
from kingpost.model.resolve import type_of
from kingpost.model.types import BOOL
from kingpost.query.derive import derived, need_name
from kingpost.query.evaluate import Meaning, Row, bucket_key, meaning
from kingpost.query.rendering import renderer
from kingpost.query.stages import (
    Allowed,
    Buckets,
    Change,
    Derived,
    Nested,
    Output,
    Page,
    Plan,
    Question,
    Rendering,
    Rows,
    Select,
    SlotSpec,
    SortKey,
)
from kingpost.store.memory.compile_change import Changing, changing
from kingpost.store.memory.plans import Bucketing, Counting, Links, Nest, Ordering, Selecting, Value, Walk

Program: TypeAlias = Selecting | Bucketing | Changing


def compile(allowed: Allowed, rendering: Rendering) -> Plan:
    """Make the plan of a question: pure, and the only maker of this store's plans."""
    question = allowed.question
    page = None if isinstance(question, Change) else question.page
    return Plan(
        program=_program(question, allowed.slots, rendering),
        slots=allowed.slots,
        order=tuple(range(len(allowed.slots))),
        result=_result(question),
        cost=allowed.cost,
        fingerprint=question.fingerprint,
        backward=page is not None and page.backward,
        scan=allowed.scan,
        derived=derived(question, rendering),
    )


def _program(question: Question, slots: tuple[SlotSpec, ...], rendering: Rendering) -> Program:
    if isinstance(question, Change):
        return changing(question, slots, lambda shown: _selecting(shown, rendering))
    return _selecting(question, rendering) if isinstance(question, Select) else _bucketing(question, rendering)


def _result(question: Question) -> Literal["row", "rows", "buckets", "change"]:
    if isinstance(question, Change):
        return "change"
    return "buckets" if isinstance(question, Buckets) else "row" if question.single else "rows"


def _selecting(select: Select, rendering: Rendering) -> Selecting:
    members: list[Value | Nest] = []
    for member in select.members:
        match member:
            case Output(name):
                members.append(_value(member, rendering.name(name)))
            case Derived(name, needs=needs):
                members.extend(_value(need, need_name(name, need.name)) for need in needs)
            case Nested():
                members.append(_nest(member, rendering))
    return Selecting(
        walk=_walk(select.source),
        members=tuple(members),
        ordering=_ordering(select.sort, None if select.limit is None else select.limit.number, select.page),
        single=select.single,
        counted=None if select.counted is None else _walk(select.counted),
        fingerprint=select.fingerprint,
    )


def _value(output: Output, name: str) -> Value:
    return Value(name, meaning(output.value), renderer(output.type))


def _nest(nested: Nested, rendering: Rendering) -> Nest:
    relation, middle = nested.relation, nested.middle
    links = None
    if middle is not None and relation.middle is not None:
        links = Links(_walk(middle), relation, relation.middle.back, relation.middle.onward)
    return Nest(
        name=rendering.name(nested.name),
        after=rendering.name(f"{nested.name}_next"),
        relation=relation,
        visible=meaning(nested.visible),
        select=_selecting(nested.select, rendering),
        links=links,
    )


def _walk(rows: Rows) -> Walk:
    return Walk(rows.entity.name, meaning(rows.where))


def _ordering(
    sort: Sequence[SortKey], limit: int | None, page: Page | None, keys: tuple[Meaning, ...] | None = None
) -> Ordering:
    return Ordering(
        keys=tuple(meaning(key.value) for key in sort) if keys is None else keys,
        renderers=tuple(renderer(key.type) for key in sort),
        descending=tuple(key.descending for key in sort),
        limit=limit,
        start=None if page is None else tuple(None if key is None else key.number for key in page.keys),
        backward=page is not None and page.backward,
    )


def _bucketing(buckets: Buckets, rendering: Rendering) -> Bucketing:
    groups = frozenset(bucket_key(key.value) for key in buckets.keys)
    counted = [*(one.value for one in buckets.aggregates), buckets.having, *(key.value for key in buckets.sort)]
    found = {bucket_key(node): node for one in counted for node in walk(one) if isinstance(node, Aggregated)}
    outputs = (
        Value(rendering.name(one.name), _of_bucket(one.value, groups), renderer(one.type))
        for one in (*buckets.keys, *buckets.aggregates)
    )
    sort_keys = tuple(_of_bucket(key.value, groups) for key in buckets.sort)
    return Bucketing(
        walk=_walk(buckets.source),
        keys=tuple((bucket_key(key.value), meaning(key.value), key.type) for key in buckets.keys),
        countings=tuple(_counting(key, node) for key, node in found.items()),
        outputs=tuple(outputs),
        having=_of_bucket(buckets.having, groups),
        ordering=_ordering(buckets.sort, buckets.limit.number, buckets.page, sort_keys),
    )


def _of_bucket(expression: Expression, groups: frozenset[str]) -> Meaning:
    """A group key is looked up in the bucket, as an Aggregated is; the rest is made of those."""
    key = bucket_key(expression)
    return _held(key) if key in groups else meaning(expression)


def _held(key: str) -> Meaning:
    def held(row: Row, _context: object) -> object:
        return row[key]

    return held


def _counting(key: str, node: Aggregated) -> Counting:
    if node.inner is None:
        return Counting(key, node.function, BOOL, None)
    return Counting(key, node.function, type_of(node.inner) or node.type, meaning(node.inner))
