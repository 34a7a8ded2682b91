"""Read the functions that a team made actions into the manifest, or say all that is wrong with them."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from kingpost.errors import DeclarationError
from kingpost.model.clashes import names_of_action, names_of_defaults
from kingpost.model.declare import DefaultAction, DefaultVerb, WrittenAction
from kingpost.model.expressions import FALSE, Expression, Name, walk
from kingpost.model.faults import Faults
from kingpost.model.function_places import Spot
from kingpost.model.manifest import Action, Argument, Entity, Isolation, Manifest, Result, Returns, suggest
from kingpost.model.names import is_snake, too_long
from kingpost.model.read_arguments import Known, check_handler, read_arguments, read_returns
from kingpost.model.read_rules import bind_condition
from kingpost.model.resolve import Scope
from kingpost.model.terms import Term, expression_of
from kingpost.model.types import JSON

RETRY_MAX = 100
_ISOLATIONS = typing.get_args(Isolation)
_NO_ENTITY = Entity(name="", plural="", path="", table="", kind="table", fields={}, key=(), relations={})
# What a function takes that stands in for a default action, and what it returns.
_STANDS_IN: Mapping[DefaultVerb, tuple[tuple[str, ...], Result, str]] = {
    "create": (("new",), "row", "(ctx: Context, row: New[{0}]) -> {0}"),
    "upsert": (("new",), "row", "(ctx: Context, row: New[{0}]) -> {0}"),
    "update": (("row", "changes"), "row", "(ctx: Context, row: {0}, changes: dict[str, Any]) -> {0}"),
    "delete": (("row",), "nothing", "(ctx: Context, row: {0}) -> None"),
}


def with_actions(
    manifest: Manifest, classes: Sequence[type], written: Sequence[WrittenAction], context: type, faults: Faults
) -> Manifest:
    """The manifest with the team's own actions: those that replace a default in its place, the others last.

    Args:
        manifest: of the entities.
        classes: the entities as they were declared.
        written: the actions in the order they were declared.
        context: the class of each function's first parameter.
        faults: where all that is wrong is noted; such actions are left out.
    """
    known = Known(manifest.entities, {cls.__name__: cls for cls in classes}, context)
    found = [read for one in written if (read := _read(one, known, manifest, faults))]
    _check_names(found, manifest, faults)
    replaced = {(one.action.entity, one.action.name): one.action for one in found if one.action.replaces}
    defaults = tuple(replaced.get((one.entity, one.name), one) for one in manifest.actions)
    own = tuple(one.action for one in found if not one.action.replaces)
    functions = {**manifest.functions, **{str(one.action.handler): one.function for one in found}}
    return replace(manifest, actions=(*defaults, *own), functions=MappingProxyType(functions))


def bind_rule(term: object, entity: Entity | None, known: Known) -> Expression:
    """A policy of a function: what it says of `this` is asked of a row of `entity`.

    Raises:
        DeclarationError: it is no condition, or speaks of `this` where there is no row.
        UnknownName, Mistyped: as `bind_condition`.
    """
    asks_row = isinstance(term, Term) and any(isinstance(node, Name) for node in walk(expression_of(term)))
    if asks_row and entity is None:
        hint = "take the row as an argument, flight: Flight, or ask by role(…) and me alone"
        raise DeclarationError("it speaks of this, and there is no row", hint=hint)
    return bind_condition(term, Scope(known.entities, entity or _NO_ENTITY, private=True))


@dataclass(frozen=True, slots=True)
class _Found:
    """An action that was read, with its function and where that stands."""

    action: Action
    function: Callable[..., object]
    spot: Spot


def _read(written: WrittenAction, known: Known, manifest: Manifest, faults: Faults) -> _Found | None:
    spot = Spot.of(written.function, written.file, written.line)
    before = len(faults.found)
    action = _signature(written, known, spot, faults)
    # What hangs on a broken signature is not blamed as well.
    if action is None or len(faults.found) > before:
        return None
    shape = _own if written.replaces is None else _standing_in
    shaped = shape(action, written, _Reading(known, manifest, spot, faults))
    if shaped is None or len(faults.found) > before:
        return None
    if written.policy is not None:
        with spot.catching(faults, "policy", "policy"):
            subject = shaped.subject
            entity = known.entities[str(subject.entity)] if subject else None
            shaped = replace(shaped, policy=bind_rule(written.policy, entity, known))
    handler = f"{shaped.entity or ''}:{shaped.name}"
    return _Found(replace(shaped, handler=handler), written.function, spot)


def _signature(written: WrittenAction, known: Known, spot: Spot, faults: Faults) -> Action | None:
    """The action as far as its function alone says it."""
    if not check_handler(written.function, known, spot, faults):
        return None
    arguments = read_arguments(written.function, known, spot, faults)
    result: Result = "nothing"
    returns = Returns()
    with spot.catching(faults, "what it returns", "return"):
        result, returns = read_returns(written.function, known)
    if written.isolation not in _ISOLATIONS:
        hint = suggest(str(written.isolation), _ISOLATIONS)
        spot.add(faults, f"there is no isolation {written.isolation!r}", hint=hint, word="isolation")
    if type(written.retry) is not int or not 0 <= written.retry <= RETRY_MAX:
        spot.add(faults, f"retry is a number of times from 0 to {RETRY_MAX}, not {written.retry!r}", word="retry")
    return Action(
        name=spot.name,
        entity=None,
        verb=None,
        effect="write",
        arguments=arguments,
        result=result,
        returns=returns,
        policy=FALSE,
        isolation=written.isolation,
        retry=written.retry,
        doc=inspect.getdoc(written.function) or "",
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one action is read with."""

    known: Known
    manifest: Manifest
    spot: Spot
    faults: Faults


