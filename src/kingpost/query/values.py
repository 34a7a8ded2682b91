"""Fill a plan's slots from a call: coerce each value, take what the policy needs from the caller, bound the cost.

Everything that depends on the plan alone is settled once, by `filler`; each call then costs a few function calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct

from kingpost.errors import Detail, Forbidden, Malformed, Mistyped, TooDear, Unauthenticated
from kingpost.model.types import Scalar
from kingpost.query.coerce import Coercer, coercer, shown
from kingpost.query.stages import Cost, Plan, SlotSpec

COST_ROWS_MAX = 100_000
_CURSOR_HINT = "take `next` or `prev` of an answer as they are, or start again without a cursor"


class Asker(Protocol):
    """Who asks, as far as slots look at them."""

    @property
    def id(self) -> str | None: ...

    @property
    def roles(self) -> frozenset[str]: ...

    @property
    def claims(self) -> Mapping[str, object]: ...


class _Setting(Struct, frozen=True):
    """What of the call itself a slot may take; made for each call, so a struct as in `call.py`."""

    asker: Asker
    now: datetime
    address: str
    host: str


_Taken: TypeAlias = Callable[[_Setting], object]


@dataclass(frozen=True, slots=True)
class Filler:
    """A plan's slots, ready to be filled; made by `filler`.

    Args:
        order: which slots the store is handed; None where it is handed all of them as they stand.
        blank: what each slot holds before the call's values come: a fixed value, else None.
        values: slot number, index into the call's values, and the function that coerces it.
        taken: slot number and the function that takes it from the call.
        cost: the question's cost where it could exceed `cost_rows_max`, else None.
    """

    specs: tuple[SlotSpec, ...]
    order: tuple[int, ...] | None
    blank: tuple[object, ...]
    values: tuple[tuple[int, int, Coercer], ...]
    taken: tuple[tuple[int, _Taken], ...]
    cost: Cost | None
    cost_rows_max: int

    def __call__(
        self, values: Sequence[object], asker: Asker, now: datetime, address: str = "", host: str = ""
    ) -> tuple[object, ...]:
        """The arguments of one call, in the plan's order.

        Raises:
            Mistyped: values that do not fit; all of them are reported together.
            Malformed: a cursor that is none of ours, or was made for another question.
            TooDear: the limits together ask for too many rows.
            Unauthenticated, Forbidden: the caller lacks a claim without which nothing may be asked.
        """
        slots = list(self.blank)
        try:
            for number, index, coerce in self.values:
                slots[number] = coerce(values[index])
        except Mistyped:
            raise self._refusal(values) from None
        if self.taken:
            setting = _Setting(asker, now, address, host)
            for number, take in self.taken:
                slots[number] = take(setting)
        if self.cost is not None:
            self._check_cost(self.cost, slots)
        return tuple(slots) if self.order is None else tuple([slots[number] for number in self.order])

    def _refusal(self, values: Sequence[object]) -> Mistyped | Malformed:
        """Every fault of the call's values; looked for only once there is one."""
        faults: list[Detail] = []
        for number, index, coerce in self.values:
            where = self.specs[number].where
            try:
                coerce(values[index])
            except Mistyped as fault:
                if self.specs[number].equals is not None:
                    return Malformed("this cursor was made for another question", hint=_CURSOR_HINT, where=where)
                if _is_cursor(where):
                    return Malformed("this is not a cursor we gave out", hint=_CURSOR_HINT, where=where)
                faults.append(Detail(where, str(fault), Mistyped.code))
        message = "; ".join(f"{fault.where}: {fault.message}" for fault in faults[:5])
        return Mistyped(message, where=faults[0].where if faults else None, faults=tuple(faults))

    def _check_cost(self, cost: Cost, slots: Sequence[object]) -> None:
        rows = _rows(cost, lambda number: _as_int(slots[number]))
        if rows > self.cost_rows_max:
            limits = ", ".join(sorted({self.specs[number].where for number in _limits(cost)}))
            raise TooDear(
                f"this asks for up to {rows:,} rows, {self.cost_rows_max:,} are allowed", hint=f"lower {limits}"
            )


