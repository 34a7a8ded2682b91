"""Fill the slots of a write: hold each value against its field, make what nobody gave, tell all faults together."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias, cast
from uuid import UUID

from msgspec import UNSET, to_builtins

from kingpost.errors import Detail, Invalid, Mistyped, TooLarge
from kingpost.model.fields import Field
from kingpost.model.read_constraints import violated
from kingpost.model.types import Scalar
from kingpost.query.arithmetic import EXACT
from kingpost.query.coerce import Coercer, coercer, shown
from kingpost.query.stages import Plan, SlotSpec
from kingpost.query.values import Asker, Filler, filler

FAULTS_MAX = 50
_NATIVE = frozenset({Scalar.INT, Scalar.FLOAT, Scalar.BOOL})

NewId: TypeAlias = Callable[[datetime], UUID]


class Unfit(Exception):
    """A value does not fit its field; the message says why, `code` whether it is the type or a constraint."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


def storable(field: Field, timezone: str) -> Coercer:
    """The function that brings a native value to what `field` keeps, and raises Unfit for what does not fit.

    Args:
        field: where it is to be kept.
        timezone: where a datetime without an offset is meant.
    """
    coerce = coercer(field.type, timezone, json_text=False)
    places = next((cast("tuple[int, int]", one.value)[1] for one in field.constraints if one.kind == "digits"), None)
    strict = field.type.array or field.type.scalar in _NATIVE
    constraints, nullable = field.constraints, field.nullable
    copied = field.type.scalar is Scalar.JSON
    special = bool(constraints) or copied

    def fit(value: object) -> object:
        if value is None:
            if nullable:
                return None
            raise Unfit("a value is needed here, not null", Mistyped.code)
        if strict and isinstance(value, str):
            raise Unfit(f"{shown(value)} is text, not {field.type}", Mistyped.code)
        try:
            fitted = coerce(value)
        except Mistyped as fault:
            raise Unfit(str(fault), Mistyped.code) from None
        if not special:
            return fitted
        broken = violated(fitted, constraints)
        if broken is not None:
            raise Unfit(broken, Invalid.code)
        if places is not None:
            return EXACT.quantize(cast("Decimal", fitted), Decimal(1).scaleb(-places))
        return to_builtins(fitted) if copied else fitted

    return fit


@dataclass(frozen=True, slots=True)
class WriteFiller:
    """The slots of a write, ready to be filled; made by `write_filler`. Called as a Filler is.

    Args:
        taken: fills what is not stored as it is given: keys, filters, claims, the time.
        order: which slots the store is handed.
        values: number, the call's index, pointer and coercer of each single value.
        columns: the same for each column, with what fills a gap in it.
        made: number and maker of what nobody gives; `each` of them one for each row.
        same: pairs of slots whose values have to be equal.
        rows: the slot of how many rows there are, None for one.
        faults: those of the shape, told with those of the values.
    """

    taken: Filler
    order: tuple[int, ...]
    values: tuple[tuple[int, int, str, Coercer], ...]
    columns: tuple[tuple[int, int, SlotSpec, Coercer], ...]
    made: tuple[tuple[int, SlotSpec], ...]
    same: tuple[tuple[int, int, str], ...]
    rows: int | None
    faults: tuple[Detail, ...]
    new_id: NewId

    def __call__(
        self, values: Sequence[object], asker: Asker, now: datetime, address: str = "", host: str = ""
    ) -> tuple[object, ...]:
        """The arguments of one call, in the plan's order.

        Raises:
            Invalid: values that do not fit what is stored; all faults together, up to FAULTS_MAX.
            Mistyped, Malformed, Unauthenticated, Forbidden: as Filler.
        """
        slots = list(self.taken(values, asker, now, address, host))
        faults = list(self.faults)
        for number, index, where, fit in self.values:
            try:
                slots[number] = fit(values[index])
            except Unfit as fault:
                faults.append(Detail(where, str(fault), fault.code))
        if self.rows is not None:
            self._fill_columns(slots, values, now, cast("int", slots[self.rows]), faults)
        for number, spec in self.made:
            if not spec.column:
                slots[number] = self._absent(spec, now)
        for number, other, where in self.same:
            if slots[number] != slots[other] and not any(fault.where == where for fault in faults):
                faults.append(Detail(where, "it is not the key that the path names", Invalid.code))
        if faults:
            raise Invalid(faults[:FAULTS_MAX])
        return tuple([slots[number] for number in self.order])

    def _fill_columns(
        self, slots: list[object], values: Sequence[object], now: datetime, rows: int, faults: list[Detail]
    ) -> None:
        for number, index, spec, fit in self.columns:
            given = cast("Sequence[object]", values[index])
            if len(given) != rows:
                raise TooLarge(f"a column of {len(given)} values for {rows} rows", where="body")
            slots[number] = [
                self._cell(one, spec, fit, f"/{row}{spec.where}", now, faults) for row, one in enumerate(given)
            ]
        for number, spec in self.made:
            if spec.column:
                slots[number] = [self._absent(spec, now) for _ in range(rows)]

    def _cell(
        self, value: object, spec: SlotSpec, fit: Coercer, where: str, now: datetime, faults: list[Detail]
    ) -> object:
        try:
            return self._absent(spec, now) if value is UNSET else fit(value)
        except Unfit as fault:
            faults.append(Detail(where, str(fault), fault.code))
            return None

    def _absent(self, spec: SlotSpec, now: datetime) -> object:
        field = cast("Field", spec.stored)
        if field.default is None:
            if field.nullable:
                return None
            raise Unfit(f"{field.name} needs a value: it has no default", Invalid.code)
        match field.default.kind:
            case "uuid7":
                return self.new_id(now)
            case "now":
                return now
            case "constant":
                constant = field.default.value
                return copy.deepcopy(constant) if isinstance(constant, list | dict) else constant


def write_filler(
    plan: Plan, timezone: str, cost_rows_max: int, new_id: NewId, faults: tuple[Detail, ...] = ()
) -> WriteFiller:
    """What fills the slots of a write.

    Args:
        plan: of a store's compile.
        timezone: where datetimes without an offset are meant.
        cost_rows_max: how many rows the answer may bring along.
        new_id: makes keys, such as a TimeOrderedIds.
        faults: of the body's shape.
    """
    slots = plan.slots
    rest = replace(plan, slots=_others(slots), order=tuple(range(len(slots))))
    stored = [(number, spec) for number, spec in enumerate(slots) if spec.stored is not None]
    given = [(n, spec, storable(cast("Field", spec.stored), timezone)) for n, spec in stored if spec.source == "value"]
    counts = (number for number, spec in enumerate(slots) if (spec.source, spec.name) == ("value", "rows"))
    return WriteFiller(
        taken=filler(rest, timezone, cost_rows_max),
        order=plan.order,
        values=tuple((n, spec.index, spec.where, fit) for n, spec, fit in given if not spec.column),
        columns=tuple((n, spec.index, spec, fit) for n, spec, fit in given if spec.column),
        made=tuple((number, spec) for number, spec in stored if spec.source == "default"),
        same=tuple((number, spec.same, spec.where) for number, spec in enumerate(slots) if spec.same is not None),
        rows=next(counts, None),
        faults=faults,
        new_id=new_id,
    )


def _others(slots: Sequence[SlotSpec]) -> tuple[SlotSpec, ...]:
    """The same slots, those of stored values left to the WriteFiller."""
    return tuple(
        SlotSpec("fixed", one.type) if one.stored is not None and one.source in ("value", "default") else one
        for one in slots
    )
