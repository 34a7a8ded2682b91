"""Writes that depend on the row as it is: patches of what is stored, and preconditions that name several versions. Pure.

Such a write is two parts done as one: the row is locked and read, then written as follows from it. So nobody comes
between, and what an idempotency key remembers hangs on the request alone, not on how the row was when it came.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

from kingpost.api.rest.body import an_object
from kingpost.api.rest.change_response import nothing_there
from kingpost.api.rest.patch import merged, patched
from kingpost.api.rest.preconditions import ANY, Precondition
from kingpost.api.rest.split_write import Target, Verb, split_row
from kingpost.call import Answer, Following, Part, Read
from kingpost.errors import Stale
from kingpost.model.manifest import Entity
from kingpost.model.types import Scalar


class Dependent(Struct, frozen=True):
    """One such write.

    Args:
        verb: what is done.
        target: to which row.
        supposed: the precondition.
        body: the row's values, or a patch of them; decoded.
        kind: how the body is meant: values as they are, a merge patch, a JSON Patch.
    """

    verb: Verb
    target: Target
    supposed: Precondition
    body: Any
    kind: Literal["values", "merge", "patch"] = "values"

    def parts(self, entity: Entity, reads: Read, writes: Read) -> tuple[Part, Following]:
        """The part that reads the row, and the one that follows from it.

        Args:
            entity: whose row it is.
            reads: reads the skeletons of reads.
            writes: reads those of writes.
        """
        keys = (f"key={len(self.target.key)}",) if len(self.target.key) > 1 else ()
        reading = Part(("rest", "get", self.target.collection, *keys), self.target.key, reads)
        nothing = Part(*split_row(self.verb, self.target, {}), writes)
        return reading, Following(nothing, lambda found: Part(*self._split(found, entity), writes), self)

    def _split(self, found: Answer, entity: Entity) -> tuple[tuple[str, ...], list[object]]:
        version = self._version(found)
        row = self.body if self.kind == "values" else self._changes(found.body or b"{}", entity)
        return split_row(self.verb, self.target, row, version)

    def _version(self, found: Answer) -> Precondition:
        """The version that was found, which the row still has; refused if it is not as supposed.

        Raises:
            NotFound: there is no row to change.
            Stale: it is not as supposed.
        """
        supposed = self.supposed
        if found.body is None:
            if self.verb != "upsert":
                raise nothing_there(self.target.collection)
            if supposed.there:
                raise Stale("there is no such row, or none that you may see", hint="leave out If-Match to create it")
            return Precondition(new=True)
        changed = supposed.versions is not None and found.version not in supposed.versions
        if changed or found.version in supposed.others:
            raise Stale("the row is not in the version supposed", hint="read it again, and decide anew")
        return ANY if found.version is None else Precondition((found.version,), there=True)

    def _changes(self, body: bytes, entity: Entity) -> dict[str, Any]:
        """What the patch makes different; of a merge patch all that it names."""
        row = msgspec.json.decode(body)
        if self.kind == "merge":
            return {
                name: merged(row.get(name), value) if is_json(entity, name) else value
                for name, value in self.body.items()
            }
        new = an_object(patched(row, self.body))
        changes = {name: value for name, value in new.items() if name not in row or _differ(row[name], value)}
        return changes | dict.fromkeys(row.keys() - new.keys())


def depends(verb: Verb, supposed: Precondition) -> bool:
    """Whether a precondition is more than one statement can ask: it takes one version, and a new row or any."""
    several = supposed.versions is not None and len(supposed.versions) > 1
    return several or bool(supposed.others) or (verb == "upsert" and supposed.there and supposed.versions is None)


def is_json(entity: Entity, name: str) -> bool:
    """Whether a field holds JSON, which patches reach into."""
    return name in entity.fields and entity.fields[name].type.scalar is Scalar.JSON


def _differ(one: object, other: object) -> bool:
    """Whether they differ as JSON: to Python true is 1, and 1 is 1.0."""
    return one is not other and msgspec.json.encode(one, order="sorted") != msgspec.json.encode(other, order="sorted")


def merges(entity: Entity, changes: dict[str, Any]) -> bool:
    """Whether a merge patch reaches into JSON that is stored."""
    return any(isinstance(value, dict) and is_json(entity, name) for name, value in changes.items())
