"""Whether an expression can yield null, so that a contract can promise that it does not."""

from __future__ import annotations

from kingpost.model.expressions import (
    And,
    Column,
    Compare,
    Constant,
    Expression,
    Function,
    HasRole,
    IsNull,
    Not,
    Or,
    Quantified,
)
from kingpost.model.types import Scalar


def nullable(expression: Expression) -> bool:
    """True where some row can make it null; masks aside, which can hide any value."""
    match expression:
        case Column(field):
            return field.nullable
        case Constant(value):
            return value is None
        case IsNull() | Quantified() | HasRole():
            return False
        case Compare(_, left, right):
            return nullable(left) or nullable(right)
        case And(parts) | Or(parts):
            return any(nullable(part) for part in parts)
        case Not(inner):
            return nullable(inner)
        case Function("coalesce", arguments):
            return all(nullable(one) for one in arguments)
        case Function(name, arguments, type_):
            return _can_fail(name, type_.scalar) or any(nullable(one) for one in arguments)
        case _:
            # A Through: there may be no such row, or none that the caller may see. The others are a caller's.
            return True


def _can_fail(name: str, scalar: Scalar) -> bool:
    """x / 0, and what overflows 64 bits or a float."""
    return name == "divide" or (name in ("add", "subtract", "multiply") and scalar is not Scalar.DECIMAL)
