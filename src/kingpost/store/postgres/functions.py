"""The algebra's functions and aggregates in SQL: none raises over stored data; where there is no value, null.

The formulas are those of `query/arithmetic.py` and `query/aggregate.py`, so that both stores agree to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kingpost.model.expressions import Aggregated, Aggregation, Function
from kingpost.model.resolve import type_of
from kingpost.model.types import Scalar, Type
from kingpost.store.postgres.names import type_name

BIGINT = "BETWEEN -9223372036854775808 AND 9223372036854775807"
Letters = str
"""The collation that lower and upper go by, already quoted: that of a C.UTF-8 locale, one character at a time."""


def function(node: Function, arguments: Sequence[str], letters: Letters, *, flat: bool) -> str:
    """A function of these arguments (each safe as an operand).

    Args:
        node: which function, and the types.
        arguments: its arguments in SQL.
        letters: what `lower` and `upper` go by.
        flat: no subselects, as in a CHECK; arguments that stand several times are then repeated.
    """
    match node.name:
        case "lower" | "upper":
            return f'({node.name}({arguments[0]} COLLATE {letters}) COLLATE "C")'
        case "length":
            return f"char_length({arguments[0]})::bigint"
        case "concat":
            return f"({' || '.join(arguments)})"
        case "coalesce":
            return f"COALESCE({', '.join(arguments)})"
    types = [type_of(one) or node.type for one in node.arguments]
    operands = [converted(one, type_, node.type) for one, type_ in zip(arguments, types, strict=True)]
    result = operands[0]
    for operand in operands[1:]:
        result = _binary(node.name, result, operand, node.type.scalar, flat)
    return result


def converted(operand: str, type_: Type, wanted: Type) -> str:
    """A number in another type: a Decimal too large for a float is null, one too small is zero."""
    if type_.scalar is wanted.scalar:
        return operand
    if type_.scalar is Scalar.DECIMAL and wanted.scalar is Scalar.FLOAT:
        guards = f"WHEN abs({operand}) > 1e308 THEN NULL WHEN abs({operand}) < 1e-300 THEN 0"
        return f"(CASE {guards} ELSE {operand}::double precision END)"
    return f"{operand}::{type_name(wanted)}"


def aggregate(node: Aggregated, inner: str | None) -> str:
    """An aggregate over `inner`, which is null for a count of rows."""
    if inner is None:
        return "count(*)"
    of = None if node.inner is None else type_of(node.inner)
    scalar = node.type.scalar if of is None else of.scalar
    return _AGGREGATES[node.function](inner, scalar)


def _binary(name: str, left: str, right: str, scalar: Scalar, flat: bool) -> str:
    form = _NUMBERS[scalar][name]
    if flat or form.count("{a}") + form.count("{b}") == 2 or (_leaf(left) and _leaf(right)):
        return form.format(a=left, b=right)
    # Each operand is written once, or nested arithmetic would grow exponentially; OFFSET 0 keeps it from being inlined.
    return f"(SELECT {form.format(a='v.a', b='v.b')} FROM (SELECT {left} AS a, {right} AS b OFFSET 0) v)"


def _leaf(operand: str) -> bool:
    return len(operand) < 40 and "(" not in operand


def _sum_float(inner: str) -> str:
    safe = f"abs({inner}) <= 1e290::double precision"
    return f"CASE WHEN bool_and({safe}) THEN sum(CASE WHEN {safe} THEN {inner} END) END"


def _sum(inner: str, scalar: Scalar) -> str:
    return _sum_float(inner) if scalar is Scalar.FLOAT else f"sum({inner})"


def _avg(inner: str, scalar: Scalar) -> str:
    # avg(double precision) keeps squares, and so raises beyond 1e154.
    return f"(({_sum_float(inner)}) / NULLIF(count({inner}), 0))" if scalar is Scalar.FLOAT else f"avg({inner})"


def _extreme(name: str) -> Callable[[str, Scalar], str]:
    of_bool = "bool_and" if name == "min" else "bool_or"

    def extreme(inner: str, scalar: Scalar) -> str:
        match scalar:
            case Scalar.BOOL:
                return f"{of_bool}({inner})"
            case Scalar.UUID:  # PostgreSQL 15 to 18 have no min(uuid), and min(bytea) came with 18
                return f'{name}({inner}::text COLLATE "C")::uuid'
            case Scalar.BYTES:
                return f"decode({name}(encode({inner}, 'hex') COLLATE \"C\"), 'hex')"
            case _:
                return f"{name}({inner})"

    return extreme


_AGGREGATES: Mapping[Aggregation, Callable[[str, Scalar], str]] = {
    "count": lambda inner, scalar: f"count({inner})",
    "count_distinct": lambda inner, scalar: f"count(DISTINCT {inner})",
    "sum": _sum,
    "avg": _avg,
    "min": _extreme("min"),
    "max": _extreme("max"),
}


def _of_int(sign: str) -> str:
    return f"(CASE WHEN {{a}}::numeric {sign} {{b}}::numeric {BIGINT} THEN {{a}} {sign} {{b}} END)"


_HUGE, _TINY = "1e308::double precision", "1e-300::double precision"
_NUMBERS: Mapping[Scalar, Mapping[str, str]] = {
    Scalar.INT: {"add": _of_int("+"), "subtract": _of_int("-"), "multiply": _of_int("*")},
    Scalar.DECIMAL: {
        "add": "({a} + {b})",
        "subtract": "({a} - {b})",
        "multiply": "({a} * {b})",
        "divide": "({a} / NULLIF({b}, 0))",
    },
    Scalar.FLOAT: {
        "add": f"(CASE WHEN abs({{a}}) <= {_HUGE} - abs({{b}}) THEN {{a}} + {{b}} END)",
        "subtract": f"(CASE WHEN abs({{a}}) <= {_HUGE} - abs({{b}}) THEN {{a}} - {{b}} END)",
        "multiply": (
            "(CASE WHEN {a} IS NULL OR {b} IS NULL THEN NULL WHEN {a} = 0 OR {b} = 0 THEN 0 "
            f"WHEN abs({{b}}) > 1 THEN CASE WHEN abs({{a}}) <= {_HUGE} / abs({{b}}) THEN {{a}} * {{b}} END "
            f"WHEN abs({{b}}) < 1 AND abs({{a}}) < {_TINY} / abs({{b}}) THEN 0 ELSE {{a}} * {{b}} END)"
        ),
        "divide": (
            "(CASE WHEN {a} IS NULL OR {b} IS NULL OR {b} = 0 THEN NULL WHEN {a} = 0 THEN 0 "
            f"WHEN abs({{b}}) < 1 THEN CASE WHEN abs({{a}}) <= {_HUGE} * abs({{b}}) THEN {{a}} / {{b}} END "
            f"WHEN abs({{b}}) > 1 AND abs({{a}}) < {_TINY} * abs({{b}}) THEN 0 ELSE {{a}} / {{b}} END)"
        ),
    },
}
