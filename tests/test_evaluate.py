"""What expressions mean, row by row; the conformance suite asks the same of whole stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import RFC_4122

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kingpost.call import Answer
from kingpost.errors import EngineFailed, Mistyped, UnknownName
from kingpost.model.defaults import TimeOrderedIds, filled
from kingpost.model.expressions import (
    And,
    Choose,
    Column,
    Compare,
    Constant,
    Expression,
    Function,
    IsNull,
    Name,
    Not,
    Or,
    Slot,
)
from kingpost.model.fields import Field
from kingpost.model.types import BOOL, DECIMAL, FLOAT, INT, INT_MAX, JSON, TEXT, Type
from kingpost.query import jsonb
from kingpost.query.aggregate import aggregate
from kingpost.query.arithmetic import function
from kingpost.query.derive import derive
from kingpost.query.evaluate import Context, evaluate
from kingpost.query.letters import like, lower, upper
from kingpost.query.operations import Include, Read
from kingpost.query.paging import compare, page
from kingpost.query.rendering import cursor
from kingpost.query.stages import Rendering
from kingpost.store.conformance.asking import shelves
from kingpost.store.conformance.model import manifest
from kingpost.store.memory import MemoryStore

ALONE = Context((), lambda relation, row: ())
KNOWN, FALSEHOOD, UNKNOWN = Constant(True, BOOL), Constant(False, BOOL), Constant(None, BOOL)


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        (And((KNOWN, UNKNOWN)), None),
        (And((UNKNOWN, FALSEHOOD)), False),
        (Or((UNKNOWN, KNOWN)), True),
        (Or((FALSEHOOD, UNKNOWN)), None),
        (Not(UNKNOWN), None),
        (Not(FALSEHOOD), True),
        (IsNull(UNKNOWN), True),
        (Choose(UNKNOWN, KNOWN), None),
        (Choose(KNOWN, FALSEHOOD), False),
    ],
)
def test_logic_has_three_values(expression: Expression, wanted: object) -> None:
    assert evaluate(expression, {}, ALONE) is wanted


@pytest.mark.parametrize(
    ("left", "right", "types", "wanted"),
    [
        (2**53 + 1, float(2**53), (INT, FLOAT), True),
        (2**53 + 1, Decimal(2**53), (INT, DECIMAL), False),
        (Decimal("0.1"), 0.1, (DECIMAL, FLOAT), True),
        (Decimal("1e400"), 1.0, (DECIMAL, FLOAT), False),
        (-0.0, 0.0, (FLOAT, FLOAT), True),
        ({"a": [1, True]}, {"a": [1.0, True]}, (JSON, JSON), True),
        ({"a": 1}, {"a": True}, (JSON, JSON), False),
        (None, 1, (INT, INT), None),
    ],
)
def test_values_of_two_types_compare_as_the_database_casts(
    left: object, right: object, types: tuple[Type, Type], wanted: object
) -> None:
    fields = [Field(name, type_, name) for name, type_ in zip("ab", types, strict=True)]
    condition = Compare("eq", Column(fields[0]), Column(fields[1]))
    assert evaluate(condition, {"a": left, "b": right}, ALONE) is wanted


@pytest.mark.parametrize(
    ("left", "listed", "wanted"), [(1, [2, 1], True), (None, [], False), (None, [1], None), (1, None, None)]
)
def test_nothing_is_in_an_empty_list_not_even_null(left: object, listed: object, wanted: object) -> None:
    condition = Compare("in", Column(Field("a", INT, "a")), Slot(0, INT, many=True))
    assert evaluate(condition, {"a": left}, Context((listed,), lambda relation, row: ())) is wanted


def test_a_constant_is_brought_to_its_type() -> None:
    price = Column(Field("price", DECIMAL, "price"))
    assert evaluate(Compare("in", price, Constant((1, 2), DECIMAL)), {"price": Decimal("2.00")}, ALONE) is True


def test_a_name_that_was_never_bound_has_no_meaning() -> None:
    with pytest.raises(TypeError, match="no meaning"):
        evaluate(Name(("a",)), {}, ALONE)


@pytest.mark.parametrize(
    ("name", "type_", "arguments", "wanted"),
    [
        ("add", INT, (INT_MAX, 1), None),
        ("subtract", INT, (-INT_MAX, 1), -INT_MAX - 1),
        ("multiply", INT, (2**62, 2), None),
        ("divide", DECIMAL, (1, 3), Decimal("0.33333333333333333333")),
        ("divide", DECIMAL, (10_000, 3), Decimal("3333.3333333333333333")),
        ("divide", DECIMAL, (2, -3), Decimal("-0.66666666666666666667")),
        ("divide", DECIMAL, (1, 0), None),
        ("add", DECIMAL, (Decimal("0.10"), 1), Decimal("1.10")),
        ("multiply", FLOAT, (1e200, 1e200), None),
        ("multiply", FLOAT, (1e-200, 1e-200), 0.0),
        ("divide", FLOAT, (1e300, 1e-300), None),
        ("divide", FLOAT, (1.0, 0.0), None),
        ("add", FLOAT, (1.7e308, 1.7e308), None),
        ("add", FLOAT, (Decimal("1e400"), 1), None),
        ("concat", TEXT, ("a", None), None),
        ("concat", TEXT, ("a", "b", "c"), "abc"),
        ("coalesce", INT, (None, 0, 1), 0),
        ("length", INT, ("𝄞é",), 2),
    ],
)
def test_functions_are_total(name: Any, type_: Type, arguments: tuple[object, ...], wanted: object) -> None:
    assert function(name, type_)(*arguments) == wanted
    constants = tuple(Constant(one) for one in arguments)
    assert evaluate(Function(name, constants, type_), {}, ALONE) == wanted


@given(
    st.sampled_from(["add", "subtract", "multiply", "divide"]),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2),
)
def test_no_arithmetic_of_floats_leaves_the_finite_numbers(name: Any, numbers: list[float]) -> None:
    result = function(name, FLOAT)(*numbers)
    assert result is None or (isinstance(result, float) and abs(result) < float("inf"))


def test_letter_case_is_simple_and_never_changes_the_length() -> None:
    assert [lower("ΑΣ"), lower("İ"), upper("ß"), upper("ᾳ")] == ["\u03b1\u03c3", "i", "ß", "ᾼ"]


def test_a_pattern_of_many_percent_signs_is_no_trap() -> None:
    assert like("%a" * 200 + "b").fullmatch("a" * 5_000) is None


@given(st.text("ab%_\\", max_size=8), st.text("ab%_\\", max_size=8))
def test_like_is_what_its_definition_says(text: str, pattern: str) -> None:
    assert (like(pattern).fullmatch(text) is not None) == _like(text, pattern)


@pytest.mark.parametrize(
    ("whole", "part", "wanted"),
    [
        ([1], 1, True),
        (1, [1], False),
        ([1], [1, 1], True),
        ([[1, 2]], [1], False),
        ([[1, 2]], [[1]], True),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1.0}}, True),
        ({"a": [1]}, {"a": 1}, False),
        ([{"a": 1}], {"a": 1}, False),
    ],
)
def test_json_contains_as_jsonb_does(whole: object, part: object, wanted: bool) -> None:
    assert jsonb.contains(whole, part) is wanted


def test_sums_and_averages_keep_the_scale_of_the_database() -> None:
    prices = [Decimal("0.10"), Decimal("0.2"), None, Decimal(1)]
    assert str(aggregate("sum", DECIMAL, prices)) == "1.30"
    assert str(aggregate("avg", DECIMAL, prices)) == "0.43333333333333333333"
    assert str(aggregate("avg", INT, [1, 2])) == "1.5000000000000000"


def test_distinct_values_are_counted_by_equality() -> None:
    assert aggregate("count_distinct", DECIMAL, [Decimal("1.0"), Decimal("1.00"), None]) == 1
    assert aggregate("count_distinct", JSON, [{"a": 1}, {"a": 1.0}, [1], True, 1]) == 4


@given(
    st.lists(st.tuples(st.none() | st.integers(0, 2), st.none() | st.integers(0, 2)), unique=True), st.integers(1, 4)
)
def test_pages_follow_each_other_both_ways(rows: list[tuple[int | None, int | None]], limit: int) -> None:
    directions = (True, False)
    whole, _ = page([(row, row) for row in rows], directions, None, None)
    forward, start, more = [], None, True
    while more:
        found, more = page([(row, row) for row in rows], directions, start, limit)
        forward += found
        start = found[-1][0] if found else None
    assert forward == whole
    if whole:
        before, _ = page([(row, row) for row in rows], directions, whole[-1][0], len(rows), backward=True)
        assert before == whole[:-1]


def test_nulls_stand_last_in_both_directions() -> None:
    assert compare((None,), (1,), (False,)) == compare((None,), (1,), (True,)) == 1


def test_a_cursor_is_compact_json_without_padding() -> None:
    assert cursor("ab", "n", b'[1,null,"x"]') == "WyJhYiIsIm4iLDEsbnVsbCwieCJd"
    assert cursor("ab", "p", b"[]") == "WyJhYiIsInAiXQ"


async def test_python_fields_are_made_after_the_store_ran() -> None:
    library = await shelves(MemoryStore())
    author = Read("", fields=("badge", "id"))
    read = Read("Book", key=(Slot(0),), fields=("id",), includes=(Include("author", author),))
    reply = await library.ask(read, 3, rendering=Rendering({"author": "writer", "badge": "tag"}))
    assert reply.plan.derived is not None
    made = derive(reply.answer, reply.plan.derived, library.manifest)
    assert made.body == b'{"id":3,"writer":{"tag":"bob#2","id":2}}'


async def test_a_python_field_that_raises_is_our_failure_and_tells_callers_nothing() -> None:
    library = await shelves(MemoryStore())
    reply = await library.ask(Read("Author", key=(Slot(0),), fields=("badge",)), 1)
    assert reply.plan.derived is not None
    broken = replace(library.manifest, functions={"Author.badge": lambda row: row.missing})
    with pytest.raises(EngineFailed, match="badge raised AttributeError"):
        derive(Answer(reply.answer.body), reply.plan.derived, broken)


def test_keys_made_in_one_instant_are_uuid7_and_ascend() -> None:
    now = datetime(2013, 7, 1, tzinfo=UTC)
    new_id = TimeOrderedIds(lambda count: b"\xff" * count)
    made = [new_id(now) for _ in range(1_000)] + [new_id(now - timedelta(days=1))]
    assert made == sorted(set(made))
    assert {(one.version, one.variant) for one in made} == {(7, RFC_4122)}
    assert made[0].int >> 80 == int(now.timestamp() * 1_000)


def test_a_row_is_filled_with_defaults_and_refused_without_what_it_needs() -> None:
    strict = manifest().entity("Strict")
    now, new_id = datetime(2013, 7, 1, tzinfo=UTC), TimeOrderedIds(bytes)
    (row,) = filled(strict, [{"code": "x"}], now, new_id)
    assert (row["code"], row["size"], row["high"]) == ("x", 1, 10)
    with pytest.raises(Mistyped, match=r"Strict.code needs a value"):
        list(filled(strict, [{}], now, new_id))
    with pytest.raises(UnknownName, match="did you mean 'code'"):
        list(filled(strict, [{"cod": 1}], now, new_id))


def _like(text: str, pattern: str) -> bool:
    """LIKE by its definition, one character at a time."""
    if not pattern:
        return not text
    first, rest = pattern[0], pattern[1:]
    if first == "%":
        return any(_like(text[start:], rest) for start in range(len(text) + 1))
    if first == "\\" and rest:
        first, rest = rest[0], rest[1:]
    elif first == "_":
        return bool(text) and _like(text[1:], rest)
    return text[:1] == first and _like(text[1:], rest)
