"""What callers give is brought to a field's type, or refused in words they can act on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kingpost.call import ANONYMOUS, Actor
from kingpost.errors import Forbidden, Malformed, Mistyped, TooDear, Unauthenticated
from kingpost.model import types
from kingpost.model.types import (
    BOOL,
    BYTES,
    DATE,
    DATETIME,
    DECIMAL,
    DURATION,
    FLOAT,
    INT,
    JSON,
    TEXT,
    TIME,
    Scalar,
    Type,
)
from kingpost.query.coerce import coercer
from kingpost.query.rendering import renderer
from kingpost.query.stages import Cost, Plan, SlotSpec
from kingpost.query.values import Filler, filler

ZONE = "America/New_York"
NOW = datetime(2013, 7, 1, 3, tzinfo=UTC)
ONE_ROW = Cost(None)
STATE = Type(Scalar.TEXT, choices=("scheduled", "departed"))

TAKEN = [
    (TEXT, "naïve 𝄞", "naïve 𝄞"),
    (INT, "-9223372036854775808", -(2**63)),
    (INT, 2**63 - 1, 2**63 - 1),
    (FLOAT, "1e3", 1000.0),
    (FLOAT, 5, 5.0),
    (DECIMAL, "1e3", Decimal("1000")),
    (DECIMAL, 1.1, Decimal("1.1")),
    (BOOL, "false", False),
    (DATETIME, "2013-07-01T09:00:00Z", datetime(2013, 7, 1, 9, tzinfo=UTC)),
    (DATETIME, "2013-07-01 09:00z", datetime(2013, 7, 1, 9, tzinfo=UTC)),
    (DATETIME, "2013-07-01T09:00:00.5-04:00", datetime(2013, 7, 1, 13, 0, 0, 500_000, tzinfo=UTC)),
    (DATETIME, "2013-07-01T09:00:00 02:00", datetime(2013, 7, 1, 7, tzinfo=UTC)),
    (DATETIME, "2013-07-01", datetime(2013, 7, 1, 4, tzinfo=UTC)),
    (DATETIME, "2013-01-01T00:00:00", datetime(2013, 1, 1, 5, tzinfo=UTC)),
    (DATETIME, date(2013, 7, 1), datetime(2013, 7, 1, 4, tzinfo=UTC)),
    (DATE, "2012-02-29", date(2012, 2, 29)),
    (TIME, "09:30", time(9, 30)),
    (DURATION, "P1DT2H", timedelta(days=1, hours=2)),
    (DURATION, "-PT1.5S", timedelta(seconds=-1.5)),
    (DURATION, "90", timedelta(seconds=90)),
    (types.UUID, "0190A2B4-5C6D-7E8F-9A0B-1C2D3E4F5A6B", UUID("0190a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b")),
    (BYTES, "aGk=", b"hi"),
    (JSON, '{"a": [1, null]}', {"a": [1, None]}),
    (STATE, "departed", "departed"),
]
REFUSED = [
    (TEXT, "a\0", "U\\+0000"),
    (TEXT, "\ud800", "surrogates"),
    (TEXT, None, "a value is needed"),
    (INT, True, "whole number"),
    (INT, 1.0, "whole number"),
    (INT, "\uff19", "whole number"),
    (INT, 2**63, "from -9223372036854775808 to 9223372036854775807"),
    (INT, 1 << 10_000, "a whole number of 10001 bits"),
    (FLOAT, "NaN", "such as 1.5"),
    (FLOAT, float("inf"), "finite"),
    (FLOAT, "1e999", "finite"),
    (DECIMAL, "1e1000", "at most 1000 digits"),
    (DECIMAL, Decimal("NaN"), "finite"),
    (BOOL, 1, "true or false"),
    (DATETIME, "2013-07-01T09:00:60Z", "such as 2013-07-01T09:00:00Z"),
    (DATETIME, "9999-12-31T23:59:59-01:00", "date and time"),
    (DATETIME, "20130701", "date and time"),
    (DATE, "2013-02-30", "such as 2013-07-01"),
    (TIME, "24:00", "time of day"),
    (DURATION, "P1Y", "ISO 8601"),
    (DURATION, "P99999999999D", "ISO 8601"),
    (types.UUID, "0190a2b45c6d7e8f9a0b1c2d3e4f5a6b", "UUID"),
    (types.UUID, r"0190a2b4-5c6d-7e8f-9a0b-1c2d3e\u0034", "UUID"),
    (types.UUID, '0190a2b45c6d7e8f9a0b1c2d3e4f5a6b"   ', "UUID"),
    (BYTES, "aGk", "padding"),
    (JSON, "null", "other than null"),
    (JSON, "[" * 5_000, "JSON"),
    (JSON, '{"a": 1e999}', "JSON"),
    (JSON, "12345678901234567890", "64 bits"),
    (STATE, "schedulde", "did you mean 'scheduled'"),
]


@pytest.mark.parametrize(("type_", "value", "wanted"), TAKEN)
def test_what_fits_is_taken(type_: Type, value: object, wanted: object) -> None:
    found = coercer(type_, ZONE)(value)
    assert (found, type(found)) == (wanted, type(wanted))


@pytest.mark.parametrize(("type_", "value", "words"), REFUSED)
def test_what_does_not_fit_is_refused_in_clear_words(type_: Type, value: object, words: str) -> None:
    with pytest.raises(Mistyped, match=words):
        coercer(type_, ZONE)(value)


@given(st.sampled_from(sorted(Scalar, key=str)), st.text() | st.integers() | st.floats() | st.binary() | st.none())
def test_nothing_but_mistyped_is_ever_raised(scalar: Scalar, value: object) -> None:
    with suppress(Mistyped):
        assert coercer(Type(scalar), ZONE)(value) is not None


@given(st.text(max_size=100))
def test_a_refusal_is_short_and_printable(text: str) -> None:
    with pytest.raises(Mistyped) as refusal:
        coercer(DATE, ZONE)(text)
    assert refusal.value.message.isprintable()
    assert len(refusal.value.message) < 80


@given(st.decimals(-(10**50), 10**50, places=20) | st.datetimes(timezones=st.just(UTC)) | st.timedeltas())
def test_a_rendered_value_is_taken_back(value: Decimal | datetime | timedelta) -> None:
    type_ = {Decimal: DECIMAL, datetime: DATETIME, timedelta: DURATION}[type(value)]
    native = coercer(type_, ZONE)(value)
    assert coercer(type_, ZONE)(renderer(type_)(native)) == native


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", []),
        ("a,b", ["a", "b"]),
        ('"a,b",c', ["a,b", "c"]),
        ('"say ""hi"""', ['say "hi"']),
        ("a,", ["a", ""]),
        ('""', [""]),
    ],
)
def test_a_list_in_text_is_split_at_commas_outside_quotes(text: str, wanted: list[str]) -> None:
    assert coercer(TEXT, ZONE, many=True)(text) == wanted


