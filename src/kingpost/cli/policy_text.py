"""Says an expression the way a team would write it in Python."""

from __future__ import annotations

from kingpost.model.expressions import (
    FALSE,
    TRUE,
    Aggregated,
    And,
    Choose,
    Column,
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
    Quantified,
    Slot,
    Through,
)

_SIGNS = {"eq": "==", "ne": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def in_words(rule: Expression) -> str:
    """A policy in a few words: `anyone`, `nobody`, or the rule itself."""
    if rule == TRUE:
        return "anyone"
    return "nobody" if rule == FALSE else spelled(rule)


def spelled(expression: Expression, row: str = "this") -> str:
    """The expression, asked of a row called `row`."""
    match expression:
        case And(parts):
            return " & ".join(_grouped(part, row) for part in parts)
        case Or(parts):
            return " | ".join(_grouped(part, row) for part in parts)
        case Not(inner):
            return f"~{_grouped(inner, row)}"
        case Compare(operator, left, right) if operator in _SIGNS:
            return f"{spelled(left, row)} {_SIGNS[operator]} {spelled(right, row)}"
        case Compare(operator, left, right):
            return f"{spelled(left, row)}.{operator}({spelled(right, row)})"
        case IsNull(inner):
            return f"{spelled(inner, row)}.is_null()"
        case Through(relation, inner, where):
            return _where(spelled(inner, f"{row}.{relation.name}"), where)
        case Quantified(quantifier, relation, condition, where):
            return _where(f"{row}.{relation.name}.{quantifier}({spelled(condition)})", where)
        case Choose(condition, then):
            return f"({spelled(then, row)} if {spelled(condition, row)} else null)"
        case _:
            return _leaf(expression, row)


def _leaf(expression: Expression, row: str) -> str:
    match expression:
        case Constant(value):
            return repr(value)
        case Slot(number):
            return f"slot{number}"
        case Name(path):
            return ".".join((row, *path))
        case Column(field):
            return f"{row}.{field.name}"
        case FromCall("me", name):
            return f"me.{name}"
        case FromCall(_, name):
            return name
        case HasRole(role):
            return f'role("{role}")'
        case Function(name, arguments):
            return f"{name}({', '.join(spelled(one, row) for one in arguments)})"
        case Aggregated(function, inner):
            return f"{function}({'' if inner is None else spelled(inner, row)})"
        case _:
            return type(expression).__name__


def _grouped(part: Expression, row: str) -> str:
    text, core = spelled(part, row), part
    while isinstance(core, Through) and core.where in (None, TRUE):
        core = core.inner
    signed = isinstance(core, Compare) and core.operator in _SIGNS
    return f"({text})" if signed or isinstance(core, And | Or) else text


def _where(text: str, where: Expression | None) -> str:
    """What the policy of the related entity adds is told behind it."""
    return text if where is None or where == TRUE else f"{text} [of those with {spelled(where)}]"
