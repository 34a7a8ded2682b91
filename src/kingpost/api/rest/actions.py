"""The routes of a team's own actions: `POST /v1/flights/{id}:delay`, `POST /v1/flights:rescore`, `POST /v1/rescore-all`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from kingpost.api.message import HttpRequest, HttpResponse
from kingpost.api.rest.body import JSON, an_object, decoded, media_type
from kingpost.api.rest.change_response import Done, acted
from kingpost.api.rest.grammar import BASE
from kingpost.api.rest.preconditions import precondition, unconditional
from kingpost.api.rest.skeleton import split
from kingpost.call import Answer, Skeleton
from kingpost.errors import Malformed
from kingpost.model.manifest import Action, Manifest
from kingpost.model.names import kebab

Asking = Callable[[Skeleton, Sequence[object]], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Asked:
    """An action that a path names, and the key's values as they stand in it."""

    action: Action
    collection: str
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Actions:
    """The actions of one app: those on rows and on collections by (collection, name), the app's own by name."""

    rows: Mapping[tuple[str, str], Action]
    collections: Mapping[tuple[str, str], Action]
    alone: Mapping[str, Action]

    def find(self, path: str) -> Asked | None:
        """The action that a path below /v1/ names, if it names one: only a suffix that is an action's name counts."""
        collection, slash, key = path.partition("/")
        if not slash:
            name, colon, word = collection.rpartition(":")
            found = self.collections.get((name, word)) if colon else self.alone.get(collection)
            return None if found is None else Asked(found, name, ())
        key, colon, word = key.rpartition(":")
        action = self.rows.get((collection, word)) if colon else None
        if action is None:
            return None
        skeleton, values = split(f"{BASE}{collection}/{key}", b"")
        return Asked(action, skeleton[2], tuple(str(value) for value in values))

    async def answer(self, asked: Asked, request: HttpRequest, ask: Asking) -> HttpResponse:
        """What the action answers.

        Raises:
            Malformed: there are parameters, or a precondition where there is no row, or one of several versions.
        """
        if request.query:
            raise Malformed("an action takes its arguments in the body, as a JSON object")
        if request.body:
            media_type(request, (JSON,))
        arguments = an_object(decoded(request.body)) if request.body else {}
        version = _version(request, asked)
        action = asked.action
        condition = "if=version" if version else "if="
        skeleton = ("rest", "act", action.name, action.entity or "", f"key={len(asked.key)}", condition)
        answer = await ask(skeleton, [*asked.key, *version, arguments])
        return acted(answer, Done(request, asked.collection, action.name))


def _version(request: HttpRequest, asked: Asked) -> tuple[int, ...]:
    """The version that the row has to have, if one is supposed; that there is a row, every action on one supposes."""
    if not asked.key:
        unconditional(request, asked.action.name)
    supposed = precondition(request)
    if supposed.new or supposed.others or len(supposed.versions or ()) > 1:
        raise Malformed("an action takes If-Match with one tag, and no If-None-Match", where="If-Match")
    return supposed.versions or ()


def actions(manifest: Manifest) -> Actions:
    """The actions of a manifest that have paths of their own; those in place of a default one have that one's."""
    own = [one for one in manifest.actions if one.handler is not None and not one.replaces]
    paths = {name: entity.path for name, entity in manifest.entities.items()}
    return Actions(
        rows={(paths[one.entity], kebab(one.name)): one for one in own if one.entity and one.on == "row"},
        collections={(paths[one.entity], kebab(one.name)): one for one in own if one.entity and one.on != "row"},
        alone={kebab(one.name): one for one in own if one.entity is None},
    )
