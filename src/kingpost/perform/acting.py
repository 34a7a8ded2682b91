"""Run an action of the team's own: its arguments read and loaded, its policy asked, its handler run, its result shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import msgspec
from msgspec import UNSET, structs

from kingpost.answer import Engine, answer
from kingpost.call import Answer, Call
from kingpost.context import Context
from kingpost.context.asking import Asked, getting, holding
from kingpost.errors import EngineFailed, Forbidden, Invalid, NotOffered, UnknownName
from kingpost.model.expressions import TRUE, Expression
from kingpost.model.manifest import Action, Argument, Entity
from kingpost.policy.acting import admits
from kingpost.policy.allow import who_are_you
from kingpost.ports import Transaction
from kingpost.query.arguments import Arguments, arguments
from kingpost.query.coerce import coercer
from kingpost.query.objects import Objects, key_of
from kingpost.query.operations import Create, Delete, Hold, Perform, Update, Upsert, Write
from kingpost.query.rendering import rendered, renderer

Key = tuple[object, ...]


class Acting:
    """Runs the actions of one app.

    Args:
        engine: what answers the questions within.
        classes: the declared classes by name, of which handlers get objects.
    """

    __slots__ = ("_engine", "_readers", "objects", "stands_in")

    def __init__(self, engine: Engine, classes: Mapping[str, type]) -> None:
        self._engine = engine
        self.objects = Objects(engine.manifest, classes)
        self.stands_in = {(one.entity, one.name): one for one in engine.manifest.actions if one.replaces}
        self._readers: dict[str, Arguments] = {}

    def action(self, operation: Perform) -> Action:
        """The action that an operation names.

        Raises:
            UnknownName: there is none.
        """
        found = self._engine.manifest.action(operation.entity, operation.action)
        if found is None or found.handler is None:
            raise UnknownName(f"there is no action {operation.action[:80]!r}")
        return found

    async def __call__(self, call: Call, operation: Perform, transaction: Transaction) -> Answer:
        """What the handler returns, as far as the caller may read it.

        Raises:
            Invalid: the arguments do not fit; all faults together.
            NotFound, Forbidden, Unauthenticated: a row is not there, or the policy says no.
            CallerError: whatever of it the handler raises.
        """
        action = self.action(operation)
        version = None if operation.version is None else call.values[operation.version.number]
        return await self._run(action, self._given(action, operation, call), call, version, transaction)

    def standing_in(self, operation: Write) -> Action | None:
        """The action in place of a default one.

        Raises:
            NotOffered: there is one for rows one by one, and this is no way past it.
        """
        verb = type(operation).__name__.lower()
        found = self.stands_in.get((operation.entity, verb))
        if isinstance(operation, Update | Delete) and found is not None and operation.key is None:
            raise NotOffered(f"{verb} of many rows at once is not offered here", offered=("GET",))
        halves = ((operation.entity, "create"), (operation.entity, "update"))
        if isinstance(operation, Upsert) and found is None and any(half in self.stands_in for half in halves):
            raise NotOffered(
                f"{operation.entity} is not put: creating or updating one has its own rules", offered=("GET",)
            )
        return found

    async def instead(self, call: Call, operation: Write, action: Action, transaction: Transaction) -> Answer:
        """What the handler makes of a default write: of each new row, where there are several."""
        version = getattr(operation, "version", None)
        wanted = None if version is None else call.values[version.number]
        answers = [
            await self._run(action, given, call, wanted, transaction) for given in self._asked(operation, action, call)
        ]
        if isinstance(operation, Create) and operation.rows is not None:
            body = b"[" + b",".join(one.body or b"null" for one in answers) + b"]"
            return Answer(body, changed=len(answers))
        return structs.replace(answers[0], created=isinstance(operation, Create | Upsert), changed=1)

    def context(self, call: Call, transaction: Transaction) -> Context:
        """A Context within a transaction."""
        return _Within(self._engine, self.objects, call, transaction).context()

    async def _run(
        self, action: Action, given: dict[str, object], call: Call, version: object, transaction: Transaction
    ) -> Answer:
        within = _Within(self._engine, self.objects, call, transaction)
        subject = action.subject
        if subject is None or subject.kind in ("new", "new_rows"):
            self._check(action, call, given)
        handed: dict[str, object] = {}
        for argument in action.arguments:
            policy, wanted = (action.policy, version) if argument is subject else (TRUE, None)
            handed[argument.name] = await within.argument(argument, given.get(argument.name), policy, wanted)
        handler = self._engine.manifest.functions[str(action.handler)]
        returned = await cast("Any", handler(within.context(), **handed))
        return await within.result(action, returned)

    def _asked(self, operation: Write, action: Action, call: Call) -> list[dict[str, object]]:
        """The handler's arguments, from what a default write was given: one set for each row."""
        given: list[dict[str, object]] = [{}]
        rows = operation.rows if isinstance(operation, Create) else None
        fields = () if isinstance(operation, Delete | Hold) else operation.given
        if rows is None:
            given = [{one.field: call.values[one.value.number] for one in fields}]
        else:
            columns = [(one.field, cast("Sequence[object]", call.values[one.value.number])) for one in fields]
            count = cast("int", call.values[rows.number])
            given = [
                {name: column[row] for name, column in columns if column[row] is not UNSET} for row in range(count)
            ]
        key = () if isinstance(operation, Create) else operation.key or ()
        entity = self._engine.manifest.entities[operation.entity]
        values = tuple(call.values[slot.number] for slot in key)
        subject = action.subject
        found = []
        for number, one in enumerate(given):
            whole = {**dict(zip(entity.key, values, strict=True)), **one} if isinstance(operation, Upsert) else one
            try:
                read = self._reader(action, subject.name if subject and subject.kind == "row" else "")(whole)
            except Invalid as invalid:
                raise invalid if rows is None else _in_row(invalid, number) from None
            if subject is not None and subject.kind == "row":
                read[subject.name] = values
            found.append(read)
        return found

    def check_again(self, call: Call, operation: Perform) -> None:
        """Ask the policy of an action that is done to nothing once more, before its remembered answer is given again.

        Raises:
            Forbidden, Unauthenticated: it says no now.
        """
        action = self.action(operation)
        if action.subject is None:
            self._check(action, call, {})

    def _given(self, action: Action, operation: Perform, call: Call) -> dict[str, object]:
        """Native values of all arguments; a row in the path by the key that stands there."""
        elsewhere = action.subject.name if operation.key and action.subject else ""
        found = self._reader(action, elsewhere)(call.values[operation.arguments.number])
        if elsewhere:
            found[elsewhere] = tuple(call.values[slot.number] for slot in operation.key)
        return found

    def _reader(self, action: Action, elsewhere: str) -> Arguments:
        reader = self._readers.get(str(action.handler))
        if reader is None:
            reader = arguments(action, self._engine.manifest, (elsewhere,) if elsewhere else ())
            self._readers[str(action.handler)] = reader
        return reader

    def _check(self, action: Action, call: Call, given: Mapping[str, object]) -> None:
        subject = action.subject
        values = given.get(subject.name) if subject else {}
        rows = values if isinstance(values, list) else [values]
        timezone = self._engine.manifest.timezone
        if all(admits(action.policy, call, timezone, cast("Mapping[str, object]", row)) for row in rows):
            return
        refusal = Forbidden(f"you may not {action.name.replace('_', ' ')}")
        raise refusal if call.actor.known else who_are_you(refusal)


