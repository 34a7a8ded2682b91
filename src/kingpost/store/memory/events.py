"""The events of the memory store: what each transaction altered, in order, for as many of them as are kept."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from datetime import UTC, datetime
from itertools import count
from uuid import uuid4

from kingpost.errors import HistoryGone, Malformed
from kingpost.model.manifest import Entity, Manifest
from kingpost.ports import OLDEST, ChangeEvent, Op
from kingpost.store.memory.tables import Altered

KEPT_MAX = 10_000


class Events:
    """Takes what was altered, and tells it to whoever asks.

    Args:
        clock: seconds since 1970.
        kept_max: how many events are kept.
    """

    __slots__ = ("_clock", "_identity", "_kept", "_last", "_told", "_transactions")

    def __init__(self, clock: Callable[[], float], kept_max: int = KEPT_MAX) -> None:
        self._clock = clock
        self._identity = uuid4().hex[:8]
        self._kept: deque[ChangeEvent] = deque(maxlen=kept_max)
        self._last = 0
        self._told = asyncio.Event()
        self._transactions = count(1)

    def add(self, manifest: Manifest, altered: Iterable[Altered]) -> None:
        """Keep what one transaction altered, of those entities whose changes are captured."""
        at = datetime.fromtimestamp(self._clock(), UTC)
        transaction = str(next(self._transactions))
        for one in altered:
            entity = manifest.entity(one.entity)
            if entity.capture:
                self._last += 1
                self._kept.append(_change(entity, one, self._token(self._last), transaction, at))
        told, self._told = self._told, asyncio.Event()
        told.set()

    def forget(self) -> None:
        """Keep none of them; whoever asks for what was there is told so."""
        self._kept.clear()
        self._last += 1

    async def after(self, token: str | None) -> AsyncGenerator[ChangeEvent, None]:
        """Every event after that token; see `ports.Tail`.

        Raises:
            Malformed: it is no token.
            HistoryGone: what comes next is not kept any more, or the token is another store's.
        """
        position = self._position(token)
        while True:
            told = self._told  # before we look: what comes after wakes us
            first = self._last - len(self._kept)
            if position < first:
                raise _gone()
            for change in list(self._kept)[position - first :]:
                position += 1
                yield change
            if position == self._last:
                await told.wait()

    def _position(self, token: str | None) -> int:
        if token is None:
            return self._last
        if token == OLDEST:
            return self._last - len(self._kept)
        identity, dot, text = token.partition(".")
        if not dot or not text.isascii() or not text.isdigit() or len(text) > 19:
            raise Malformed("this is no token of an event", hint="give one that came with an event")
        if identity != self._identity or int(text) > self._last:
            raise _gone()
        return int(text)

    def _token(self, position: int) -> str:
        return f"{self._identity}.{position}"


def _change(entity: Entity, one: Altered, token: str, transaction: str, at: datetime) -> ChangeEvent:
    row = one.old if one.new is None else one.new
    if row is None:
        raise AssertionError("neither was there a row, nor is there one")
    return ChangeEvent(
        token=token,
        entity=entity.name,
        op=_op(entity, one),
        key=tuple(row[name] for name in entity.key),
        old=None if one.old is None else dict(one.old),
        new=None if one.new is None else dict(one.new),
        version=row.version,
        transaction=transaction,
        at=at,
    )


def _op(entity: Entity, one: Altered) -> Op:
    if one.old is None:
        return "created"
    marked = entity.soft_delete
    if one.new is None or (marked is not None and one.old[marked] is None and one.new[marked] is not None):
        return "deleted"
    return "updated"


def _gone() -> HistoryGone:
    return HistoryGone(
        "the events that come next are not kept any more, or are another store's",
        hint="read what is there now, and go on from now",
    )