@pytest.mark.parametrize("given_value", ['"a', '"a"b', 5, ["a", 1], ["a"] * 501, "a," * 501])
def test_a_broken_or_endless_list_is_refused(given_value: object) -> None:
    with pytest.raises(Mistyped):
        coercer(TEXT, ZONE, many=True)(given_value)


def test_text_for_json_is_read_only_where_text_is_all_there_is() -> None:
    assert coercer(JSON, ZONE)('"a"') == "a"
    assert coercer(JSON, ZONE, json_text=False)('"a"') == '"a"'


def test_slots_are_filled_in_the_order_the_store_wants() -> None:
    fill = _filler(_value(0, INT), _value(1, TEXT), SlotSpec("fixed", INT, value=20), order=(2, 1, 0))
    assert fill(["7", "x"], ANONYMOUS, NOW) == (20, "x", 7)


def test_all_bad_values_are_reported_together() -> None:
    fill = _filler(_value(0, INT, "number"), _value(1, TEXT, "name"), _value(2, DATE, "day[gte]"))
    with pytest.raises(Mistyped) as refusal:
        fill(["x", "fine", "y"], ANONYMOUS, NOW)
    assert [fault.where for fault in refusal.value.details] == ["number", "day[gte]"]


@pytest.mark.parametrize(
    ("limit", "words"), [("0", "less than 1"), ("1001", "more than 1000"), ("many", "whole number")]
)
def test_a_limit_stays_within_its_bounds(limit: str, words: str) -> None:
    fill = _filler(SlotSpec("value", INT, minimum=1, maximum=1_000, where="limit"))
    with pytest.raises(Mistyped, match=words):
        fill([limit], ANONYMOUS, NOW)


