"""Split a request into its skeleton, the shape a plan is kept for, and its values. Runs for every request.

The skeleton is `("rest", "list", collection, …)` with one string for each parameter, in order: the name
where the parameter bears a value (`airline`, `departs_at[gte]`, `limit`), all of it where it is shape
(`sort=-a`, `price[is_null]=true`), and for groups and cursors their shape with the values taken out:
`or=(a[gt]=?,b=?)`, `cursor=n:01` (a 1 for each null key). For one row it is `("rest", "get", collection, …)`
and a composite key adds `key=2`. What a name means is not asked here: `read` does that, once for each shape.
"""

from __future__ import annotations

from typing import TypeAlias

from kingpost.api.rest.cursor import decode_cursor
from kingpost.api.rest.grammar import (
    BASE,
    GROUPS,
    HAVING,
    IS_NULL,
    NESTED,
    STRUCTURAL,
    WORDS,
    Condition,
    parse_group,
    write_group,
)
from kingpost.call import Skeleton
from kingpost.errors import Malformed, NotFound, TooLarge

PATH_BYTES_MAX = 2_048
QUERY_BYTES_MAX = 16_384
PARAMETERS_MAX = 100
KEY_PARTS_MAX = 16

Split: TypeAlias = tuple[Skeleton, list[object]]

_SPECIAL = WORDS - STRUCTURAL - {"limit"}
_BASE_LENGTH = len(BASE)
_IS_NULL = f"[{IS_NULL}]"
_OCTETS = {f"{a}{b}": int(a + b, 16) for a in "0123456789abcdefABCDEF" for b in "0123456789abcdefABCDEF"}


def split(path: str, query: bytes) -> Split:
    """Split a read.

    Args:
        path: as on the wire, percent-encoded: `/v1/flights` or `/v1/flights/{key}`.
        query: as on the wire, percent-encoded.

    Raises:
        Malformed: broken percent-encoding, text that is not UTF-8, a group or cursor that does not parse.
        TooLarge: more than we take.
        NotFound: no collection can have this path.
    """
    if len(path) > PATH_BYTES_MAX:
        raise TooLarge(f"the path is longer than {PATH_BYTES_MAX} bytes", where="path")
    collection, slash, key = path[_BASE_LENGTH:].partition("/")
    values: list[object] = []
    skeleton = ["rest", "get" if slash else "list", collection]
    if slash:
        _split_key(path, key, skeleton, values)
    if query:
        _split_query(query, skeleton, values)
    return tuple(skeleton), values


def unquote(text: str, where: str) -> str:
    """Percent-decode (RFC 3986, 2.1), strictly.

    Raises:
        Malformed: a % without two hex digits, or bytes that are not UTF-8.
    """
    first, *rest = text.split("%")
    try:
        decoded = bytearray(first.encode())
        for part in rest:
            decoded.append(_OCTETS[part[:2]])
            decoded += part[2:].encode()
        return decoded.decode()
    except KeyError as error:
        raise Malformed(f"the {where} holds a broken percent-encoding", hint="write % itself as %25") from error
    except UnicodeError as error:
        raise Malformed(f"the {where} is not UTF-8") from error


def _split_key(path: str, key: str, skeleton: list[str], values: list[object]) -> None:
    if not key or "/" in key:
        raise NotFound(f"there is nothing at {path[:80]}", hint="one row is at /v1/{collection}/{key}")
    # Before decoding: a comma within a part is written %2C.
    if "," not in key:
        values.append(unquote(key, "path") if "%" in key else key)
        return
    parts = key.split(",")
    if len(parts) > KEY_PARTS_MAX:
        raise TooLarge(
            f"the key has more than {KEY_PARTS_MAX} parts", hint="write a comma within one as %2C", where="path"
        )
    skeleton.append(f"key={len(parts)}")
    values.extend(unquote(part, "path") if "%" in part else part for part in parts)


def _split_query(query: bytes, skeleton: list[str], values: list[object]) -> None:
    if len(query) > QUERY_BYTES_MAX:
        raise TooLarge(f"the query is longer than {QUERY_BYTES_MAX} bytes", where="query")
    text = _text(query)
    encoded = "%" in text or "+" in text
    if encoded:
        # Clients encode these four out of habit. None of them separates anything, so all can be decoded at once.
        text = text.replace("%5B", "[").replace("%5D", "]").replace("%3A", ":").replace("%2C", ",")
        encoded = "%" in text or "+" in text
    parts = text.split("&")
    if len(parts) > PARAMETERS_MAX:
        raise TooLarge(f"there are more than {PARAMETERS_MAX} parameters", where="query")
    for part in parts:
        name, equals, value = part.partition("=")
        if encoded:
            name, value = _decoded(name), _decoded(value)
            if "=" in name:
                equals = ""
        if not equals:
            if not part:
                continue
            raise Malformed(f"the parameter {name[:80]!r} is not written as name=value", where=name[:80])
        if name in STRUCTURAL:
            skeleton.append(f"{name}={value}" if encoded else part)
        elif name in _SPECIAL or "." in name or name.endswith(_IS_NULL):
            _split_special(name, value, skeleton, values)
        else:
            skeleton.append(name)
            values.append(value)


def _text(query: bytes) -> str:
    try:
        return query.decode()
    except UnicodeDecodeError as error:
        raise Malformed("the query is not UTF-8") from error


def _decoded(text: str) -> str:
    # A form's + is a space (the URL standard, 5.1); a plus sign itself is written %2B.
    if "+" in text:
        text = text.replace("+", " ")
    return unquote(text, "query") if "%" in text else text


def _split_special(name: str, value: str, skeleton: list[str], values: list[object]) -> None:
    path, _, last = name.rpartition(".")
    if last in GROUPS or name == HAVING:
        if name == HAVING and not value.startswith("("):
            value = f"({value})"
        group = parse_group(name, value, name)
        skeleton.append(write_group(group, lambda one: _placed(one, values)))
    elif last == "cursor":
        shape, found = decode_cursor(value, name)
        skeleton.append(f"{name}={shape}")
        values.extend(found)
    elif name.endswith(_IS_NULL) or (path and last in NESTED and last != "limit"):
        skeleton.append(f"{name}={value}")
    else:
        skeleton.append(name)
        values.append(value)


def _placed(condition: Condition, values: list[object]) -> str:
    if condition.operator == IS_NULL:
        return condition.text
    values.append(condition.text)
    return "?"
