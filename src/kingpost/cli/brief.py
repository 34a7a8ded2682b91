"""Says an operation in few lines: what is left at its default is left out, conditions stand as one would write them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_args

from kingpost.cli.policy_text import spelled
from kingpost.model.expressions import Expression, Name
from kingpost.query.operations import Aggregate, Include, Order

_EXPRESSIONS = get_args(Expression)
_INDENT = "  "


def brief(value: object, depth: int = 0) -> Iterator[str]:
    """The lines of an operation."""
    if not is_dataclass(value):
        yield f"{_INDENT * depth}{value}"
        return
    yield f"{_INDENT * depth}{type(value).__name__}"
    for name, part in _said(value):
        if isinstance(part, tuple) and any(isinstance(one, Include) for one in part):
            for include in part:
                yield f"{_INDENT * (depth + 1)}include {include.relation}"
                yield from list(brief(include.read, depth + 1))[1:]
        else:
            yield f"{_INDENT * (depth + 1)}{name} {_word(part)}"


def _said(value: Any) -> Iterator[tuple[str, object]]:
    for field in fields(value):
        part = getattr(value, field.name)
        if part != (None if field.default is MISSING else field.default) and part != "":
            yield field.name, part


def _word(part: object) -> str:
    match part:
        case Order(by, descending):
            return f"{'-' if descending else ''}{_word(by)}"
        case Aggregate(function, of):
            return function if of is None else f"{function}:{_word(of)}"
        case tuple():
            return ", ".join(map(_word, part))
        case Name(path):
            return ".".join(path)
        case _ if isinstance(part, _EXPRESSIONS):
            return spelled(part)
        case _ if is_dataclass(part):
            return f"({', '.join(f'{name}={_word(one)}' for name, one in _said(part))})"
        case _:
            return str(part)
