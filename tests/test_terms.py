"""Ordinary operators build conditions; what Python cannot overload is refused in words."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from kingpost import Term, anyone, me, now, role, this
from kingpost.model.expressions import (
    TRUE,
    And,
    Compare,
    Constant,
    Expression,
    FromCall,
    Function,
    HasRole,
    IsNull,
    Name,
    Not,
    Or,
)
from kingpost.model.functions import UNSETTLED
from kingpost.model.terms import address, expression_of, host
from kingpost.model.types import DATETIME, DECIMAL, INT, TEXT

X, FIVE = Name(("x",)), Constant(5, INT)
YES: Any = True
LENGTH: Any = this.origin.length


@pytest.mark.parametrize(
    ("term", "expression"),
    [
        (this.x == 5, Compare("eq", X, FIVE)),
        (this.x != 5, Compare("ne", X, FIVE)),
        (this.x < 5, Compare("lt", X, FIVE)),
        (this.x <= 5, Compare("lte", X, FIVE)),
        (this.x > 5, Compare("gt", X, FIVE)),
        (this.x >= 5, Compare("gte", X, FIVE)),
        (operator.eq(this.x, None), IsNull(X)),
        (operator.ne(this.x, None), Not(IsNull(X))),
        (this.x.is_null(), IsNull(X)),
        (this.x.in_([5, 6]), Compare("in", X, Constant((5, 6), INT))),
        (this.x.in_({"b", "a"}), Compare("in", X, Constant(("a", "b"), TEXT))),
        (this.x.in_(me.teams), Compare("in", X, FromCall("me", "teams"))),
        (this.x.like("a%"), Compare("like", X, Constant("a%", TEXT))),
        (this.x.ilike("a%"), Compare("ilike", X, Constant("a%", TEXT))),
        (this.x.contains("a"), Compare("contains", X, Constant("a", TEXT))),
        (this.x == me.id, Compare("eq", X, FromCall("me", "id"))),
        (this.x > now, Compare("gt", X, FromCall("call", "now", DATETIME))),
        (address == host, Compare("eq", FromCall("call", "address", TEXT), FromCall("call", "host", TEXT))),
        (this.origin.name, Name(("origin", "name"))),
        (this.members.some.user, Name(("members", "some", "user"))),
        (this["origin"]["length"], Name(("origin", "length"))),
        (this["origin.length"], Name(("origin", "length"))),
        (this.x + 5, Function("add", (X, FIVE), UNSETTLED)),
        (5 - this.x, Function("subtract", (FIVE, X), UNSETTLED)),
        (this.x * 5, Function("multiply", (X, FIVE), UNSETTLED)),
        (5 / this.x, Function("divide", (FIVE, X), UNSETTLED)),
        (this.x.lower(), Function("lower", (X,), UNSETTLED)),
        (this.x.coalesce(5), Function("coalesce", (X, FIVE), UNSETTLED)),
        (anyone, TRUE),
        (anyone & role("a"), HasRole("a")),
        (anyone | role("a"), TRUE),
        (~role("a"), Not(HasRole("a"))),
        (role("a") | role("b") | role("c"), Or((HasRole("a"), HasRole("b"), HasRole("c")))),
        (role("a") & (this.x == 5) & ~role("b"), And((HasRole("a"), Compare("eq", X, FIVE), Not(HasRole("b"))))),
    ],
)
def test_a_term_builds_its_expression(term: Term, expression: Expression) -> None:
    assert expression_of(term) == expression


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: bool(this.x == 1), "join conditions with & | ~ instead of and, or, not"),
        (lambda: 1 < this.x < 5, "write a < b < c as"),
        (lambda: not this.x, "instead of and, or, not"),
        (lambda: (this.x == 1) and role("a"), "instead of and, or, not"),
        (lambda: 1 in this.x, r"write this.x.in_\(…\)"),
        (lambda: list(this.x), "this.x cannot be iterated over"),
        (lambda: (this.x == 1) & YES, "& joins conditions, not True"),
        (lambda: YES | (this.x == 1), r"\| joins conditions, not True"),
        (lambda: role("a") & (LENGTH == 5), "& joins conditions, not False"),
        (lambda: this.x < None, r"this.x.is_null\(\)"),
        (lambda: this.x > object, "no field can hold a class"),
        (lambda: this.x == 1j, "no field can hold a complex"),
        (lambda: this.x.in_([]), "at least one value"),
        (lambda: this.x.in_("abc"), "takes a list of values"),
        (lambda: this.x.in_([1, "a"]), "of several types"),
    ],
)
def test_what_python_cannot_overload_is_refused_in_words(wrong: Callable[[], object], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        wrong()


def test_a_term_is_known_by_its_identity_so_it_can_be_a_key() -> None:
    one, other = this.x, this.x
    assert {one: 1, other: 2}[one] == 1


def test_a_claim_leads_nowhere() -> None:
    with pytest.raises(AttributeError, match="leads on to other rows"):
        _ = me.team.name


def test_terms_show_how_they_were_written() -> None:
    assert [repr(one) for one in (this.a.b, me.id, now, role("x"))] == ["this.a.b", "me.id", "now", "role('x')"]


def test_a_decimal_stays_exact() -> None:
    assert expression_of(this.x == Decimal("0.10")) == Compare("eq", X, Constant(Decimal("0.10"), DECIMAL))
