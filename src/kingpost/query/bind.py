"""Bind an operation to the manifest: names, types, total order, cost. With `bind_write`, the only maker of Bound."""

from __future__ import annotations

from kingpost.model.manifest import Manifest
from kingpost.model.resolve import Scope
from kingpost.query.bind_write import bind_write
from kingpost.query.groups import bind_group
from kingpost.query.indexes import unserved
from kingpost.query.operations import Group, Read, Single
from kingpost.query.selecting import Selecting, cost_of
from kingpost.query.slots import Slots
from kingpost.query.stages import Bound, Cost
from kingpost.query.touched import roles_named


def bind(operation: Single, manifest: Manifest, *, private: bool = False) -> Bound:
    """Fit `operation` to `manifest`.

    Args:
        operation: what is asked.
        manifest: of the app.
        private: whether private fields are known, as to a team's own code.

    Raises:
        UnknownName: a name means nothing, or is private.
        Mistyped: an operator does not go with a field.
        Malformed, TooLarge: the parts do not go together, or are too many.
    """
    if not isinstance(operation, Read | Group):
        return bind_write(operation, manifest, private=private)
    scope = Scope(manifest.entities, manifest.entity(operation.entity), private)
    slots = Slots()
    if isinstance(operation, Group):
        buckets = bind_group(operation, scope, slots)
        cost = Cost(buckets.limit.number)
        scan = unserved(operation, buckets.source, scope)
        return Bound(buckets, tuple(slots.specs), manifest, roles_named(buckets, manifest), cost, scan)
    select = Selecting(manifest, slots, private).select(operation, scope.entity, "")
    scan = None if operation.key else unserved(operation, select.source, scope)
    return Bound(select, tuple(slots.specs), manifest, roles_named(select, manifest), cost_of(select), scan)
