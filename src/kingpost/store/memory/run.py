"""Run a compiled question over the rows at hand, and write the answer's JSON."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import msgspec

from kingpost.call import Answer, Ask
from kingpost.errors import TooLate
from kingpost.query.aggregate import aggregate, identity
from kingpost.query.evaluate import Context, Row
from kingpost.query.paging import Keys, page
from kingpost.query.rendering import cursor, keys_json
from kingpost.store.memory.plans import Bucketing, Links, Nest, Ordering, Selecting, Value, Walk
from kingpost.store.memory.tables import Stored, Tables

ROWS_BETWEEN_CHECKS = 256


def run(ask: Ask, tables: Tables) -> Answer:
    """Answer a plan of this store's compile.

    Raises:
        TooLate: the deadline passed.
    """
    running = Running(tables, ask)
    program = cast("Selecting | Bucketing", ask.plan.program)
    return running.buckets(program) if isinstance(program, Bucketing) else running.select(program)


class Running:
    """One run: the rows, the arguments, the time left."""

    __slots__ = ("_arguments", "_context", "_deadline", "_fingerprint", "_seen", "_tables")

    def __init__(self, tables: Tables, ask: Ask) -> None:
        self._tables = tables
        self._arguments = ask.arguments
        self._context = Context(ask.arguments, tables.related)
        self._deadline = ask.deadline
        self._fingerprint = ask.plan.fingerprint
        self._seen = 0
        self._check_deadline()

    def select(self, select: Selecting) -> Answer:
        found = self._admitted(select.walk, self._tables.rows(select.walk.entity))
        if select.single:
            row = next(found, None)
            if row is None:
                return Answer(None)
            return Answer(msgspec.json.encode(self._object(select, row)), version=row.version)
        rows, more = self._page(select.ordering, found)
        count = None if select.counted is None else self._count(select.counted)
        body = msgspec.json.encode([self._object(select, row) for _, row in rows])
        first, last = _ends(select.ordering, rows)
        return Answer(body, first, last, more, count, None, self._fingerprint)

    def shown(self, select: Selecting, row: Stored) -> bytes | None:
        """The JSON of a row at hand; None where the caller may not read it."""
        if select.walk.admits(row, self._context) is not True:
            return None
        return msgspec.json.encode(self._object(select, row))

    def buckets(self, bucketing: Bucketing) -> Answer:
        buckets = (one for one in self._buckets(bucketing) if bucketing.having(one, self._context) is True)
        rows, more = self._page(bucketing.ordering, buckets)
        body = msgspec.json.encode([self._values(bucketing.outputs, bucket) for _, bucket in rows])
        first, last = _ends(bucketing.ordering, rows)
        return Answer(body, first, last, more, None, None, self._fingerprint)

    def _admitted(self, walk: Walk, rows: Iterable[Stored]) -> Iterator[Stored]:
        for row in rows:
            self._seen += 1
            if self._seen % ROWS_BETWEEN_CHECKS == 0:
                self._check_deadline()
            if walk.admits(row, self._context) is True:
                yield row

    def _count(self, walk: Walk) -> int:
        return sum(1 for _ in self._admitted(walk, self._tables.rows(walk.entity)))

    def _page(self, ordering: Ordering, rows: Iterable[Any]) -> tuple[list[tuple[Keys, Any]], bool]:
        keyed = [(tuple(key(row, self._context) for key in ordering.keys), row) for row in rows]
        start = ordering.start
        given = None if start is None else [None if slot is None else self._arguments[slot] for slot in start]
        limit = None if ordering.limit is None else cast("int", self._arguments[ordering.limit])
        return page(keyed, ordering.descending, given, limit, ordering.backward)

    def _object(self, select: Selecting, row: Stored) -> dict[str, object]:
        written: dict[str, object] = {}
        for member in select.members:
            if isinstance(member, Value):
                written[member.name] = member.render(member.value(row, self._context))
            else:
                self._nest(member, row, written)
        return written

    def _values(self, outputs: Sequence[Value], row: Row) -> dict[str, object]:
        return {one.name: one.render(one.value(row, self._context)) for one in outputs}

    def _nest(self, nest: Nest, row: Stored, written: dict[str, object]) -> None:
        select, ordering = nest.select, nest.select.ordering
        found = self._admitted(select.walk, self._linked(nest, row))
        if not nest.relation.many:
            one = next(found, None)
            written[nest.name] = None if one is None else self._object(select, one)
            return
        rows, more = self._page(ordering, found)
        written[nest.name] = [self._object(select, one) for _, one in rows]
        _, last = _ends(ordering, rows)
        goes_on = more and last is not None and not ordering.backward
        written[nest.after] = cursor(select.fingerprint, "n", cast("bytes", last)) if goes_on else None

    def _linked(self, nest: Nest, row: Stored) -> Iterable[Stored]:
        if nest.visible(row, self._context) is not True:
            return ()
        return self._tables.related(nest.relation, row) if nest.links is None else self._beyond(nest.links, row)

    def _beyond(self, links: Links, row: Stored) -> Iterator[Stored]:
        """The rows at the other end of many-to-many, each once however many links lead there."""
        relation, seen = links.relation, set()
        between = self._tables.lookup(links.walk.entity, links.back, row[relation.local])
        for link in self._admitted(links.walk, between):
            onward = link[links.onward]
            if onward not in seen:
                seen.add(onward)
                yield from self._tables.lookup(relation.target, relation.remote, onward)

    def _buckets(self, bucketing: Bucketing) -> Iterator[Row]:
        """Each bucket as a row of its keys and aggregates; without keys there is one, be it empty."""
        same = [identity(type_) for _, _, type_ in bucketing.keys]
        grouped: dict[tuple[object, ...], list[Stored]] = {} if bucketing.keys else {(): []}
        shown: dict[tuple[object, ...], dict[str, object]] = {(): {}}
        for row in self._admitted(bucketing.walk, self._tables.rows(bucketing.walk.entity)):
            values = [value(row, self._context) for _, value, _ in bucketing.keys]
            group = tuple(None if one is None else to(one) for to, one in zip(same, values, strict=True))
            grouped.setdefault(group, []).append(row)
            shown.setdefault(group, {name: one for (name, _, _), one in zip(bucketing.keys, values, strict=True)})
        for group, rows in grouped.items():
            yield {**shown[group], **self._counted(bucketing, rows)}

    def _counted(self, bucketing: Bucketing, rows: Sequence[Stored]) -> dict[str, object]:
        found: dict[str, object] = {}
        for one in bucketing.countings:
            self._check_deadline()
            if one.inner is None:
                found[one.key] = len(rows)
            else:
                inner = one.inner
                found[one.key] = aggregate(one.function, one.of, (inner(row, self._context) for row in rows))
        return found

    def _check_deadline(self) -> None:
        if time.monotonic() > self._deadline:
            raise TooLate("the deadline passed before the rows were read", hint="ask for less, or allow more time")


def _ends(ordering: Ordering, rows: Sequence[tuple[Keys, object]]) -> tuple[bytes | None, bytes | None]:
    if not rows:
        return None, None
    return keys_json(rows[0][0], ordering.renderers), keys_json(rows[-1][0], ordering.renderers)
