"""Narrow a question to what its caller may see and change, everywhere it looks; the only maker of Allowed."""

from __future__ import annotations

from collections.abc import Mapping

from kingpost.errors import CallerError, Forbidden, Unauthenticated
from kingpost.policy.changing import narrowed
from kingpost.policy.hops import HOPS, Hop
from kingpost.policy.narrowing import Narrowing
from kingpost.policy.rules import Rules
from kingpost.query.slots import Slots
from kingpost.query.stages import Allowed, Bound, Change, Question, Select


def allow(bound: Bound, roles: frozenset[str], *, known: bool, hops: Mapping[str, Hop] = HOPS) -> Allowed:
    """Rewrite `bound` for a caller with `roles`.

    Args:
        bound: the question.
        roles: those of the caller's roles that `bound.roles` names; others change nothing.
        known: whether we know who is asking, which decides between 401 and 403.
        hops: the policy's part in each hop, for tests that leave one out.

    Raises:
        Unauthenticated, Forbidden: the roles alone decide that nothing may be seen or done, or a hidden field is named.
    """
    slots = Slots(list(bound.slots))
    narrowing = Narrowing(Rules(bound.manifest, roles, slots), hops)
    try:
        allowed = _narrowed(bound.question, narrowing)
    except Forbidden as refusal:
        raise refusal if known else who_are_you(refusal) from None
    return Allowed(allowed, tuple(slots.specs), bound.manifest, bound.cost, bound.scan)


def who_are_you(refusal: Forbidden) -> CallerError:
    """What a caller we do not know hears in place of `refusal`."""
    return Unauthenticated(refusal.message, hint="show who you are with a bearer token", where=refusal.where)


def _narrowed(question: Question, narrowing: Narrowing) -> Question:
    if isinstance(question, Select):
        return narrowing.select(question, "row")
    return narrowed(question, narrowing) if isinstance(question, Change) else narrowing.buckets(question)
