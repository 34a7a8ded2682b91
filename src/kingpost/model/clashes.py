"""Refuse names that would mean two things on some protocol or in the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from kingpost.model.faults import Faults
from kingpost.model.manifest import Action, Entity, Manifest
from kingpost.model.names import (
    DEFAULT_VERBS,
    GRAPHQL_SUFFIXES,
    RESERVED_ENTITIES,
    RESERVED_PATHS,
    folded,
    is_pascal,
    is_snake,
    kebab,
    pascal,
    snake,
    too_long,
    twins,
)

Declared: TypeAlias = Iterable[tuple[type, Entity]]


def check_members(cls: type, entity: Entity, faults: Faults) -> None:
    """Names within one entity."""
    names = dict.fromkeys([*entity.fields, *entity.relations])
    for first, later in twins(names):
        message = f"{entity.name}.{later} and {entity.name}.{first} are one name in GraphQL or gRPC"
        faults.add(cls, message, hint='rename one; Column("…") keeps its column', member=later)
    for relation in entity.relations.values():
        taken = f"{relation.name}_{'next' if relation.many else 'object'}"
        if taken in names:
            reason = "where its next page starts, in REST" if relation.many else "the included row, in gRPC"
            message = f"{entity.name}.{taken} clashes with {relation.name}, of which {taken} is {reason}"
            faults.add(cls, message, hint='rename it; Column("…") keeps its column', member=taken)


def check_entity(cls: type, entity: Entity, faults: Faults) -> None:
    """The names of one entity itself."""
    if not is_pascal(entity.name):
        faults.add(cls, f"{entity.name}: a class is named with InitialCapitals, as every protocol makes its own of it")
    if entity.name in RESERVED_ENTITIES:
        faults.add(cls, f"{entity.name} is a type of GraphQL's own", hint='rename the class; table="…" keeps its table')
    if not is_snake(entity.plural):
        faults.add(cls, f"{entity.name}: a plural is snake_case, not {entity.plural!r}", word="plural")
    if entity.path in RESERVED_PATHS:
        faults.add(cls, f"{entity.name}: /{entity.path} is a path of Kingpost's own", hint='name another plural="…"')
    if too_long(entity.table) or "\0" in entity.table:
        message = f"{entity.name}: a table's name has at most 63 bytes, not {entity.table!r}"
        faults.add(cls, message, hint='name it: table="short"', word="table")


def check_entities(declared: Declared, faults: Faults) -> None:
    """Names of different entities; the later one is at fault."""
    seen: dict[tuple[str, str], str] = {}
    for cls, entity in declared:
        for (space, name), said in _taken(entity).items():
            other = seen.setdefault((space, name), entity.name)
            if other != entity.name:
                faults.add(cls, f"{entity.name} and {other} have the same {space}, {said}", hint=_ADVICE[space])


def names_of_defaults(manifest: Manifest) -> dict[tuple[str, str], str]:
    """Names that are taken before a team declares any action, each by its space and folded; with whose they are."""
    taken = {("path", kebab(path)): "a path of Kingpost's own" for path in RESERVED_PATHS}
    taken |= {("mutation", folded(name)): "a mutation of Kingpost's own" for name in RESERVED_PATHS}
    for entity in manifest.entities.values():
        taken["path", entity.path] = f"the collection of {entity.name}"
        for verb in DEFAULT_VERBS:
            taken[entity.name, folded(verb)] = "a default action"
            taken["mutation", folded(f"{verb}_{snake(entity.name)}")] = f"{verb} of {entity.name} in GraphQL"
    return taken


def names_of_action(action: Action) -> dict[tuple[str, str], str]:
    """What a team's action takes of those, and how errors call it."""
    if action.replaces:
        return {("replaced", f"{action.entity}.{action.name}"): f"{action.entity}.{action.name}"}
    if action.entity is None:
        return {("path", kebab(action.name)): f"/{kebab(action.name)}", ("mutation", folded(action.name)): action.name}
    return {
        (action.entity, folded(action.name)): f"{action.name} of {action.entity}",
        ("mutation", folded(f"{action.name}_{snake(action.entity)}")): f"{action.name} of {action.entity}",
    }


_ADVICE: Mapping[str, str] = {
    "collection": 'name another plural="…"',
    "table": 'name another table="…"',
    "type in GraphQL": "rename one of the classes",
}


def _taken(entity: Entity) -> dict[tuple[str, str], str]:
    choices = (pascal(name) for name, one in entity.public().items() if one.type.choices)
    types = [entity.name, *(f"{entity.name}{end}" for end in (*GRAPHQL_SUFFIXES, *choices))]
    collections = (entity.plural, snake(entity.name))
    return {
        **{("type in GraphQL", name): name for name in types},
        ("table", entity.table): entity.table,
        **{("collection", folded(name)): name for name in collections},
    }