@pytest.mark.parametrize(
    ("claims", "wanted"), [({"airline": "UA"}, "UA"), ({}, None), ({"airline": 5}, None), ({"airline": ["UA"]}, None)]
)
def test_a_claim_that_is_missing_or_does_not_fit_is_null(claims: dict[str, object], wanted: object) -> None:
    fill = _filler(SlotSpec("me", TEXT, name="airline"))
    assert fill([], Actor("ann", claims=claims), NOW) == (wanted,)


def test_the_actor_gives_id_and_roles_as_claims() -> None:
    fill = _filler(SlotSpec("me", TEXT, name="id"), SlotSpec("me", TEXT, name="roles", many=True))
    assert fill([], Actor("ann", frozenset({"b", "a"})), NOW) == ("ann", ["a", "b"])


@pytest.mark.parametrize(("actor", "error"), [(ANONYMOUS, Unauthenticated), (Actor("ann"), Forbidden)])
def test_without_a_claim_that_is_required_nothing_may_be_asked(actor: Actor, error: type[Exception]) -> None:
    fill = _filler(SlotSpec("me", INT, name="tenant", required=True))
    with pytest.raises(error, match="tenant"):
        fill([], actor, NOW)


def test_the_call_gives_its_time_address_and_host() -> None:
    specs = [SlotSpec("call", DATETIME, name="now"), SlotSpec("call", DATE, name="now")]
    specs += [SlotSpec("call", TEXT, name="address"), SlotSpec("call", TEXT, name="host")]
    assert _filler(*specs)([], ANONYMOUS, NOW, "::1", "\ud800") == (NOW, date(2013, 6, 30), "::1", None)


def test_a_cursor_of_another_question_is_refused() -> None:
    fill = _filler(SlotSpec("value", TEXT, where="cursor", equals="mark"))
    assert fill(["mark"], ANONYMOUS, NOW) == ("mark",)
    with pytest.raises(Malformed, match="made for another question"):
        fill(["other"], ANONYMOUS, NOW)


def test_a_cursor_whose_values_do_not_fit_is_none_of_ours() -> None:
    fill = _filler(_value(0, INT, "items.cursor"), _value(1, INT, "number"))
    with pytest.raises(Malformed, match="not a cursor we gave out"):
        fill(["x", "y"], ANONYMOUS, NOW)


def test_limits_that_multiply_are_bounded_together() -> None:
    specs = [
        SlotSpec("value", INT, index, minimum=1, maximum=1_000, where=f"{at}limit")
        for index, at in enumerate(("", "flights."))
    ]
    fill = _filler(*specs, cost=Cost(0, (Cost(1), Cost(None))))
    assert fill(["100", "998"], ANONYMOUS, NOW) == (100, 998)
    with pytest.raises(TooDear, match=r"up to 1,002,000 rows, 100,000 are allowed \(lower flights.limit, limit\)"):
        fill(["1000", "1000"], ANONYMOUS, NOW)


def _value(index: int, type_: Type, where: str = "") -> SlotSpec:
    return SlotSpec("value", type_, index=index, where=where)


def _filler(*specs: SlotSpec, order: Sequence[int] = (), cost: Cost = ONE_ROW) -> Filler:
    wanted = tuple(order or range(len(specs)))
    return filler(Plan(None, specs, wanted, "rows", cost, "mark"), ZONE)
