"""Text as PostgreSQL's C.UTF-8 sees it: simple letter case, and LIKE."""

from __future__ import annotations

import re
from functools import lru_cache


def lower(text: str) -> str:
    """Each character's simple lower case; unlike str.lower, never longer and blind to its neighbours."""
    if text.isascii():
        return text.lower()
    return "".join([one.lower()[0] for one in text])


def upper(text: str) -> str:
    """Each character's simple upper case: a sharp s stays what it is."""
    if text.isascii():
        return text.upper()
    return "".join([_upper(one) for one in text])


@lru_cache(maxsize=1_024)
def like(pattern: str) -> re.Pattern[str]:
    """What to `fullmatch` for LIKE: % is any text, _ any character, a backslash takes the next one literally.

    A lone backslash at the end stands for itself; PostgreSQL would raise, and no filter may raise.
    """
    first, *rest = _pieces(pattern)
    if not rest:
        return re.compile(first, re.DOTALL)
    # The leftmost place is always right for a piece between two %, and the atomic group keeps it: without it a
    # pattern of many % would take time exponential in their number.
    middle = "".join(f"(?>.*?{piece})" for piece in rest[:-1] if piece)
    return re.compile(f"{first}{middle}.*{rest[-1]}", re.DOTALL)


def _pieces(pattern: str) -> list[str]:
    """Regular expressions for what stands between the % signs."""
    pieces = [""]
    characters = iter(pattern)
    for one in characters:
        if one == "%":
            pieces.append("")
        elif one == "_":
            pieces[-1] += "."
        else:
            pieces[-1] += re.escape(next(characters, one) if one == "\\" else one)
    return pieces


def _upper(character: str) -> str:
    for candidate in (character.upper(), character.title()):
        if len(candidate) == 1:
            return candidate
    return character
