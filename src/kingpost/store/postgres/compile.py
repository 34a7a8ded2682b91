"""Compile a question to one statement whose answer is JSON: pure, and the only maker of this store's plans."""

from __future__ import annotations

from kingpost.query.derive import derived
from kingpost.query.stages import Allowed, Change, Plan, Rendering, Select
from kingpost.store.postgres.compile_buckets import buckets_program
from kingpost.store.postgres.compile_change import compile_change
from kingpost.store.postgres.compile_select import select_program
from kingpost.store.postgres.expressions import LETTERS, Writing


def compile_question(allowed: Allowed, rendering: Rendering, letters: str = LETTERS) -> Plan:
    """Make the plan of a question.

    Args:
        allowed: what is asked, as far as the caller may.
        rendering: the protocol's words.
        letters: the collation that `lower`, `upper` and `ilike` go by.
    """
    question = allowed.question
    if isinstance(question, Change):
        return compile_change(question, allowed, rendering, letters)
    writing = Writing(allowed.manifest.entities, allowed.slots, letters)
    if isinstance(question, Select):
        program = select_program(question, rendering, writing)
    else:
        program = buckets_program(question, rendering, writing)
    return Plan(
        program=program,
        slots=allowed.slots,
        order=tuple(writing.order),
        result="buckets" if not isinstance(question, Select) else "row" if question.single else "rows",
        cost=allowed.cost,
        fingerprint=question.fingerprint,
        backward=question.page is not None and question.page.backward,
        scan=allowed.scan,
        derived=derived(question, rendering),
    )
