"""Take the path and the query of a request for an own endpoint apart: strictly, and bounded."""

from __future__ import annotations

import re
from urllib.parse import unquote

from kingpost.errors import Malformed, TooLarge

PATH_BYTES_MAX = 2_048
QUERY_BYTES_MAX = 16_384
PARAMETERS_MAX = 100
_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")


def parts_of(path: str) -> tuple[str, ...]:
    """The parts of a path, percent-decoded one by one, so that %2F within one is no slash between two.

    Raises:
        TooLarge, Malformed: it is longer than we take; it does not decode (RFC 3986, 2.1).
    """
    if len(path) > PATH_BYTES_MAX:
        raise TooLarge(f"the path is longer than {PATH_BYTES_MAX} bytes", where="path")
    return () if path == "/" else tuple(_decoded(part, "path") for part in path[1:].split("/"))


def query_of(query: bytes) -> dict[str, str]:
    """The parameters of a query by name.

    Raises:
        TooLarge, Malformed: it is longer than we take; it does not decode, or has a parameter twice or without `=`.
    """
    if len(query) > QUERY_BYTES_MAX:
        raise TooLarge(f"the query is longer than {QUERY_BYTES_MAX} bytes", where="query")
    try:
        parts = query.decode().split("&")
    except UnicodeDecodeError as error:
        raise Malformed("the query is not UTF-8") from error
    if len(parts) > PARAMETERS_MAX:
        raise TooLarge(f"there are more than {PARAMETERS_MAX} parameters", where="query")
    found: dict[str, str] = {}
    for part in filter(None, parts):
        name, equals, value = part.partition("=")
        # A form's + is a space (the URL standard, 5.1); a plus sign itself is written %2B.
        name, value = _decoded(name.replace("+", " "), "query"), _decoded(value.replace("+", " "), "query")
        if not equals:
            raise Malformed(f"the parameter {name[:80]!r} is not written as name=value", where=name[:80])
        if name in found:
            raise Malformed(f"the parameter {name[:80]!r} is given twice", where=name[:80])
        found[name] = value
    return found


def _decoded(text: str, where: str) -> str:
    if _BROKEN.search(text):
        raise Malformed(f"the {where} holds a broken percent-encoding", hint="write % itself as %25")
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise Malformed(f"the {where} is not UTF-8") from error
