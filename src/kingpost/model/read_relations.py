"""Find out where Refs and Manys lead, and which Ref leads back."""

from __future__ import annotations

from collections.abc import Iterable

from kingpost.errors import DeclarationError
from kingpost.model.declare import OnDelete, RefMarker, Via
from kingpost.model.faults import Faults
from kingpost.model.fields import Middle, Relation
from kingpost.model.fields import OnDelete as OnDeleteRule
from kingpost.model.manifest import suggest
from kingpost.model.read_fields import Drafts, target_of
from kingpost.model.read_members import MISSING, Draft, Member

_RULES: tuple[OnDeleteRule, ...] = ("restrict", "cascade", "null")


def read_relations(draft: Draft, drafts: Drafts, faults: Faults) -> dict[str, Relation]:
    """The relations of an entity, in declared order."""
    relations: dict[str, Relation] = {}
    for name, member in draft.members.items():
        if name in faults.broken:
            continue
        with faults.catching(draft.cls, draft.about(name), name):
            if member.is_many:
                relations[name] = _many(draft, member, drafts)
            elif member.annotation.has(RefMarker):
                relations[name] = _ref(draft, member, drafts)
    return relations


def _ref(draft: Draft, member: Member, drafts: Drafts) -> Relation:
    target = target_of(member, drafts)
    rules = [one.rule for one in member.annotation.markers if isinstance(one, OnDelete)]
    rule = rules[0] if rules else "restrict"
    if rule not in _RULES:
        raise DeclarationError(
            f"OnDelete takes {', '.join(map(repr, _RULES))}, not {rule!r}", hint=suggest(rule, _RULES)
        )
    if rule == "null" and not member.annotation.nullable:
        raise DeclarationError(
            'OnDelete("null") needs a field that can be None', hint=f"write Ref[{target.name}] | None"
        )
    return Relation(
        name=member.name,
        source=draft.name,
        target=target.name,
        many=False,
        local=member.name,
        remote=target.key[0],
        nullable=member.annotation.nullable,
        on_delete=rule,
        doc=member.doc,
    )


def _many(draft: Draft, member: Member, drafts: Drafts) -> Relation:
    if member.annotation.nullable or any(not isinstance(one, str) for one in member.annotation.markers[1:]):
        raise DeclarationError("a Many is never None, and takes no markers but words")
    if member.value is not MISSING and not isinstance(member.value, Via):
        raise DeclarationError("a Many has no default", hint='write via("…") or nothing behind it')
    target = target_of(member, drafts)
    path = member.value.path.split(".") if isinstance(member.value, Via) else []
    if len(path) == 2:
        return _over(draft, member, target, drafts)
    if len(path) > 2:
        raise DeclarationError('via names the Ref that leads back, or "many.ref" for many-to-many')
    back = _back(draft, member.name, target, path[0] if path else None)
    return _to_many(draft, member, target, back.name)


def _to_many(draft: Draft, member: Member, target: Draft, back: str) -> Relation:
    return Relation(
        name=member.name,
        source=draft.name,
        target=target.name,
        many=True,
        local=draft.key[0],
        remote=back,
        back=back,
        doc=member.doc,
    )


def _over(draft: Draft, member: Member, target: Draft, drafts: Drafts) -> Relation:
    """Many-to-many, over the entity that a Many of this one leads to."""
    assert isinstance(member.value, Via)
    first, onward = member.value.path.split(".")
    step = draft.members.get(first)
    if step is None or not step.is_many or (isinstance(step.value, Via) and "." in step.value.path):
        manys = [name for name, one in draft.members.items() if one.is_many and name != member.name]
        raise DeclarationError(f"{draft.name} has no Many {first!r} to go over", hint=suggest(first, manys))
    middle = target_of(step, drafts)
    back = _back(draft, first, middle, step.value.path if isinstance(step.value, Via) else None)
    found = {one.name: one for one in _refs(middle, target)}
    if onward not in found:
        message = f"{middle.name} has no Ref {onward!r} to {target.name}"
        raise DeclarationError(message, hint=suggest(onward, found))
    return Relation(
        name=member.name,
        source=draft.name,
        target=target.name,
        many=True,
        local=draft.key[0],
        remote=target.key[0],
        middle=Middle(middle.name, back.name, onward),
        doc=member.doc,
    )


def _back(draft: Draft, name: str, target: Draft, wanted: str | None) -> Member:
    """The Ref of `target` that leads back to `draft`."""
    found = {one.name: one for one in _refs(target, draft)}
    if wanted is not None:
        if wanted in found:
            return found[wanted]
        raise DeclarationError(f"{target.name} has no Ref {wanted!r} to {draft.name}", hint=suggest(wanted, found))
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        field = draft.name.lower()
        hint = f"add {field}: Ref[{draft.name}] to {target.name}, or leave {name} out"
        raise DeclarationError(f"no Ref of {target.name} leads back to {draft.name}", hint=hint)
    ways = " or ".join(f'via("{one}")' for one in found)
    raise DeclarationError(f"{len(found)} Refs of {target.name} lead back to {draft.name}", hint=f"write = {ways}")


def _refs(source: Draft, target: Draft) -> Iterable[Member]:
    return [
        one for one in source.members.values() if one.annotation.has(RefMarker) and one.annotation.inner is target.cls
    ]
