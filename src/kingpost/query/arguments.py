"""Bring the arguments of a call of an action to native values: all of them at once, with all that is wrong with them.

Made once for each action; a protocol hands over a decoded JSON object.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from kingpost.errors import Detail, Invalid, Mistyped, UnknownName
from kingpost.model.fields import Constraint, Field
from kingpost.model.manifest import Action, Argument, Entity, Manifest, suggest
from kingpost.model.read_constraints import describe, violated
from kingpost.query.coerce import ITEMS_MAX, Coercer, coercer, shown
from kingpost.query.operations import ROWS_WRITTEN_MAX
from kingpost.query.storing import Unfit, storable

FAULTS_MAX = 100
MESSAGE_MAX = 300
_ABSENT = object()
# What of a default action's arguments is the whole body: its values, not an object that names them.
_WHOLE = frozenset({"new", "changes"})

Faults: TypeAlias = list[Detail]
Convert: TypeAlias = Callable[[object, str, Faults], object]


@dataclass(frozen=True, slots=True)
class Arguments:
    """Reads the arguments of one action; see `arguments`."""

    parts: Mapping[str, Part]
    whole: tuple[str, Convert] | None = None

    def __call__(self, given: object) -> dict[str, object]:
        """Native values by argument, defaults filled in.

        Args:
            given: the decoded JSON; of a `create`, `upsert` or `update` that is replaced, the row's values or changes.

        Returns:
            Of a row its key, a tuple of its parts; of rows a list of keys; of new values and changes a dict with
            what was given, by field; of the others the value.

        Raises:
            Invalid: something is missing, unknown, null, of a wrong type, or breaks a constraint; `faults` says all,
                each with a JSON pointer (RFC 6901) into what was given.
        """
        faults: Faults = []
        if self.whole is None:
            found = _object(given, "", self.parts, "argument", faults)
        else:
            found = {self.whole[0]: self.whole[1](given, "", faults)}
        if faults:
            raise _together(faults)
        return found


@dataclass(frozen=True, slots=True)
class Part:
    """One member of an object: how it is read, and what it is where it is not given."""

    convert: Convert
    nullable: bool
    required: bool
    has_default: bool = False
    default: object = None


def arguments(action: Action, manifest: Manifest, elsewhere: Collection[str] = ()) -> Arguments:
    """What reads the arguments of an action.

    Args:
        action: one of a team's own.
        manifest: whose it is.
        elsewhere: arguments that come otherwise, as a row's key does in a path; they are unknown here.
    """
    parts = {one.name: _argument(one, manifest) for one in action.arguments if one.name not in elsewhere}
    if action.replaces:
        whole = next((one.name for one in action.arguments if one.kind in _WHOLE), None)
        return Arguments({}, (whole, parts[whole].convert) if whole else None)
    return Arguments(parts)


def _argument(argument: Argument, manifest: Manifest) -> Part:
    one = argument.field
    if argument.entity is None:
        return _part(one, manifest.timezone, required=argument.required, filled=True)
    convert = _of_entity(argument, manifest.entities[argument.entity], manifest.timezone)
    return Part(convert, one.nullable, argument.required, has_default=True)


def _of_entity(argument: Argument, entity: Entity, timezone: str) -> Convert:
    match argument.kind:
        case "row":
            return _key(entity, timezone)
        case "rows":
            return _listed(_key(entity, timezone), ROWS_WRITTEN_MAX)
        case "new":
            return _row(entity, timezone)
        case "new_rows":
            return _listed(_row(entity, timezone), ROWS_WRITTEN_MAX)
        case _:
            return _changes(entity, timezone)


def _part(one: Field, timezone: str, *, required: bool, filled: bool = False) -> Part:
    """`filled`: whether an absent value becomes the default here."""
    default = one.default.value if one.default is not None and one.default.kind == "constant" else None
    return Part(_value(one, timezone), one.nullable, required, filled, default)


def _value(one: Field, timezone: str) -> Convert:
    """As a field of a row would keep it, so that a value fits here where it fits there."""
    if not one.type.array:
        return _fitting(storable(one, timezone))
    element = replace(one, type=replace(one.type, array=False), nullable=False, constraints=())
    return _checked(_listed(_fitting(storable(element, timezone)), ITEMS_MAX), one.constraints)


def _fitting(fit: Coercer) -> Convert:
    def convert(value: object, where: str, faults: Faults) -> object:
        try:
            return fit(value)
        except Unfit as fault:
            # It may repeat the value, however long that is.
            message = str(fault) if len(str(fault)) <= MESSAGE_MAX else f"{str(fault)[:MESSAGE_MAX]}…"
            faults.append(Detail(where, message, fault.code))
        return None

    return convert


def _checked(convert: Convert, constraints: tuple[Constraint, ...]) -> Convert:
    """A list, with what its constraints say of it as a whole."""

    def check(value: object, where: str, faults: Faults) -> object:
        before = len(faults)
        native = convert(value, where, faults)
        if len(faults) == before:
            broken = (one for one in constraints if violated(native, (one,)))
            faults.extend(Detail(where, f"{shown(value)} breaks {describe(one)}", Invalid.code) for one in broken)
        return native

    return check if constraints else convert


def _listed(element: Convert, items_max: int) -> Convert:
    def convert(value: object, where: str, faults: Faults) -> object:
        if not isinstance(value, list):
            faults.append(Detail(where, f"{shown(value)} is not a list", Mistyped.code))
        elif len(value) > items_max:
            message = f"a list of {len(value)} is too long: give at most {items_max}"
            faults.append(Detail(where, message, Mistyped.code))
        else:
            found = []
            for number, item in enumerate(value):
                if len(faults) >= FAULTS_MAX:
                    break
                found.append(element(item, f"{where}/{number}", faults))
            return found
        return None

    return convert


def _key(entity: Entity, timezone: str) -> Convert:
    """The key of a row: its value, or a list of its values where it has several."""
    columns = [_part_of_key(coercer(entity.fields[name].type, timezone)) for name in entity.key]
    if len(columns) == 1:
        only = columns[0]
        return lambda value, where, faults: (only(value, where, faults),)

    def convert(value: object, where: str, faults: Faults) -> object:
        if not isinstance(value, list) or len(value) != len(columns):
            wanted = ", ".join(entity.key)
            message = f"{shown(value)} is not a key of {entity.name}, which is a list: [{wanted}]"
            faults.append(Detail(where, message, Mistyped.code))
            return None
        numbered = enumerate(zip(columns, value, strict=True))
        return tuple(column(item, f"{where}/{number}", faults) for number, (column, item) in numbered)

    return convert


def _part_of_key(coerce: Coercer) -> Convert:
    def convert(value: object, where: str, faults: Faults) -> object:
        try:
            return coerce(value)
        except Mistyped as fault:
            faults.append(Detail(where, fault.message, Mistyped.code))
        return None

    return convert


def _row(entity: Entity, timezone: str) -> Convert:
    """The values of a new row; what has a default, and the tenant, may be left out."""
    parts = {
        one.name: _part(one, timezone, required=one.default is None and not one.nullable and one.name != entity.tenant)
        for one in _given_fields(entity)
    }
    return lambda value, where, faults: _object(value, where, parts, f"field of {entity.name}", faults)


def _changes(entity: Entity, timezone: str) -> Convert:
    """New values for some fields of a row; never for its key."""
    given = (one for one in _given_fields(entity) if one.name not in entity.key)
    parts = {one.name: _part(one, timezone, required=False) for one in given}
    return lambda value, where, faults: _object(value, where, parts, f"field to change of {entity.name}", faults)


def _given_fields(entity: Entity) -> Iterable[Field]:
    return (one for one in entity.public().values() if one.computed is None and one.managed is None)


def _object(given: object, where: str, parts: Mapping[str, Part], what: str, faults: Faults) -> dict[str, object]:
    if not isinstance(given, dict):
        faults.append(Detail(where, f"{shown(given)} is not an object", Mistyped.code))
        return {}
    found: dict[str, object] = {}
    seen = 0
    for name, part in parts.items():
        value = given.get(name, _ABSENT)
        if value is _ABSENT:
            if part.required:
                faults.append(Detail(f"{where}/{name}", "a value is needed here", Mistyped.code))
            elif part.has_default:
                found[name] = copy.deepcopy(part.default)
            continue
        seen += 1
        if value is not None:
            found[name] = part.convert(value, f"{where}/{name}", faults)
        elif part.nullable:
            found[name] = None
        else:
            faults.append(Detail(f"{where}/{name}", "it cannot be null", Mistyped.code))
    if seen < len(given):
        _unknown(given, where, parts, what, faults)
    return found


def _unknown(given: dict[object, object], where: str, parts: Mapping[str, Part], what: str, faults: Faults) -> None:
    for name in given:
        if name not in parts and len(faults) < FAULTS_MAX:
            text = str(name)
            pointer = text[:80].encode("utf-8", "backslashreplace").decode().replace("~", "~0").replace("/", "~1")
            message = f"there is no {what} {shown(text)} ({suggest(text, parts)})"
            faults.append(Detail(f"{where}/{pointer}", message, UnknownName.code))


def _together(faults: Faults) -> Invalid:
    return Invalid(faults[:FAULTS_MAX])
