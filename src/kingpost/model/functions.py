"""Settle what a function means for the types it is given: which overload, and what type comes out."""

from __future__ import annotations

from dataclasses import replace

from kingpost.errors import Mistyped
from kingpost.model.expressions import Constant, Expression, FromCall, Function, FunctionName, Slot
from kingpost.model.types import DECIMAL, FLOAT, INT, JSON, NUMERIC, TEXT, Scalar, Type
from kingpost.model.values import fit, natural

# What a declaration writes before the types are known; no function yields JSON.
UNSETTLED = JSON

_SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}


def settle(name: FunctionName, arguments: tuple[Expression, ...], types: tuple[Type | None, ...]) -> Function:
    """The function over these arguments, whose types are `types` (None: a given value, not yet typed).

    `add` of texts is `concat`; ints beside Decimals or floats become those.

    Raises:
        Mistyped: it does not take such arguments.
    """
    seen = [type_ for type_ in types if type_ is not None]
    if not seen:
        raise Mistyped(f"{name} is asked of given values only", hint="name a field in it")
    if name == "coalesce":
        return _alike(arguments, types, seen)
    if name in ("lower", "upper", "length", "concat") or (name == "add" and _all_text(seen)):
        return _of_texts("concat" if name == "add" else name, arguments, seen)
    return _of_numbers(name, arguments, types, seen)


def _of_texts(name: FunctionName, arguments: tuple[Expression, ...], seen: list[Type]) -> Function:
    if not _all_text(seen):
        other = next(type_ for type_ in seen if type_.scalar is not Scalar.TEXT or type_.array)
        raise Mistyped(f"{name} takes texts, not {other}")
    flat: list[Expression] = []
    for one in arguments:
        flat.extend(one.arguments if name == "concat" and isinstance(one, Function) and one.name == name else (one,))
    return Function(name, tuple(_given(one, TEXT) for one in flat), INT if name == "length" else TEXT)


def _of_numbers(
    name: FunctionName, arguments: tuple[Expression, ...], types: tuple[Type | None, ...], seen: list[Type]
) -> Function:
    scalars = {type_.scalar for type_ in seen}
    if any(type_.array for type_ in seen) or not scalars <= NUMERIC:
        other = next(type_ for type_ in seen if type_.array or type_.scalar not in NUMERIC)
        raise Mistyped(f"{_SIGNS[name]} takes numbers (+ also texts), not {other} beside {_others(seen, other)}")
    if scalars >= {Scalar.DECIMAL, Scalar.FLOAT}:
        raise Mistyped(f"{_SIGNS[name]} of a decimal and a float", hint="keep both as decimals, or both as floats")
    wide = FLOAT if Scalar.FLOAT in scalars else DECIMAL if Scalar.DECIMAL in scalars else INT
    result = DECIMAL if name == "divide" and wide == INT else wide
    return Function(
        name, tuple(_given(one, type_ or wide, wide) for one, type_ in zip(arguments, types, strict=True)), result
    )


def _alike(arguments: tuple[Expression, ...], types: tuple[Type | None, ...], seen: list[Type]) -> Function:
    fields = [type_ for one, type_ in zip(arguments, types, strict=True) if type_ and not isinstance(one, Constant)]
    wanted = replace((fields or seen)[0], choices=())
    for one, type_ in zip(arguments, types, strict=True):
        if type_ is not None and not isinstance(one, Constant) and replace(type_, choices=()) != wanted:
            raise Mistyped(f"coalesce takes values of one type, not {wanted} and {type_}")
    return Function("coalesce", tuple(_given(one, wanted) for one in arguments), wanted)


def _given(expression: Expression, type_: Type, wide: Type | None = None) -> Expression:
    """A given value takes the type of what it stands beside."""
    match expression:
        case Slot(_, None) | FromCall(_, _, None):
            return replace(expression, type=type_)
        case Constant(value):
            try:
                return Constant(fit(value, wide or type_), wide or type_)
            except ValueError as fault:
                raise Mistyped(str(fault)) from None
        case _:
            return expression


def _all_text(seen: list[Type]) -> bool:
    return all(type_.scalar is Scalar.TEXT and not type_.array for type_ in seen)


def _others(seen: list[Type], other: Type) -> str:
    return str(next((type_ for type_ in seen if type_ is not other), other))


def constant(value: object) -> Constant | None:
    """The constant for a value that a declaration names, with the type it has by itself; None if it has none."""
    type_ = natural(value)
    return None if type_ is None else Constant(value, type_)
