"""Compile a write to the statement that does it, or to several of which one transaction is made."""

from __future__ import annotations

from kingpost.query.derive import derived
from kingpost.query.stages import Allowed, Change, Plan, Rendering
from kingpost.store.postgres.compile_alter import alter_program
from kingpost.store.postgres.compile_create import create_program
from kingpost.store.postgres.compile_remove import remove_program
from kingpost.store.postgres.compile_upsert import upsert_program
from kingpost.store.postgres.statements import WriteProgram, placed
from kingpost.store.postgres.writings import Writings


def compile_change(change: Change, allowed: Allowed, rendering: Rendering, letters: str) -> Plan:
    """Make the plan of a write.

    Args:
        change: the question of `allowed`.
        allowed: what is asked, as far as the caller may.
        rendering: the protocol's words.
        letters: the collation that `lower`, `upper` and `ilike` go by.
    """
    writings = Writings(allowed.manifest.entities, allowed.slots, letters)
    program, order = placed(_program(change, rendering, writings))
    return Plan(
        program=program,
        slots=allowed.slots,
        order=order,
        result="change",
        cost=allowed.cost,
        fingerprint=change.fingerprint,
        scan=allowed.scan,
        derived=derived(change, rendering),
    )


def _program(change: Change, rendering: Rendering, writings: Writings) -> WriteProgram:
    if change.removal is not None:
        return remove_program(change, rendering, writings)
    if change.creation is None:
        return alter_program(change, rendering, writings)
    return (
        create_program(change, rendering, writings)
        if change.target is None
        else upsert_program(change, rendering, writings)
    )
