"""Do what takes a transaction of its own: actions of the team's own, several writes as one, what a key remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import SystemRandom
from typing import TypeAlias, cast

from msgspec import structs

from kingpost.answer import Engine, answer, check
from kingpost.call import Answer, Call, Following, Part
from kingpost.errors import Contended
from kingpost.perform.acting import Acting
from kingpost.perform.idempotency import KEEP_S, again, record, scope
from kingpost.perform.outside import outside
from kingpost.perform.together import together
from kingpost.ports import Isolation, Transaction
from kingpost.query.operations import Operation, Perform, Together, Write

Endpoint: TypeAlias = Callable[..., Awaitable[object]]

ATTEMPTS_MAX = 5
PAUSE_S = 0.01
PERFORMED = frozenset({"act", "batch"})
"""The second words of skeletons that take more than a statement, on every protocol."""
WRITES = frozenset({"create", "update", "upsert", "delete"})


class Performer:
    """Answers calls in one transaction each: all that one asks for is done, or nothing.

    Args:
        engine: what answers the questions within.
        classes: the declared classes by name, of which handlers get objects.
    """

    __slots__ = ("_acting", "_engine", "_performed")

    def __init__(self, engine: Engine, classes: Mapping[str, type]) -> None:
        self._engine = engine
        self._acting = Acting(engine, classes)
        self._performed = PERFORMED | (WRITES if self._acting.stands_in else frozenset())

    def ask(self, call: Call) -> Awaitable[Answer]:
        """The answer to any call: at once where one statement is enough, else in a transaction."""
        if call.idempotency_key or call.skeleton[1] in self._performed:
            return self(call)
        return answer(call, self._engine)

    async def __call__(self, call: Call) -> Answer:
        """The answer to a call, in a transaction.

        Raises:
            KeyReused: its idempotency key was used for another request.
            StillRunning: the first request with that key has not ended.
            Contended: other writes came between each time it was tried.
        """
        operation, _ = call.read(call.skeleton)
        isolation, attempts = self._ways(operation)
        for attempt in range(1, attempts + 1):
            try:
                async with self._engine.store.begin(call.deadline, isolation) as transaction:
                    return await self._within(call, operation, transaction)
            except Contended:
                if attempt == attempts:
                    raise
                # Not at once and not all together, or the same would come between again.
                await asyncio.sleep(SystemRandom().uniform(PAUSE_S, PAUSE_S * 2 ** min(attempt, ATTEMPTS_MAX)))
        raise AssertionError("the last attempt returns or raises")

    def _ways(self, operation: Operation) -> tuple[Isolation, int]:
        """The isolation, and how often it may be tried: a team's own code only as often as it says."""
        if isinstance(operation, Perform):
            action = self._acting.action(operation)
            return action.isolation, 1 + action.retry
        return "read committed", ATTEMPTS_MAX

    async def _within(self, call: Call, operation: Operation, transaction: Transaction) -> Answer:
        if not call.idempotency_key:
            return await self._do(call, operation, transaction)
        known = await transaction.claim(scope(call), call.idempotency_key, call.deadline)
        if known is not None:
            self._check_again(call, operation)
            return again(known, call)
        return await _remembered(call, transaction, self._do(call, operation, transaction))

    def _check_again(self, call: Call, operation: Operation) -> None:
        """Ask the policy once more before an answer is given again, as far as it can be decided without its rows."""
        if isinstance(operation, Perform):
            self._acting.check_again(call, operation)
        elif isinstance(operation, Together):
            for given in cast("Sequence[Part | Following]", call.values):
                part = given.part if isinstance(given, Following) else given
                check(structs.replace(call, skeleton=part.skeleton, values=part.values, read=part.read), self._engine)
        else:
            check(call, self._engine)

    async def _do(self, call: Call, operation: Operation, transaction: Transaction) -> Answer:
        if isinstance(operation, Perform):
            return await self._acting(call, operation, transaction)
        if isinstance(operation, Together):
            return await together(call, transaction, lambda part: self._one(part, transaction), self._engine.manifest)
        return await self._one(call, transaction)

    async def _one(self, call: Call, transaction: Transaction) -> Answer:
        """A single question, by the handler that stands in for it if there is one."""
        if self._acting.stands_in and isinstance(operation := call.read(call.skeleton)[0], Write):
            standing_in = self._acting.standing_in(operation)
            if standing_in is not None:
                return await self._acting.instead(call, operation, standing_in, transaction)
        return await answer(call, self._engine, transaction.run)

    async def endpoint(self, call: Call, handler: Endpoint, arguments: Mapping[str, object], writes: bool) -> object:
        """What an endpoint of the team's own returns; one that may write runs in a transaction.

        Args:
            call: by whom and when; it asks nothing itself. Whether its policy admits the caller was asked already.
            handler: the function; of a call with an idempotency key it returns an Answer, which is kept.
            arguments: by name, as their types want them.
            writes: whether its method is unsafe (RFC 9110, 9.2.1).
        """
        if not writes:
            return await handler(outside(self._engine, self._acting.objects, call), **arguments)
        async with self._engine.store.begin(call.deadline) as transaction:
            if not call.idempotency_key:
                return await handler(self._acting.context(call, transaction), **arguments)
            known = await transaction.claim(scope(call), call.idempotency_key, call.deadline)
            if known is not None:
                return again(known, call)
            answering = cast("Awaitable[Answer]", handler(self._acting.context(call, transaction), **arguments))
            return await _remembered(call, transaction, answering)


async def _remembered(call: Call, transaction: Transaction, answering: Awaitable[Answer]) -> Answer:
    """The answer, kept under the call's idempotency key with all that was written for it."""
    done = await answering
    await transaction.remember(scope(call), call.idempotency_key, record(call, done), KEEP_S)
    return done
