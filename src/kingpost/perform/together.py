"""Several writes as one: in order, each seeing what those before it wrote, the rows they name locked beforehand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

from msgspec import structs

from kingpost.call import Answer, Call, Earlier, Following, Part, Service
from kingpost.errors import Detail, Invalid, KingpostError, Mistyped, TooLarge
from kingpost.model.manifest import Entity, Manifest
from kingpost.ports import Transaction
from kingpost.query.coerce import coercer
from kingpost.query.operations import Delete, Update, Upsert

ANSWERED_BYTES_MAX = 16_777_216
"""So long the answers of all parts may be."""


async def together(call: Call, transaction: Transaction, ask: Service[Call, Answer], manifest: Manifest) -> Answer:
    """The answers of all parts.

    Args:
        call: whose values are the parts; one may follow from the answer of that before it.
        transaction: in which they are done.
        ask: does one of them.
        manifest: of the app.

    Raises:
        KingpostError: of the first part that fails; its `part` says which that is.
        TooLarge: the answers would be longer than anyone wants: one large row can be written many times.
    """
    parts = cast("Sequence[Part | Following]", call.values)
    for entity, keys in sorted(_keys(parts, manifest).items()):
        await transaction.lock(entity, sorted(keys, key=repr), call.deadline)
    named: dict[str, Answer] = {}
    answers: list[Answer] = []
    size = 0
    for number, given in enumerate(parts):
        try:
            part = given.made(answers[-1]) if isinstance(given, Following) else given
            values = [_resolved(value, named) for value in part.values]
            one = structs.replace(call, skeleton=part.skeleton, values=values, read=part.read, idempotency_key="")
            answers.append(await ask(one))
            size += len(answers[-1].body or b"")
            if size > ANSWERED_BYTES_MAX:
                raise TooLarge("the rows that were written are too long to be answered together", where="body")
        except KingpostError as error:
            error.part = number
            raise
        named[part.name] = answers[-1]
    return Answer(None, changed=sum(one.changed or 0 for one in answers), parts=tuple(answers))


def _keys(parts: Sequence[Part | Following], manifest: Manifest) -> dict[str, set[tuple[object, ...]]]:
    """The rows that the parts name, by entity: they are locked in one order, so that two batches cannot deadlock."""
    found: dict[str, set[tuple[object, ...]]] = {}
    for given in parts:
        part = given.part if isinstance(given, Following) else given
        operation, _ = part.read(part.skeleton)
        if isinstance(operation, Update | Upsert | Delete) and operation.key is not None:
            entity = manifest.entity(operation.entity)
            key = _key(entity, [part.values[slot.number] for slot in operation.key], manifest.timezone)
            if key is not None:
                found.setdefault(entity.name, set()).add(key)
    return found


def _key(entity: Entity, values: Sequence[object], timezone: str) -> tuple[object, ...] | None:
    """A key that can be locked; None where it is not known yet, or will be refused."""
    if len(values) != len(entity.key) or any(isinstance(one, Earlier) for one in values):
        return None
    fields = [entity.fields[name] for name in entity.key]
    try:
        return tuple(coercer(one.type, timezone)(value) for one, value in zip(fields, values, strict=True))
    except Mistyped:
        return None


def _resolved(value: object, named: Mapping[str, Answer]) -> object:
    """A value with what earlier parts made in place of each Earlier."""
    if isinstance(value, list):
        return [_made(one, named) if isinstance(one, Earlier) else one for one in value]
    return _made(value, named) if isinstance(value, Earlier) else value


def _made(earlier: Earlier, named: Mapping[str, Answer]) -> object:
    found = named.get(earlier.part)
    if found is None:
        raise _unknown(earlier, f"no earlier part is named {earlier.part[:80]!r}")
    if not earlier.field:
        key = json.loads(found.key or b"[]")
        if len(key) != 1:
            raise _unknown(earlier, f"the part {earlier.part[:80]!r} wrote no single row, or one with a composite key")
        return key[0]
    row = json.loads(found.body or b"null")
    if not isinstance(row, dict) or earlier.field not in row:
        raise _unknown(earlier, f"the part {earlier.part[:80]!r} answers no {earlier.field[:80]!r}")
    return row[earlier.field]


def _unknown(earlier: Earlier, message: str) -> Invalid:
    return Invalid([Detail(earlier.where, message, Invalid.code)], hint="refer to a part further up, by its name")
