"""Read the declared classes into the Manifest, or say all that is wrong with them, with file and line."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from kingpost.errors import DeclarationError
from kingpost.model.actions import default_actions
from kingpost.model.circles import circles
from kingpost.model.clashes import check_entities, check_entity, check_members
from kingpost.model.declare import PythonComputed, Table
from kingpost.model.expressions import Expression
from kingpost.model.faults import Faults, place
from kingpost.model.manifest import Entity, Manifest, suggest
from kingpost.model.names import kebab, pluralise, snake
from kingpost.model.read_fields import Drafts, read_fields
from kingpost.model.read_indexes import read_indexes
from kingpost.model.read_members import Draft, read_members
from kingpost.model.read_relations import read_relations
from kingpost.model.read_rules import read_checks, read_computed, read_policy
from kingpost.model.resolve import Scope
from kingpost.model.types import Scalar

_TENANTS = frozenset({Scalar.TEXT, Scalar.INT, Scalar.UUID})


def read_manifest(app: str, entities: Sequence[type], *, timezone: str = "UTC") -> Manifest:
    """The manifest of an app.

    First the shapes of all entities, then what their terms name in them.

    Args:
        app: its name.
        entities: the declared classes, in any order.
        timezone: IANA name of the zone in which a bare date begins.

    Raises:
        DeclarationError: something is wrong; all faults at once, each with its place and a hint.
    """
    _check_app(app, timezone)
    faults = Faults()
    drafts = _drafts(entities, faults)
    shapes = {draft.name: _shape(draft, drafts, faults) for draft in drafts.values()}
    bound = {draft.name: _bound(draft, shapes, faults) for draft in drafts.values()}
    check_entities(((draft.cls, shapes[draft.name]) for draft in drafts.values()), faults)
    _check_circles(bound, drafts, faults)
    faults.raise_any()
    actions = tuple(action for entity in bound.values() for action in default_actions(entity))
    return Manifest(app, timezone, MappingProxyType(bound), actions, MappingProxyType(_functions(drafts)))


def _check_app(app: str, timezone: str) -> None:
    if not app:
        raise DeclarationError("an app has a name", hint='App("flights", …)')
    try:
        # A machine without tzdata still has UTC.
        _ = timezone == "UTC" or zoneinfo.ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        hint = suggest(timezone, zoneinfo.available_timezones())
        raise DeclarationError(f"there is no time zone {timezone!r}", hint=hint) from None


def _drafts(entities: Sequence[object], faults: Faults) -> Drafts:
    drafts: dict[type, Draft] = {}
    named = {cls.__name__: cls for cls in entities if isinstance(cls, type)}
    for cls in entities:
        if not isinstance(cls, type) or not issubclass(cls, Table) or cls is Table:
            raise DeclarationError(f"{cls!r} is no entity", hint="write class Airline(Table)")
        other = named[cls.__name__]
        if cls in drafts or other is not cls:
            faults.add(cls, f"{cls.__name__} is declared twice, also at {place(other)}", hint="rename one of them")
        if other is cls:
            drafts[cls] = read_members(cls, named, faults)
    return drafts


def _shape(draft: Draft, drafts: Drafts, faults: Faults) -> Entity:
    """The entity without what its terms say."""
    options = draft.options
    name = snake(draft.name)
    plural = options.get("plural") or pluralise(name)
    entity = Entity(
        name=draft.name,
        plural=plural,
        path=kebab(plural),
        table=options.get("table") or name,
        kind="table",
        fields=MappingProxyType(read_fields(draft, drafts, faults)),
        key=draft.key,
        relations=MappingProxyType(read_relations(draft, drafts, faults)),
        tenant=options.get("tenant"),
        soft_delete="deleted_at" if options.get("soft_delete") else None,
        capture=options.get("capture", True),
        scan_rows_max=options.get("scan_rows_max", 10_000),
        since=options.get("since"),
        until=options.get("until"),
        doc=(vars(draft.cls).get("__doc__") or "").strip(),
        at=place(draft.cls),
    )
    check_entity(draft.cls, entity, faults)
    check_members(draft.cls, entity, faults)
    return _with_tenant(draft, entity, faults)


def _with_tenant(draft: Draft, entity: Entity, faults: Faults) -> Entity:
    name = entity.tenant
    if name is None or name in faults.broken:
        return replace(entity, tenant=None)
    field = entity.fields.get(name)
    if field is None:
        hint = suggest(name, entity.fields)
        faults.add(draft.cls, f"{entity.name}: tenant={name!r} is no field of it", hint=hint, word="tenant")
        return replace(entity, tenant=None)
    if field.nullable or field.computed or field.type.array or field.type.scalar not in _TENANTS:
        message = f"{entity.name}: tenant={name!r} has to be a stored text, int or UUID that is never None"
        faults.add(draft.cls, message, word="tenant")
    return entity


def _bound(draft: Draft, shapes: Mapping[str, Entity], faults: Faults) -> Entity:
    scope = Scope(shapes, shapes[draft.name], private=True)
    return replace(
        scope.entity,
        computed=MappingProxyType(read_computed(draft, scope, faults)),
        indexes=read_indexes(draft, scope, faults),
        checks=read_checks(draft, scope, faults),
        policy=read_policy(draft, scope, faults),
    )


def _check_circles(bound: Mapping[str, Entity], drafts: Drafts, faults: Faults) -> None:
    computed: dict[tuple[str, str], Expression] = {}
    for entity in bound.values():
        for name, one in entity.computed.items():
            if one.expression is not None:
                computed[entity.name, name] = one.expression
    classes = {draft.name: draft.cls for draft in drafts.values()}
    for entity_name, name in circles(computed):
        faults.add(classes[entity_name], f"{entity_name}.{name} is computed from itself", member=name)


def _functions(drafts: Drafts) -> dict[str, Callable[..., object]]:
    found: dict[str, Callable[..., object]] = {}
    for draft in drafts.values():
        for owner in reversed(draft.cls.__mro__):
            for name, value in vars(owner).items():
                if isinstance(value, PythonComputed):
                    found[f"{draft.name}.{name}"] = value.function
    return found
