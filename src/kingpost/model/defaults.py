"""What a new row holds that nobody gave: defaults, UUIDv7 keys made in Python, audit times."""

from __future__ import annotations

import copy
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import NoReturn
from uuid import UUID

from kingpost.errors import Mistyped, UnknownName
from kingpost.model.fields import Field
from kingpost.model.manifest import Entity, suggest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COUNTER_BITS = 74
_MILLISECOND = timedelta(milliseconds=1)
_STEPS_AT_ONCE = 64


class TimeOrderedIds:
    """Makes UUIDv7 (RFC 9562, 5.7), each greater than the one before: method 2 of its 6.2, with steps nobody can guess.

    Args:
        entropy: returns so many random bytes, such as `os.urandom`.
    """

    __slots__ = ("_counter", "_entropy", "_milliseconds", "_steps")

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy
        self._milliseconds = -1
        self._counter = 0
        self._steps = array("I")

    def __call__(self, now: datetime) -> UUID:
        """A new id of the time `now`, or of the latest time seen if that is later."""
        milliseconds = (now - _EPOCH) // _MILLISECOND
        if milliseconds > self._milliseconds:
            self._start(milliseconds)
        else:
            if not self._steps:  # to ask the system each time would cost more than all else here
                self._steps.frombytes(self._entropy(self._steps.itemsize * _STEPS_AT_ONCE))
            self._counter += 1 + self._steps.pop()
            if self._counter >> _COUNTER_BITS:
                self._start(self._milliseconds + 1)
        high, low = self._counter >> 62, self._counter & (1 << 62) - 1
        return UUID(int=self._milliseconds << 80 | 7 << 76 | high << 64 | 0b10 << 62 | low)

    def _start(self, milliseconds: int) -> None:
        self._milliseconds = milliseconds
        # The top bit stays free, so that a millisecond holds 2**41 ids at least.
        self._counter = int.from_bytes(self._entropy(10), "big") >> 80 - _COUNTER_BITS + 1


def filled(
    entity: Entity, rows: Iterable[Mapping[str, object]], now: datetime, new_id: Callable[[datetime], UUID]
) -> Iterator[dict[str, object]]:
    """Each of `rows` with a value for every stored field, in the entity's order.

    Args:
        entity: whose rows they are.
        rows: values by field name.
        now: the time of the call, aware.
        new_id: makes keys, such as a TimeOrderedIds.

    Raises:
        UnknownName: a row names a field that is not stored.
        Mistyped: a field that needs a value has none.
    """
    stored = {name: field for name, field in entity.fields.items() if field.computed is None}
    makers = {name: _maker(entity, field, now, new_id) for name, field in stored.items()}
    for row in rows:
        if not row.keys() <= stored.keys():
            name = next(iter(row.keys() - stored.keys()))
            raise UnknownName(f"{entity.name} has no stored field {name!r}", hint=suggest(name, stored), where=name)
        yield {name: row[name] if name in row else make() for name, make in makers.items()}


def _maker(entity: Entity, field: Field, now: datetime, new_id: Callable[[datetime], UUID]) -> Callable[[], object]:
    default = field.default
    if default is None:
        return _null if field.nullable else lambda: _missing(entity, field)
    match default.kind:
        case "uuid7":
            return lambda: new_id(now)
        case "now":
            return lambda: now
        case "constant":
            return lambda: copy.deepcopy(default.value)


def _null() -> None:
    return None


def _missing(entity: Entity, field: Field) -> NoReturn:
    raise Mistyped(f"{entity.name}.{field.name} needs a value: it has no default", where=field.name)