def _own(action: Action, written: WrittenAction, reading: _Reading) -> Action | None:
    """An action of the team's own: on the row or rows it takes first, else on nothing."""
    spot, faults, entity = reading.spot, reading.faults, None
    if written.on is not None:
        with spot.catching(faults, "on", "on"):
            entity = _declared(written.on, reading.known)
    given = action.name if written.name is None else written.name
    name = str(given)
    if name is not given or not is_snake(name) or name.endswith("_") or too_long(name):
        hint = 'say so: name="…"' if written.name is None else None
        message = f"an action's name is snake_case, of at most 63 bytes, and does not end in _: not {given!r}"
        spot.add(faults, message, hint=hint, word="name")
    subject = action.subject
    if subject is None or subject.kind not in ("row", "rows") or (entity and subject.entity != entity.name):
        return replace(action, name=name, entity=entity.name if entity else None, on="nothing")
    if not subject.required:
        hint = "leave out | None and the default, or say on=… and it is an argument like others"
        spot.add(faults, f"{subject.name} is what it is done to, so it is never None", hint=hint, word=subject.name)
    on: Literal["row", "set"] = "row" if subject.kind == "row" else "set"
    key = reading.known.entities[str(subject.entity)].key
    for one in action.arguments:
        if one.name in key:
            message = f"{one.name} is the key of {subject.entity}, by which {subject.name} is given"
            spot.add(faults, message, hint="name the argument otherwise", word=one.name)
    return replace(action, name=name, entity=subject.entity, on=on)


def _standing_in(action: Action, written: WrittenAction, reading: _Reading) -> Action | None:
    """An action in the place of a default one; without a policy of its own it keeps that one's."""
    found: list[Action] = []
    for word, given in (("on", written.on), ("name", written.name)):
        if given is not None:
            reading.spot.add(reading.faults, "it goes by what it replaces", hint=f"leave out {word}=", word=word)
    with reading.spot.catching(reading.faults, "replaces", "replaces"):
        found.append(_in_place(action, written.replaces, reading))
    return next(iter(found), None)


def _in_place(action: Action, replaces: object, reading: _Reading) -> Action:
    if not isinstance(replaces, DefaultAction):
        raise DeclarationError(f"{replaces!r} is no default action", hint="write replaces=Flight.create")
    entity = _declared(replaces.entity, reading.known)
    default = reading.manifest.action(entity.name, replaces.verb)
    assert default is not None
    return replace(
        default,
        verb=None,
        replaces=replaces.verb,
        arguments=_arguments_in_place(action, replaces.verb, entity),
        returns=action.returns,
        isolation=action.isolation,
        retry=action.retry,
        doc=action.doc,
    )


def _arguments_in_place(action: Action, verb: DefaultVerb, entity: Entity) -> tuple[Argument, ...]:
    """Its arguments, which are those of the default action.

    Raises:
        DeclarationError: they are others, or it returns something else.
    """
    kinds, result, written = _STANDS_IN[verb]
    arguments = tuple(_as_changes(one, entity) if verb == "update" else one for one in action.arguments)
    alike = tuple(one.kind for one in arguments) == kinds and all(
        one.entity == entity.name and one.required for one in arguments
    )
    returns = Returns(entity.name) if result == "row" else Returns()
    if not alike or (action.result, action.returns) != (result, returns):
        raise DeclarationError(
            f"it takes and returns something else than {entity.name}.{verb} does",
            hint=f"write async def {action.name}{written.format(entity.name)}",
        )
    return arguments


def _as_changes(one: Argument, entity: Entity) -> Argument:
    is_changes = one.kind == "value" and one.field.type == JSON
    return replace(one, kind="changes", entity=entity.name) if is_changes else one


def _declared(cls: object, known: Known) -> Entity:
    if not isinstance(cls, type):
        raise DeclarationError(f"{cls!r} is no entity", hint="write on=Flight")
    return known.entity(cls)


def _check_names(found: Sequence[_Found], manifest: Manifest, faults: Faults) -> None:
    """Names of different actions, and of actions and entities; the later one is at fault."""
    taken = names_of_defaults(manifest)
    for one in found:
        word = "replaces" if one.action.replaces else "name"
        mine = names_of_action(one.action)
        for (space, name), said in mine.items():
            if (space, name) in taken:
                message = f"{said} is {taken[space, name]} already"
                one.spot.add(
                    faults, message, hint=None if one.action.replaces else 'name it otherwise: name="…"', word=word
                )
                break
        taken |= {place: f"{one.spot.name} at {one.spot.place()}" for place in mine}
