"""Add to an answer what Python makes of it: the Derived members, after whichever store ran."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import TypeAlias, TypeVar

import msgspec
from msgspec import Raw, Struct, structs

from kingpost.errors import EngineFailed
from kingpost.model.manifest import Manifest
from kingpost.query.coerce import coercer
from kingpost.query.rendering import rendered
from kingpost.query.stages import Change, Derivation, Derived, Nested, Question, Rendering, Select

A = TypeVar("A", bound=Struct)
MASK = "?"

_Object: TypeAlias = dict[str, Raw]
_object = msgspec.json.Decoder(_Object)
_array = msgspec.json.Decoder(list[Raw])


def derived(question: Question, rendering: Rendering) -> Derivation | None:
    """What a store's plan must carry so that `derive` finds its way; None where Python adds nothing."""
    select = question.shown if isinstance(question, Change) else question
    if not isinstance(select, Select) or not _adds(select):
        return None
    many = isinstance(question, Change) and question.rows is not None
    return Derivation(replace(select, single=False) if many else select, rendering)


def need_name(member: str, need: str) -> str:
    """Under which name a store answers one of a Derived member's needs, whatever the protocol."""
    return f"~{member}~{need}"


def derive(found: A, derivation: Derivation, manifest: Manifest) -> A:
    """`found` (an Answer) with its needs replaced by the values made of them.

    A function is handed an object with its needs as attributes, as if it were the row.

    Raises:
        EngineFailed: a function raised; callers learn no more than that.
    """
    body: bytes | None = getattr(found, "body", None)
    if body is None:
        return found
    deriving = _Deriving(derivation.rendering, manifest.functions)
    select = derivation.select
    new = deriving.one(select, body) if select.single else deriving.many(select, body)
    return structs.replace(found, body=bytes(new))


def _adds(select: Select) -> bool:
    return any(isinstance(one, Derived) or (isinstance(one, Nested) and _adds(one.select)) for one in select.members)


class _Deriving:
    """Walks the answer along the Select; what needs no change is passed on undecoded."""

    __slots__ = ("_functions", "_rendering")

    def __init__(self, rendering: Rendering, functions: Mapping[str, Callable[..., object]]) -> None:
        self._rendering = rendering
        self._functions = functions

    def many(self, select: Select, body: bytes | Raw) -> Raw:
        return Raw(msgspec.json.encode([self.one(select, row) for row in _array.decode(body)]))

    def one(self, select: Select, body: bytes | Raw) -> Raw:
        if bytes(body) == b"null":
            return Raw(b"null")
        given = _object.decode(body)
        row: _Object = {}
        for member in select.members:
            name = self._rendering.name(member.name)
            if isinstance(member, Derived):
                row[name] = Raw(msgspec.json.encode(self._value(member, given)))
            elif not isinstance(member, Nested):
                row[name] = given[name]
            elif member.relation.many:
                after = self._rendering.name(f"{member.name}_next")
                row[name], row[after] = self.many(member.select, given[name]), given[after]
            else:
                row[name] = self.one(member.select, given[name])
        return Raw(msgspec.json.encode(row))

    def _value(self, member: Derived, given: _Object) -> object:
        needs: dict[str, object] = {}
        for need in member.needs:
            value = msgspec.json.decode(given[need_name(member.name, need.name)])
            coerce = coercer(need.type, "UTC", json_text=False)
            needs[need.name] = None if value is None else coerce(value)
        if needs.pop(MASK, True) is not True:
            return None
        try:
            return rendered(self._functions[member.function](SimpleNamespace(**needs)))
        except Exception as error:
            raise EngineFailed(f"the computed field {member.name} raised {type(error).__name__}: {error}") from error
