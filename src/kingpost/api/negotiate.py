"""What the caller takes: media types and codings with their weights (RFC 9110, 12.4 and 12.5).

Clients send the same few headers over and over, so what they mean is kept, the last few hundred of them.
"""

from __future__ import annotations

import re
from functools import lru_cache

from kingpost.errors import NotOffered, TooLarge

OFFERED = ("application/json", "application/problem+json")
CODINGS = ("zstd", "gzip")
HEADER_BYTES_MAX = 1_024

_ANYTHING = frozenset({b"", b"*/*", b"application/json"})
_WEIGHT = re.compile(r";\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*(?:;|$)", re.IGNORECASE | re.ASCII)


def check_accept(accept: bytes) -> None:
    """Return if the caller takes JSON.

    Raises:
        NotOffered: it takes none of what we have.
        TooLarge: the header is absurdly long.
    """
    if accept in _ANYTHING:
        return
    if len(accept) > HEADER_BYTES_MAX:
        raise TooLarge(f"Accept is longer than {HEADER_BYTES_MAX} bytes", where="headers")
    if not _takes_json(accept):
        raise NotOffered("none of the media types in Accept is offered here", offered=OFFERED)


def coding_for(accept_encoding: bytes) -> str | None:
    """The best of our codings that the caller takes, or None for the plain body."""
    if not accept_encoding or len(accept_encoding) > HEADER_BYTES_MAX:
        return None
    return _best_coding(accept_encoding)


@lru_cache(maxsize=256)
def _best_coding(accept_encoding: bytes) -> str | None:
    weights = _weights(accept_encoding)
    others = weights.get("*", 0.0)
    best = max(CODINGS, key=lambda coding: weights.get(coding, others))
    weight = weights.get(best, others)
    return best if weight > 0 and weight >= weights.get("identity", 0.0) else None


@lru_cache(maxsize=256)
def _takes_json(accept: bytes) -> bool:
    weights = _weights(accept)
    for offered in OFFERED:
        for pattern in (offered, "application/*", "*/*"):
            if pattern in weights:
                if weights[pattern] > 0:
                    return True
                break  # the most specific pattern decides
    return False


def _weights(header: bytes) -> dict[str, float]:
    """Names in lower case with their weights; a weight we cannot read counts as 1."""
    found: dict[str, float] = {}
    for item in header.decode("latin-1").split(","):
        name = item.partition(";")[0].strip().lower()
        weight = _WEIGHT.search(item)
        if name:
            found[name] = max(found.get(name, 0.0), float(weight[1]) if weight else 1.0)
    return found
