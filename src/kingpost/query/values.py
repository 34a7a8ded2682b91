"""Fill a plan's slots from a call: coerce each value, take what the policy needs from the caller, bound the cost.

Everything that depends on the plan alone is settled once, by `filler`; each call then costs a few function calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Protocol, TypeAlias, cast
from zoneinfo import ZoneInfo

from kingpost.errors import Detail, Forbidden, Malformed, Mistyped, TooDear, Unauthenticated
from kingpost.model.types import INT_MAX, INT_MIN, Scalar
from kingpost.query.coerce import NOT_FITTING, Coercer, coercer, converter, shown
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


# What a slot takes of the call itself: of the asker, the time, the address and the host.
_Taken: TypeAlias = Callable[[Asker, datetime, str, str], object]
_Arranged: TypeAlias = Callable[[list[object]], tuple[object, ...]]


class Filler(Protocol):
    """Fills a plan's slots; made by `filler`."""

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


def filler(plan: Plan, timezone: str, cost_rows_max: int = COST_ROWS_MAX) -> Filler:
    """What fills the slots of `plan`. All that can be known of a slot before there is a call is found out here.

    Args:
        plan: of a store's compile.
        timezone: where datetimes without an offset are meant.
        cost_rows_max: how many rows one call may ask for, all nested pages counted.
    """
    specs = plan.slots
    blank = [spec.value for spec in specs]
    given = [
        (number, spec.index, _value(spec, converter(spec.type, timezone, many=spec.many)))
        for number, spec in enumerate(specs)
        if spec.source == "value"
    ]
    taken = [(number, _take(spec, timezone)) for number, spec in enumerate(specs) if spec.source in ("me", "call")]
    arranged = _arranged(plan.order, len(specs))
    may_be_too_dear = _rows(plan.cost, lambda number: _largest(specs[number])) > cost_rows_max

    # A function and no object with a __call__: each call of one takes a call more.
    def fill(
        values: Sequence[object], asker: Asker, now: datetime, address: str = "", host: str = ""
    ) -> tuple[object, ...]:
        slots = blank.copy()
        try:
            for number, index, convert in given:
                slots[number] = convert(values[index])
        except NOT_FITTING:
            raise _refusal(values, specs, timezone) from None
        for number, take in taken:
            slots[number] = take(asker, now, address, host)
        if may_be_too_dear:
            _check_cost(plan.cost, slots, specs, cost_rows_max)
        return arranged(slots)

    return fill


def _refusal(values: Sequence[object], specs: Sequence[SlotSpec], timezone: str) -> Mistyped | Malformed:
    """Every fault of the call's values, in words; looked for only once there is one."""
    faults: list[Detail] = []
    for spec in specs:
        if spec.source != "value":
            continue
        try:
            _value(spec, coercer(spec.type, timezone, many=spec.many))(values[spec.index])
        except Mistyped as fault:
            if spec.equals is not None:
                return Malformed("this cursor was made for another question", hint=_CURSOR_HINT, where=spec.where)
            if _is_cursor(spec.where):
                return Malformed("this is not a cursor we gave out", hint=_CURSOR_HINT, where=spec.where)
            faults.append(Detail(spec.where, str(fault), Mistyped.code))
    message = "; ".join(f"{fault.where}: {fault.message}" for fault in faults[:5])
    return Mistyped(message, where=faults[0].where if faults else None, faults=tuple(faults))


def _check_cost(cost: Cost, slots: Sequence[object], specs: Sequence[SlotSpec], rows_max: int) -> None:
    rows = _rows(cost, lambda number: _as_int(slots[number]))
    if rows > rows_max:
        limits = ", ".join(sorted({specs[number].where for number in _limits(cost)}))
        raise TooDear(f"this asks for up to {rows:,} rows, {rows_max:,} are allowed", hint=f"lower {limits}")


def _arranged(order: tuple[int, ...], slots: int) -> _Arranged:
    if order == tuple(range(slots)):
        return tuple
    # An itemgetter of one item does not make a tuple.
    return itemgetter(*order) if len(order) > 1 else lambda slots: tuple([slots[number] for number in order])


def _value(spec: SlotSpec, coerce: Coercer) -> Coercer:
    if spec.equals is not None:
        return _exactly(spec.equals)
    if spec.minimum is None and spec.maximum is None:
        return coerce
    low = INT_MIN if spec.minimum is None else spec.minimum
    high = INT_MAX if spec.maximum is None else spec.maximum
    whole = cast("Callable[[object], int]", coerce)

    def bounded(value: object) -> object:
        number = whole(value)
        if low <= number <= high:
            return number
        if number < low:
            raise Mistyped(f"{shown(number)} is less than {low}, the least allowed")
        raise Mistyped(f"{shown(number)} is more than {high}, the most allowed")

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
    convert, name, required = converter(spec.type, timezone, many=spec.many), spec.name, spec.required
    listed, plain = spec.many or spec.type.array, spec.name not in ("id", "roles")

    def claim(asker: Asker, _at: datetime, _address: str, _host: str) -> object:
        given = asker.claims.get(name) if plain else _own(asker, name)
        if isinstance(given, (list, tuple)) == listed:
            try:
                return convert(given)
            except NOT_FITTING:
                given = None  # a claim that does not fit is no claim, and the policy denies
        if required:
            raise _lacking(asker, name)
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

    def text(_asker: Asker, _at: datetime, address: str, host: str) -> object:
        try:
            return coerce(address if of_address else host)
        except Mistyped:
            return None

    return text


def _now(scalar: Scalar, timezone: str) -> _Taken:
    """`now`, or today and the time of day in the app's timezone."""
    if scalar is Scalar.DATE:
        return lambda asker, now, address, host: now.astimezone(ZoneInfo(timezone)).date()
    if scalar is Scalar.TIME:
        return lambda asker, now, address, host: now.astimezone(ZoneInfo(timezone)).time()
    return lambda asker, now, address, host: now


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
