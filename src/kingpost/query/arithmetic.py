"""The Functions of the algebra: total, so that no expression over stored data can raise.

Decimals follow PostgreSQL's numeric to the digit. Floats never overflow or underflow: the bounds are
tested first, by formulas that SQL can repeat bit for bit (PostgreSQL raises on both).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Context, Decimal
from typing import TypeAlias, cast

from kingpost.model.expressions import FunctionName
from kingpost.model.types import INT_MAX, INT_MIN, Scalar, Type
from kingpost.query.letters import lower, upper

FLOAT_MAX, FLOAT_MIN = 1e308, 1e-300
EXACT = Context(prec=200_000, Emax=10**6, Emin=-(10**6))

_Binary: TypeAlias = Callable[..., object]


def function(name: FunctionName, type_: Type) -> Callable[..., object]:
    """The function of that name whose result is of `type_`; all but `coalesce` give null on null."""
    if name == "coalesce":
        return lambda *values: next((one for one in values if one is not None), None)
    if name in _TEXTS:
        return _strict(_TEXTS[name])
    binary, convert = _NUMBERS[type_.scalar]
    compute = binary[name]

    def numeric(*values: object) -> object:
        numbers = [convert(one) for one in values]
        if None in numbers:
            return None
        result = numbers[0]
        for number in numbers[1:]:
            if result is None:
                return None
            result = compute(result, number)
        return result

    return numeric


def divided(left: Decimal, right: Decimal) -> Decimal:
    """`left / right` as PostgreSQL's numeric: scale by select_div_scale, rounded half away from zero."""
    scale = _division_scale(left, right)
    numerator, denominator = _integers(left, right, scale)
    quotient, rest = divmod(abs(numerator), abs(denominator))
    quotient += 2 * rest >= abs(denominator)
    negative = (numerator < 0) != (denominator < 0)
    return EXACT.scaleb(Decimal(-quotient if negative else quotient), -scale)


def to_decimal(number: object) -> Decimal:
    """An int exactly; a float with 15 digits, as PostgreSQL casts it to numeric."""
    if isinstance(number, float):
        number = Decimal(f"{number:.15g}")
        return number if cast("int", number.as_tuple().exponent) <= 0 else EXACT.quantize(number, Decimal(1))
    return number if isinstance(number, Decimal) else Decimal(cast("int", number))


def to_float(number: object) -> float | None:
    """A Decimal too large for a float is null, one too small is zero."""
    if isinstance(number, Decimal):
        size = abs(number)
        if size > _DECIMAL_MAX:
            return None
        return float(number) if size >= _DECIMAL_MIN else 0.0
    return float(cast("float", number))


_DECIMAL_MAX, _DECIMAL_MIN = Decimal("1e308"), Decimal("1e-300")


def _strict(compute: Callable[..., object]) -> Callable[..., object]:
    return lambda *values: None if None in values else compute(*values)


def _or_null(convert: Callable[[object], object]) -> Callable[[object], object]:
    return lambda number: None if number is None else convert(number)


def _int(compute: Callable[[int, int], int]) -> _Binary:
    def bounded(left: int, right: int) -> int | None:
        result = compute(left, right)
        return result if INT_MIN <= result <= INT_MAX else None

    return bounded


def _float_add(left: float, right: float) -> float | None:
    return None if abs(left) > FLOAT_MAX - abs(right) else left + right


def _float_multiply(left: float, right: float) -> float | None:
    size = abs(right)
    if left == 0 or size == 0:
        return 0.0
    if size > 1 and abs(left) > FLOAT_MAX / size:
        return None
    if size < 1 and abs(left) < FLOAT_MIN / size:
        return 0.0
    return left * right


def _float_divide(left: float, right: float) -> float | None:
    size = abs(right)
    if size == 0:
        return None
    if left == 0:
        return 0.0
    if size < 1 and abs(left) > FLOAT_MAX * size:
        return None
    if size > 1 and abs(left) < FLOAT_MIN * size:
        return 0.0
    return left / right


def _decimal_divide(left: Decimal, right: Decimal) -> Decimal | None:
    return divided(left, right) if right else None


def _division_scale(left: Decimal, right: Decimal) -> int:
    """PostgreSQL's select_div_scale (numeric.c): at least 16 significant digits, in base 10,000."""
    (weight_left, first_left), (weight_right, first_right) = _leading(left), _leading(right)
    weight = weight_left - weight_right - (first_left <= first_right)
    return min(max(16 - weight * 4, _scale(left), _scale(right)), 1_000)


def _leading(number: Decimal) -> tuple[int, int]:
    """The power of 10,000 of the leading digit in that base, and the digit."""
    if not number:
        return 0, 0
    weight = number.adjusted() // 4
    width = number.adjusted() - 4 * weight + 1
    digits = number.as_tuple().digits[:width]
    return weight, int("".join(map(str, digits)).ljust(width, "0"))


def _scale(number: Decimal) -> int:
    return max(0, -cast("int", number.as_tuple().exponent))


def _integers(left: Decimal, right: Decimal, scale: int) -> tuple[int, int]:
    """Integers whose quotient is `left / right * 10**scale`."""
    shift = max(_scale(left), _scale(right))
    return int(EXACT.scaleb(left, shift + scale)), int(EXACT.scaleb(right, shift))


_TEXTS: Mapping[str, Callable[..., object]] = {
    "concat": lambda *texts: "".join(texts),
    "lower": lower,
    "upper": upper,
    "length": len,
}
_INTS: Mapping[str, _Binary] = {
    "add": _int(lambda left, right: left + right),
    "subtract": _int(lambda left, right: left - right),
    "multiply": _int(lambda left, right: left * right),
}
_DECIMALS: Mapping[str, _Binary] = {
    "add": EXACT.add,
    "subtract": EXACT.subtract,
    "multiply": EXACT.multiply,
    "divide": _decimal_divide,
}
_FLOATS: Mapping[str, _Binary] = {
    "add": _float_add,
    "subtract": lambda left, right: _float_add(left, -right),
    "multiply": _float_multiply,
    "divide": _float_divide,
}
_NUMBERS: Mapping[Scalar, tuple[Mapping[str, _Binary], Callable[[object], object]]] = {
    Scalar.INT: (_INTS, lambda number: number),
    Scalar.DECIMAL: (_DECIMALS, _or_null(to_decimal)),
    Scalar.FLOAT: (_FLOATS, _or_null(to_float)),
}
