"""Read what is indexed and unique, and add what every Ref needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from kingpost.errors import DeclarationError, UnknownName
from kingpost.model.declare import Index as WrittenIndex
from kingpost.model.declare import Unique
from kingpost.model.expressions import TRUE, Expression
from kingpost.model.faults import Faults
from kingpost.model.manifest import Index, IndexKey, suggest
from kingpost.model.read_members import Draft
from kingpost.model.read_rules import bind_stored
from kingpost.model.resolve import Scope
from kingpost.model.terms import Term
from kingpost.model.types import Scalar


@dataclass(frozen=True, slots=True)
class _Reading:
    draft: Draft
    scope: Scope
    faults: Faults
    found: list[Index]

    def add(self, member: str, keys: Sequence[object], where: Term | None, unique: bool) -> None:
        """Note one index, or what is wrong with it."""
        name = next((one for one in keys if isinstance(one, str)), None)
        with self.faults.catching(self.draft.cls, self.draft.about(member), member, name):
            index = Index(tuple(map(self._key, keys)), unique, self._where(where))
            names = [key.field for key in index.keys]
            if not names or len(set(names)) < len(names):
                raise DeclarationError("an index names at least one field, and each once")
            if any(index.keys == other.keys and index.where == other.where for other in self.found):
                raise DeclarationError(f"the index on {', '.join(names)} stands twice")
            self.found.append(index)

    def _key(self, written: object) -> IndexKey:
        entity = self.scope.entity
        if not isinstance(written, str):
            raise DeclarationError(f"{written!r} is no field's name", hint='write Index("origin", "-departs_at")')
        name = written.removeprefix("-")
        field = entity.fields.get(name)
        if field is None:
            raise UnknownName(f"{entity.name} has no field {name!r}", hint=suggest(name, entity.fields), where=written)
        if field.computed:
            raise DeclarationError(f"{name} is not stored", hint="index what it is made of")
        if field.type.scalar is Scalar.JSON or field.type.array:
            raise DeclarationError(f"{name} is {field.type}, which has no order")
        return IndexKey(name, written.startswith("-"))

    def _where(self, where: Term | None) -> Expression:
        return TRUE if where is None else bind_stored(where, self.scope)


def read_indexes(draft: Draft, scope: Scope, faults: Faults) -> tuple[Index, ...]:
    """The declared indexes, the unique ones, and one for each Ref that leads none of them nor the key."""
    reading = _Reading(draft, scope, faults, [])
    for one in _listed(draft, "indexes", WrittenIndex, faults):
        index = cast("WrittenIndex", one)
        reading.add("indexes", _in_tenant(index.keys, scope) if index.unique else index.keys, index.where, index.unique)
    for one in _listed(draft, "unique", Unique, faults):
        unique = cast("Unique", one)
        reading.add("unique", _in_tenant(unique.keys, scope), unique.where, True)
    leading = {index.keys[0].field for index in reading.found if index.where == TRUE} | {scope.entity.key[0]}
    refs = (field.name for field in scope.entity.fields.values() if field.ref and field.name not in leading)
    return (*reading.found, *(Index((IndexKey(name),)) for name in refs))


def _listed(draft: Draft, member: str, wanted: type, faults: Faults) -> Iterable[object]:
    written: object = getattr(draft.cls, member)
    listed = list(written) if isinstance(written, Sequence) and not isinstance(written, str) else [written]
    for one in listed:
        if not isinstance(one, wanted):
            hint = f'write {member} = [{wanted.__name__}("…")]'
            faults.add(draft.cls, f"{draft.about(member)} holds {one!r}", hint=hint, member=member)
    return [one for one in listed if isinstance(one, wanted)]


def _in_tenant(keys: Sequence[object], scope: Scope) -> Sequence[object]:
    """What is unique is so within a tenant: another tenant's rows may not be told of, not even by a conflict."""
    tenant = scope.entity.tenant
    return keys if tenant is None or not keys or tenant in keys else (*keys, tenant)