def filler(plan: Plan, timezone: str, cost_rows_max: int = COST_ROWS_MAX) -> Filler:
    """What fills the slots of `plan`.

    Args:
        plan: of a store's compile.
        timezone: where datetimes without an offset are meant.
        cost_rows_max: how many rows one call may ask for, all nested pages counted.
    """
    specs = tuple(enumerate(plan.slots))
    worst = _rows(plan.cost, lambda number: _largest(plan.slots[number]))
    everything = plan.order == tuple(range(len(plan.slots)))
    return Filler(
        specs=plan.slots,
        order=None if everything else plan.order,
        blank=tuple(spec.value for spec in plan.slots),
        values=tuple((n, spec.index, _value(spec, timezone)) for n, spec in specs if spec.source == "value"),
        taken=tuple((n, _take(spec, timezone)) for n, spec in specs if spec.source in ("me", "call")),
        cost=plan.cost if worst > cost_rows_max else None,
        cost_rows_max=cost_rows_max,
    )


def _value(spec: SlotSpec, timezone: str) -> Coercer:
    coerce = coercer(spec.type, timezone, many=spec.many)
    if spec.equals is not None:
        return _exactly(spec.equals)
    if spec.minimum is None and spec.maximum is None:
        return coerce
    low, high = spec.minimum, spec.maximum

    def bounded(value: object) -> object:
        number = _as_int(coerce(value))
        if low is not None and number < low:
            raise Mistyped(f"{shown(number)} is less than {low}, the least allowed")
        if high is not None and number > high:
            raise Mistyped(f"{shown(number)} is more than {high}, the most allowed")
        return number

    return bounded


def _exactly(wanted: str) -> Coercer:
    def same(value: object) -> object:
        if value != wanted:
            raise Mistyped("it is not what it has to be")
        return value

    return same


def _take(spec: SlotSpec, timezone: str) -> _Taken:
    if spec.source == "call":
        return _from_call(spec, timezone)
    coerce, name = coercer(spec.type, timezone, many=spec.many), spec.name
    listed, plain = spec.many or spec.type.array, spec.name not in ("id", "roles")

    def claim(setting: _Setting) -> object:
        given = setting.asker.claims.get(name) if plain else _own(setting.asker, name)
        if isinstance(given, (list, tuple)) == listed:
            try:
                return coerce(given)
            except Mistyped:
                given = None  # a claim that does not fit is no claim, and the policy denies
        if spec.required:
            raise _lacking(setting.asker, name)
        return None

    return claim


def _own(asker: Asker, name: str) -> object:
    return asker.id if name == "id" else sorted(asker.roles)


def _lacking(asker: Asker, name: str) -> Unauthenticated | Forbidden:
    if asker.id is None and not asker.claims:
        return Unauthenticated(f"only a caller with a {name} may ask this", hint="show who you are with a bearer token")
    return Forbidden(
        f"your credentials name no {name}, or one that does not fit", hint=f"show ones that name your {name}"
    )


def _from_call(spec: SlotSpec, timezone: str) -> _Taken:
    if spec.name == "now":
        return _now(spec.type.scalar, timezone)
    if spec.name not in ("address", "host"):
        raise TypeError(f"a call has no {spec.name!r}: it has now, address and host")
    coerce, of_address = coercer(spec.type, timezone), spec.name == "address"

    def text(setting: _Setting) -> object:
        try:
            return coerce(setting.address if of_address else setting.host)
        except Mistyped:
            return None

    return text


def _now(scalar: Scalar, timezone: str) -> _Taken:
    """`now`, or today and the time of day in the app's timezone."""
    if scalar is Scalar.DATE:
        return lambda setting: setting.now.astimezone(ZoneInfo(timezone)).date()
    if scalar is Scalar.TIME:
        return lambda setting: setting.now.astimezone(ZoneInfo(timezone)).time()
    return lambda setting: setting.now


def _rows(cost: Cost, value: Callable[[int], int]) -> int:
    limit = 1 if cost.limit is None else value(cost.limit)
    return limit * (1 + sum(_rows(one, value) for one in cost.each))


def _limits(cost: Cost) -> list[int]:
    own = [] if cost.limit is None else [cost.limit]
    return own + [number for one in cost.each for number in _limits(one)]


def _largest(spec: SlotSpec) -> int:
    if spec.source == "fixed":
        return _as_int(spec.value)
    assert spec.maximum is not None, f"the limit {spec.where} has no maximum"
    return spec.maximum


def _as_int(value: object) -> int:
    assert isinstance(value, int), f"a limit is a whole number, not {value!r}"
    return value


def _is_cursor(where: str) -> bool:
    return where == "cursor" or where.endswith(".cursor")
