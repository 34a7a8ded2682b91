"""How statements are laid out, so that people can read them in golden files, logs and `explain`.

No literal holds a line break (`names.text` writes them escaped), so indenting never changes a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def clauses(*parts: str) -> str:
    """A statement, one clause a line; empty ones are left out."""
    return "\n".join(part for part in parts if part)


def nested(sql: str) -> str:
    """A subselect in parentheses: on one line where it has one, else indented."""
    if "\n" not in sql:
        return f"({sql})"
    return "(\n  " + sql.replace("\n", "\n  ") + "\n)"


def columns(parts: Sequence[str]) -> str:
    """A select list, one column a line."""
    return ",\n  ".join(parts)


def where(conditions: Iterable[str]) -> str:
    """The clause, one condition a line; empty where there is none."""
    joined = "\n  AND ".join(conditions)
    return f"WHERE {joined}" if joined else ""
