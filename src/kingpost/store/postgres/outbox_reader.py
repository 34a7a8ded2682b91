"""Reads the outbox over one connection from a place on: what may be passed on now, and when it is worth to look again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from kingpost.errors import HistoryGone, Malformed
from kingpost.model.manifest import Manifest
from kingpost.ports import OLDEST, ChangeEvent
from kingpost.store.postgres.capture import BELL, IDENTITY, OUTBOX, SEQ, TRIMMED
from kingpost.store.postgres.kept import Kept
from kingpost.store.postgres.names import META
from kingpost.store.postgres.outbox_gaps import Gap, dead, missing, noted, passable
from kingpost.store.postgres.outbox_rows import Rows

BATCH = 1_000
POLL_S = 0.01
"""Between two looks while there is something to come."""
SLEEP_S = 1.0
"""How long to sleep at most: who rang may have been rolled back."""
ANSWER_TIMEOUT_S = 20.0

_HOLDERS = f"""ARRAY(SELECT DISTINCT virtualtransaction FROM pg_catalog.pg_locks
  WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND pid IS DISTINCT FROM pg_backend_pid()
  AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
  AND relation = 'public.{OUTBOX}'::regclass)"""
_READ = f"""SELECT seq, entity, old::text, new::text, transaction::text, at
FROM public.{OUTBOX} WHERE seq > $1 ORDER BY seq LIMIT {BATCH}"""
_STATE = f"""SELECT (SELECT value FROM {META} WHERE name = '{IDENTITY}') AS identity,
  (SELECT value::bigint FROM {META} WHERE name = '{TRIMMED}') AS trimmed,
  (SELECT last_value FROM public.{SEQ}) AS last, {_HOLDERS} AS holders"""
_SLEEPING = f"SELECT setval('public.{BELL}', 1)"
_MORE = f"SELECT FROM public.{OUTBOX} WHERE seq > $1 LIMIT 1"


@dataclass(frozen=True, slots=True)
class State:
    """What a tail has to know besides the events.

    Args:
        identity: tells this database from others.
        trimmed: the last number that is there no more.
        last: the last number that was taken.
        holders: who holds the outbox's lock, as one who writes an event does.
    """

    identity: str
    trimmed: int
    last: int
    holders: frozenset[str]


@dataclass(slots=True)
class Reader:
    """One reader of the outbox; `woken` is set when somebody rings.

    Args:
        kept: the connection, for nothing else.
        manifest: whose entities the events are of.
    """

    kept: Kept
    manifest: Manifest
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    blocked: bool = False
    position: int = 0
    identity: str = ""
    _gaps: list[Gap] = field(default_factory=list)
    _rows: Rows = field(init=False)

    def __post_init__(self) -> None:
        self._rows = Rows(self.manifest)

    async def start(self, after: str | None) -> str:
        """Listen, and go to the place that is meant; its token.

        Raises:
            Malformed: `after` is no token.
            HistoryGone: what comes after it is kept no more, or it is another database's.
        """
        await self.kept.connection.add_listener(OUTBOX, lambda *_: self.woken.set())
        state = await self._state()
        self.identity = state.identity
        if after is None:
            self.position = state.last
            await self._outlive(state.holders)
        elif after == OLDEST:
            self.position = state.trimmed
        else:
            self.position = _position(after, state)
        return self._token(self.position)

    async def read(self) -> list[ChangeEvent]:
        """What comes next and may be passed on, in order; the place is behind it then.

        Raises:
            HistoryGone: what would come next is kept no more.
        """
        records = await self._records()
        seqs = [record["seq"] for record in records]
        runs = missing(self.position, seqs)
        self.blocked = False
        if runs:
            state = await self._state()
            if state.trimmed > self.position or state.identity != self.identity:
                raise _gone()
            self._gaps = noted(self._gaps, runs, state.holders)
            lost = dead(self._gaps, state.holders)
            if lost:
                records = await self._records()
                seqs = [record["seq"] for record in records]
            sure = passable(self.position, seqs, lost)
            self.blocked = sure < len(records)
            records = records[:sure]
        return self._passed(records)

    async def sleep(self) -> None:
        """Until somebody rings, or SLEEP_S have passed; then it is worth to look again."""
        self.woken.clear()
        await self._fetch(_SLEEPING)
        # Who holds the lock may have looked at the bell before; whoever takes it now will ring.
        if (await self._state()).holders:
            await asyncio.sleep(POLL_S)
            return
        if await self._fetch(_MORE, self.position):
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self.woken.wait(), SLEEP_S)

    async def _outlive(self, holders: frozenset[str]) -> None:
        """Until none of them is left: what took its number before is either there then, or never will be."""
        while True:
            if holders.isdisjoint((await self._state()).holders):
                return
            await asyncio.sleep(POLL_S)

    async def _records(self) -> Sequence[Any]:
        return await self._fetch(_READ, self.position)

    async def _state(self) -> State:
        found = (await self._fetch(_STATE))[0]
        return State(str(found["identity"]), found["trimmed"], found["last"], frozenset(found["holders"]))

    async def _fetch(self, sql: str, *arguments: object) -> Sequence[Any]:
        async with asyncio.timeout(
            ANSWER_TIMEOUT_S
        ):  # a server that is gone without a word is found out by nothing else
            return await self.kept.fetch(sql, arguments)

    def _passed(self, records: Sequence[Any]) -> list[ChangeEvent]:
        changes = [self._rows.change(record, self._token(record["seq"])) for record in records]
        if records:
            self.position = records[-1]["seq"]
        return [change for change in changes if change is not None]

    def _token(self, seq: int) -> str:
        return f"{self.identity}.{seq}"


def _position(token: str, state: State) -> int:
    identity, dot, text = token.partition(".")
    if not dot or not text.isascii() or not text.isdigit() or len(text) > 19:
        raise Malformed("this is no token of an event", hint="give one that came with an event")
    if identity != state.identity or not state.trimmed <= int(text) <= state.last:
        raise _gone()
    return int(text)


def _gone() -> HistoryGone:
    return HistoryGone(
        "the events that come next are not kept any more, or are another database's",
        hint="read what is there now, and go on from now",
    )