def _in_row(invalid: Invalid, number: int) -> Invalid:
    return Invalid([replace(fault, where=f"/{number}{fault.where}") for fault in invalid.details])


class _Within:
    """One run of one action in its transaction."""

    __slots__ = ("_call", "_engine", "_objects", "_transaction")

    def __init__(self, engine: Engine, objects: Objects, call: Call, transaction: Transaction) -> None:
        self._engine, self._objects, self._transaction = engine, objects, transaction
        self._call = structs.replace(call, idempotency_key="")

    def context(self) -> Context:
        return Context(self._call, self._ask, self._objects, self._sql, self._engine.observe)

    async def argument(self, argument: Argument, given: object, policy: Expression, version: object) -> object:
        """What the handler is handed: rows are loaded, under the caller's policy, and locked."""
        if argument.entity is None or given is None or argument.kind == "changes":
            return given
        entity = self._engine.manifest.entities[argument.entity]
        match argument.kind:
            case "row":
                return await self._held(entity, cast("Key", given), policy, version)
            case "rows":
                keys = cast("Sequence[Key]", given)
                await self._transaction.lock(entity.name, sorted(keys, key=repr), self._call.deadline)
                return [await self._held(entity, key, policy, None) for key in keys]
            case "new":
                return self._objects.made(entity, cast("Mapping[str, object]", given))
            case _:
                return [self._objects.made(entity, one) for one in cast("Sequence[Mapping[str, object]]", given)]

    async def result(self, action: Action, returned: object) -> Answer:
        """The answer that shows what the handler returned: rows are read again, so that no mask is passed by."""
        returns = action.returns
        if returns.entity is not None and returned is not None:
            entity = self._engine.manifest.entities[returns.entity]
            if action.result == "row":
                return await self._shown(entity, returned)
            rows = [(await self._shown(entity, one)).body for one in cast("Sequence[object]", returned)]
            return Answer(b"[" + b",".join(one for one in rows if one is not None) + b"]")
        if action.result == "nothing" or returned is None:
            if returned is None and (action.result == "nothing" or returns.nullable):
                return Answer(None)
            raise EngineFailed(f"the action {action.name} returned {type(returned).__name__}, not what it declares")
        assert returns.type is not None, "what is no row and not nothing has a type"
        value = coercer(returns.type, self._engine.manifest.timezone, json_text=False)(returned)
        return Answer(msgspec.json.encode(renderer(returns.type)(value)))

    async def _held(self, entity: Entity, key: Key, policy: Expression, version: object) -> object:
        given = () if version is None else (version,)
        found = await self._asked(holding(entity, key, policy, given))
        if found.body is not None:
            return self._objects.one(entity, found.body)
        raise Forbidden(f"you may not read {entity.name}")

    async def _shown(self, entity: Entity, row: object) -> Answer:
        key = key_of(row, entity)
        found = await self._asked(getting(entity, key, ()))
        return structs.replace(found, key=msgspec.json.encode([rendered(one) for one in key]))

    async def _asked(self, asked: Asked) -> Answer:
        return await self._ask(asked.call(self._call))

    async def _ask(self, call: Call) -> Answer:
        return await answer(call, self._engine, self._transaction.run)

    async def _sql(self, statement: str, given: Sequence[object]) -> list[dict[str, object]]:
        return await self._transaction.sql(statement, given, self._call.deadline)
