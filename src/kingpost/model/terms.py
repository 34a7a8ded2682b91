"""The words of conditions, `this.airline == me.airline`: ordinary operators that build expressions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NoReturn, TypeGuard

from kingpost.model.expressions import (
    TRUE,
    Compare,
    Comparison,
    Expression,
    FromCall,
    Function,
    FunctionName,
    HasRole,
    IsNull,
    Name,
    both,
    either,
    negate,
)
from kingpost.model.functions import UNSETTLED, constant
from kingpost.model.types import DATETIME, TEXT


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """A value or a condition in a declaration; compare terms, and join conditions with & | ~.

    `this.origin.name` reads on through a Ref, `this.members.some.user` through a Many; where a field
    is called like a method of Term, write `this.origin["length"]`.
    """

    _expression: Expression

    def __eq__(self, other: object) -> Term:  # type: ignore[override]  # a condition, as in every query language
        if other is None:
            return Term(IsNull(self._expression))
        return _compare("eq", self, other)

    def __ne__(self, other: object) -> Term:  # type: ignore[override]  # the same
        if other is None:
            return Term(negate(IsNull(self._expression)))
        return _compare("ne", self, other)

    # Equality builds a condition, so a term is known by its identity; that makes it safe in sets and as a key.
    __hash__ = object.__hash__

    def __lt__(self, other: object) -> Term:
        return _compare("lt", self, other)

    def __le__(self, other: object) -> Term:
        return _compare("lte", self, other)

    def __gt__(self, other: object) -> Term:
        return _compare("gt", self, other)

    def __ge__(self, other: object) -> Term:
        return _compare("gte", self, other)

    def __and__(self, other: Term) -> Term:
        return Term(both(self._expression, _condition(other, "&")))

    def __or__(self, other: Term) -> Term:
        return Term(either(self._expression, _condition(other, "|")))

    def __rand__(self, other: object) -> NoReturn:
        _condition(other, "&")
        raise AssertionError("two terms never come here")

    def __ror__(self, other: object) -> NoReturn:
        _condition(other, "|")
        raise AssertionError("two terms never come here")

    def __invert__(self) -> Term:
        return Term(negate(self._expression))

    def __add__(self, other: object) -> Term:
        return _function("add", self, other)

    def __radd__(self, other: object) -> Term:
        return _function("add", other, self)

    def __sub__(self, other: object) -> Term:
        return _function("subtract", self, other)

    def __rsub__(self, other: object) -> Term:
        return _function("subtract", other, self)

    def __mul__(self, other: object) -> Term:
        return _function("multiply", self, other)

    def __rmul__(self, other: object) -> Term:
        return _function("multiply", other, self)

    def __truediv__(self, other: object) -> Term:
        return _function("divide", self, other)

    def __rtruediv__(self, other: object) -> Term:
        return _function("divide", other, self)

    def in_(self, values: Term | Iterable[object]) -> Term:
        """Whether the value is one of `values`: constants, or a claim that holds a list.

        Raises:
            TypeError: there are none, or they are of several types.
        """
        if isinstance(values, Term):
            return _compare("in", self, values)
        if isinstance(values, str | bytes) or not isinstance(values, Iterable):
            raise TypeError(f"in_ takes a list of values, not {values!r}")
        found = tuple(_plain(one) for one in (sorted(values, key=repr) if _is_set(values) else values))
        if not found:
            raise TypeError("in_ takes at least one value; nothing is ever in an empty list")
        return _compare("in", self, found)

    def like(self, pattern: str | Term) -> Term:
        """Whether the text matches, % standing for any letters and _ for one."""
        return _compare("like", self, pattern)

    def ilike(self, pattern: str | Term) -> Term:
        """As `like`, upper and lower case alike."""
        return _compare("ilike", self, pattern)

    def contains(self, part: object) -> Term:
        """Whether the text holds `part`, the array such an element, or the JSON such a structure."""
        return _compare("contains", self, part)

    def is_null(self) -> Term:
        """Whether there is no value."""
        return Term(IsNull(self._expression))

    def lower(self) -> Term:
        """The text in lower case."""
        return _function("lower", self)

    def upper(self) -> Term:
        """The text in upper case."""
        return _function("upper", self)

    def length(self) -> Term:
        """How many code points the text has."""
        return _function("length", self)

    def coalesce(self, *others: object) -> Term:
        """The first of the values that is not null."""
        return _function("coalesce", self, *others)

    def __getattr__(self, name: str) -> Term:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Term:
        if not isinstance(self._expression, Name):
            raise AttributeError(f"{self!r} has no {name!r}: only this.x leads on to other rows")
        return Term(Name((*self._expression.path, *name.split("."))))

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "a condition has no truth of its own before there is a row: join conditions with & | ~ instead of "
            "and, or, not, and write a < b < c as (a < b) & (b < c)"
        )

    def __iter__(self) -> NoReturn:
        raise TypeError(f"{self!r} cannot be iterated over; ask with .contains(…) what it holds")

    def __contains__(self, part: object) -> NoReturn:
        raise TypeError("write this.x.in_(…) or this.x.contains(…) instead of `in`")

    def __repr__(self) -> str:
        match self._expression:
            case Name(path):
                return f"this.{'.'.join(path)}"
            case FromCall(source, name):
                return f"me.{name}" if source == "me" else name
            case HasRole(role):
                return f"role({role!r})"
            case other:
                return f"<{type(other).__name__} of a declaration>"


@dataclass(frozen=True, slots=True, eq=False)
class This:
    """The row at hand: `this.airline`, `this.origin.name`, or `this["airline"]`."""

    def __getattr__(self, name: str) -> Term:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Term:
        return Term(Name(tuple(name.split("."))))


@dataclass(frozen=True, slots=True, eq=False)
class Me:
    """Who is asking: `me.id`, or whatever else the credentials claim; null where they do not."""

    def __getattr__(self, name: str) -> Term:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Term:
        return Term(FromCall("me", name))


def role(name: str) -> Term:
    """True for callers who bear this role; join several with |."""
    return Term(HasRole(name))


this = This()
me = Me()
anyone = Term(TRUE)
# Also the default of a datetime field, hence Any: `at: datetime = now`.
now: Any = Term(FromCall("call", "now", DATETIME))
address = Term(FromCall("call", "address", TEXT))
host = Term(FromCall("call", "host", TEXT))


def expression_of(term: Term) -> Expression:
    """What the term stands for."""
    return term._expression


def _compare(operator: Comparison, left: Term, right: object) -> Term:
    return Term(Compare(operator, left._expression, _operand(right)))


def _function(name: FunctionName, *arguments: object) -> Term:
    return Term(Function(name, tuple(_operand(one) for one in arguments), UNSETTLED))


def _operand(value: object) -> Expression:
    if isinstance(value, Term):
        return value._expression
    found = constant(_plain(value))
    if found is not None:
        return found
    if isinstance(value, tuple):
        raise TypeError(f"{value!r} holds values of several types; they are compared with one field")
    if value is None:
        raise TypeError("None can only be asked for: this.x == None, or this.x.is_null()")
    raise TypeError(f"{value!r} cannot stand in a condition: no field can hold {_a(value)}")


def _plain(value: object) -> object:
    return value.value if isinstance(value, Enum) else value


def _condition(value: object, sign: str) -> Expression:
    if isinstance(value, Term):
        return value._expression
    raise TypeError(f"{sign} joins conditions, not {value!r}; a comparison that is joined stands in parentheses")


def _is_set(values: Iterable[object]) -> TypeGuard[set[object] | frozenset[object]]:
    return isinstance(values, set | frozenset)


def _a(value: object) -> str:
    if isinstance(value, type):
        return "a class"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
