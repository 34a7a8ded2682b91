"""Run a write: send its statements, and make an answer of what they return, or an error of the flags that are not true."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias, cast

import asyncpg
from msgspec import Struct

from kingpost.call import Answer, Ask
from kingpost.errors import Detail, Forbidden, Invalid, KingpostError, NotFound, Stale, TooDear
from kingpost.store.postgres.constraints import Constraints, taken
from kingpost.store.postgres.failures import Failure
from kingpost.store.postgres.kept import Records
from kingpost.store.postgres.packing import packed
from kingpost.store.postgres.removing import Removing
from kingpost.store.postgres.statements import Flag, Statement, WriteProgram

PUTS_MAX = 3
"""So often an upsert is sent: once, again if a row came to be meanwhile, and again if that one went."""
Key: TypeAlias = tuple[object, ...]
Send: TypeAlias = Callable[[str, Sequence[object]], Awaitable[Records]]


class Sending(Struct, frozen=True):
    """How statements are sent.

    Args:
        send: one statement; raises what the driver raises.
        refused: the error of ours for that.
        constraints: what broken ones mean.
        alone: each statement is a transaction by itself, so that another can follow one that failed.
    """

    send: Send
    refused: Callable[[BaseException], KingpostError]
    constraints: Constraints
    alone: bool

    def __call__(self, statement: Statement, arguments: Sequence[object], *more: object) -> Awaitable[Records]:
        given = statement.arguments(arguments)
        return self.send(statement.sql, [*given, *more] if more else given)

    def meaning(self, error: BaseException, program: WriteProgram) -> KingpostError:
        """The error of ours for a statement that the server refused."""
        return self.constraints.meaning(error, removes=program.removes) or self.refused(error)


async def run_change(ask: Ask, sending: Sending) -> Answer:
    """The answer to a write.

    Raises:
        NotFound, Forbidden, Stale, Invalid, Conflict, TooDear: it may not be done; nothing was written, or, of a
            program of several steps, its transaction has to be rolled back.
        Contended, TooLate, EngineUnavailable, EngineFailed: as sending does.
    """
    program = cast("WriteProgram", ask.plan.program)
    arguments = packed(ask.arguments, program.packed) if program.packed else ask.arguments
    try:
        records, flags = await _written(program, arguments, sending)
        if not program.steps:
            return _answer(program, records, flags)
        return await _in_steps(program, arguments, sending, records, flags)
    except Failure as error:
        raise sending.meaning(error, program) from error


async def _written(program: WriteProgram, arguments: Sequence[object], sending: Sending) -> tuple[Records, int]:
    """What the first statement returns, and how many flags stand in front; all of them are true."""
    if program.lean is not None and (sending.alone or not program.lean_refers):
        try:
            records = await sending(program.lean, arguments)
        except asyncpg.IntegrityConstraintViolationError:
            # The server names one thing only, and a key that is taken before a reference that leads nowhere.
            if program.removes or not program.lean_refers:
                raise
            records = []
        if records:
            return records, 0
    flags = program.careful.flags
    for _ in range(PUTS_MAX):
        records = await sending(program.careful, arguments)
        _judge(program, records, flags)
        if program.outcome != "put" or records[0][len(flags) + 1] is not None:
            return records, len(flags)
    # There is a row with this key that may not be seen.
    raise taken(program.key)


def _judge(program: WriteProgram, records: Records, flags: Sequence[Flag]) -> None:
    if not records and program.outcome != "bulk":
        raise NotFound(f"there is no such {program.entity}")
    faults: list[Detail] = []
    for number, record in enumerate(records if program.outcome == "bulk" else records[:1]):
        for value, flag in zip(record, flags, strict=False):
            if value is True:
                continue
            if flag.refusal != "reference":
                raise refusal(flag)
            where = f"/{number}{flag.where}" if program.outcome == "bulk" else flag.where
            faults.append(Detail(where, flag.message, Invalid.code))
    if faults:
        raise Invalid(faults)


def refusal(flag: Flag) -> KingpostError:
    """The error that a flag stands for."""
    match flag.refusal:
        case "forbidden":
            return Forbidden(flag.message, hint=flag.hint)
        case "stale":
            return Stale(flag.message, hint=flag.hint)
        case "dear":
            return TooDear(flag.message, hint=flag.hint)
        case "reference":
            return Invalid([Detail(flag.where, flag.message, Invalid.code)])


# --- Answers ---------------------------------------------------------------------------------------------------------


def _answer(program: WriteProgram, records: Records, flags: int) -> Answer:
    match program.outcome:
        case "bulk":
            return _rows([record[flags] for record in records], shown=True)
        case "set":
            return Answer(None, changed=records[0][flags + 1])
    record = records[0]
    created = program.outcome == "created" or (program.outcome == "put" and record[-1] is True)
    body, version, key = record[flags : flags + 3]
    if program.keys is not None:
        return Answer(body, version=version, key=program.keys(body), created=created, changed=1)
    return Answer(body, version=None if program.removes else version, key=_key(key), created=created, changed=1)


def _rows(bodies: Sequence[bytes | None], *, shown: bool) -> Answer:
    body = b"[" + b",".join([one or b"null" for one in bodies]) + b"]" if shown else None
    return Answer(body, created=True, changed=len(bodies))


def _key(text: str) -> bytes:
    return text.encode()


# --- Steps -----------------------------------------------------------------------------------------------------------


async def _in_steps(
    program: WriteProgram, arguments: Sequence[object], sending: Sending, records: Records, flags: int
) -> Answer:
    """What is left to do once the rows are locked or written."""
    keys = _native(program, records, flags)
    if program.finish is not None:
        removing = Removing(program, arguments, sending)
        await removing.remove(keys)
        count = len(keys) if program.outcome == "set" else 1
        key = None if program.outcome == "set" else _key(records[0][flags + 2])
        return Answer(None, key=key, changed=count)
    created = program.outcome in ("created", "bulk") or (program.outcome == "put" and records[0][-1] is True)
    check = program.check_new if program.outcome == "put" and created else program.check
    if check is not None and keys:
        found = await sending(check, arguments, *columns_of(keys))
        if found[0][0] is not True:
            raise refusal(check.flags[0])
    if program.shown is None:
        return _answer(program, records, flags)
    shown: list[Any] = await sending(program.shown, arguments, *columns_of(keys))
    if program.outcome == "bulk":
        return _rows([record[0] for record in shown], shown=True)
    body, version, key = shown[0]
    return Answer(body, version=version, key=_key(key), created=created, changed=1)


def _native(program: WriteProgram, records: Records, flags: int) -> list[Key]:
    """The keys of the rows, as the driver knows them."""
    first = flags + 3
    keys = [tuple(record[first : first + program.key_columns]) for record in records]
    return [key for key in keys if key and key[0] is not None]


def columns_of(keys: Sequence[Key]) -> list[list[object]]:
    """Keys as arrays, one for each column."""
    return [list(column) for column in zip(*keys, strict=True)]
