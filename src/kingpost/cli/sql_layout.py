"""Breaks one long SQL statement into lines at its clauses, for reading; nothing but white space is changed."""

from __future__ import annotations

import re

_CLAUSES = r"SELECT|FROM|LEFT JOIN|JOIN|CROSS JOIN|WHERE|GROUP BY|HAVING|ORDER BY|LIMIT|UNION ALL|WITH"
# Quoted names and texts are taken whole, so that no clause is found within.
_TOKEN = re.compile(rf"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\(|\)|\s*\b(?:{_CLAUSES})\b(?=[\s(])", re.IGNORECASE)
_INDENT = "  "


def laid_out(sql: str) -> str:
    """The statement with each clause on a line of its own, indented by how deep it stands."""
    depth, out, at = 0, [], 0
    for found in _TOKEN.finditer(sql):
        out.append(sql[at : found.start()])
        text, at = found[0], found.end()
        if text in "()":
            depth += 1 if text == "(" else -1
        elif text[0] not in "'\"":
            text = f"\n{_INDENT * depth}{text.strip()}"
        out.append(text)
    return "".join([*out, sql[at:]]).strip()
