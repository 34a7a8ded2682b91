"""Whether a policy admits a caller where no stored row is at hand: actions done to nothing, or to values not yet stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from kingpost.call import Actor, Call
from kingpost.errors import Mistyped
from kingpost.model.expressions import (
    FALSE,
    TRUE,
    Constant,
    Expression,
    FromCall,
    HasRole,
    rewrite,
)
from kingpost.model.types import TEXT, Type
from kingpost.query.coerce import coercer
from kingpost.query.evaluate import Context, Row, evaluate

_NOTHING: Mapping[str, object] = {}


def admits(policy: Expression, call: Call, timezone: str, row: Row = _NOTHING) -> bool:
    """Whether `policy` is true of the caller and `row`, which has only values of its own: what lies beyond is unknown.

    Args:
        policy: of an action.
        call: by whom, when and from where.
        timezone: where a date or time of day is meant.
        row: values by field; a field that is absent is unknown.
    """
    settled = rewrite(policy, lambda node: _settled(node, call, timezone))
    return evaluate(settled, _Sparse(row), Context((), lambda _relation, _row: ())) is True


class _Sparse(dict[str, object]):
    """Values of which those that nobody gave are unknown."""

    def __missing__(self, name: str) -> None:
        return None


def _settled(node: Expression, call: Call, timezone: str) -> Expression:
    match node:
        case HasRole(role):
            return TRUE if role in call.actor.roles else FALSE
        case FromCall(source, name, type_, many):
            given = _of_actor(call.actor, name) if source == "me" else _of_call(call, name)
            return Constant(_fitted(given, type_ or TEXT, many, timezone), type_ or TEXT)
        case _:
            return node


def _of_actor(actor: Actor, name: str) -> object:
    if name == "id":
        return actor.id
    return sorted(actor.roles) if name == "roles" else actor.claims.get(name)


def _of_call(call: Call, name: str) -> str | datetime:
    return call.now if name == "now" else call.address if name == "address" else call.host


def _fitted(value: object, type_: Type, many: bool, timezone: str) -> object:
    """A claim that does not fit is no claim, and the policy denies."""
    if value is None or isinstance(value, (list, tuple)) != (many or type_.array):
        return None
    try:
        return coercer(type_, timezone, many=many)(value)
    except Mistyped:
        return None
