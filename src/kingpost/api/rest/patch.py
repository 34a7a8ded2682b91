"""Patches of JSON documents: JSON Merge Patch (RFC 7396) and JSON Patch (RFC 6902). Pure."""

from __future__ import annotations

import copy
from typing import Any

from kingpost.errors import Conflict, Detail, Invalid

OPERATIONS_MAX = 200
_MEMBERS = {
    "add": ("path", "value"),
    "remove": ("path",),
    "replace": ("path", "value"),
    "move": ("path", "from"),
    "copy": ("path", "from"),
    "test": ("path", "value"),
}


def merged(target: object, patch: object) -> object:
    """`target` with a merge patch applied: null takes away, objects are merged, all else takes the place."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def patched(document: object, operations: object) -> Any:
    """`document` with the operations of a JSON Patch applied in order; what is given stays as it is.

    Raises:
        Invalid: an operation is none, or its pointer leads to nothing; its own pointer is in the fault.
        Conflict: a `test` failed.
    """
    if not isinstance(operations, list):
        raise Invalid([Detail("", "a JSON Patch is an array of operations", Invalid.code)], hint="see RFC 6902")
    if len(operations) > OPERATIONS_MAX:
        raise Invalid([Detail("", f"a patch has at most {OPERATIONS_MAX} operations", Invalid.code)])
    result = copy.deepcopy(document)
    for number, operation in enumerate(operations):
        result = _applied(result, operation, f"/{number}")
    return result


def _applied(document: Any, operation: object, at: str) -> Any:
    name, path, given = _read(operation, at)
    match name:
        case "add":
            return _added(document, path, given["value"], f"{at}/path")
        case "remove":
            return _removed(document, path, f"{at}/path")
        case "replace":
            return _added(_removed(document, path, f"{at}/path"), path, given["value"], f"{at}/path")
        case "test":
            if not _equal(_found(document, path, f"{at}/path"), given["value"]):
                fault = Detail(f"{at}/value", "the value is another", Conflict.code)
                raise Conflict(
                    "a test of the patch failed", hint="read the row again, and decide anew", faults=(fault,)
                )
            return document
        case _:
            source = _pointer(given["from"], f"{at}/from")
            moved = copy.deepcopy(_found(document, source, f"{at}/from"))
            if name == "move":
                if path[: len(source)] == source and path != source:
                    raise _invalid(f"{at}/path", "a value cannot be moved into itself")
                document = _removed(document, source, f"{at}/from")
            return _added(document, path, moved, f"{at}/path")


def _read(operation: object, at: str) -> tuple[str, list[str], dict[str, Any]]:
    if not isinstance(operation, dict):
        raise _invalid(at, "an operation is an object")
    name = operation.get("op")
    members = _MEMBERS.get(name) if isinstance(name, str) else None
    if members is None:
        raise _invalid(f"{at}/op", f"op is one of {', '.join(_MEMBERS)}")
    for member in members:
        if member not in operation:
            raise _invalid(at, f"{name} needs {member}")
    return str(name), _pointer(operation["path"], f"{at}/path"), operation


def _pointer(text: object, at: str) -> list[str]:
    """The parts of a JSON pointer (RFC 6901)."""
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise _invalid(at, "a JSON pointer is empty or begins with /")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _found(document: Any, path: list[str], at: str) -> Any:
    for part in path:
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list):
            document = document[_index(part, len(document) - 1, at)]
        else:
            raise _invalid(at, "it leads to nothing")
    return document


def _added(document: Any, path: list[str], value: object, at: str) -> Any:
    if not path:
        return value
    parent, last = _found(document, path[:-1], at), path[-1]
    if isinstance(parent, list):
        parent.insert(len(parent) if last == "-" else _index(last, len(parent), at), value)
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        raise _invalid(at, "it leads into a value that has no parts")
    return document


def _removed(document: Any, path: list[str], at: str) -> Any:
    if not path:
        return None
    _found(document, path, at)
    parent, last = _found(document, path[:-1], at), path[-1]
    del parent[_index(last, len(parent) - 1, at) if isinstance(parent, list) else last]
    return document


def _index(part: str, largest: int, at: str) -> int:
    """An array's index: digits without leading zeros."""
    plain = part.isascii() and part.isdigit() and len(part) < 10 and (part == "0" or part[0] != "0")
    if not plain or int(part) > largest:
        raise _invalid(at, f"{part[:20]!r} is no place in an array of {largest + 1}")
    return int(part)


def _equal(one: object, other: object) -> bool:
    """Equal as JSON: true is not 1, and 1 is 1.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[name], other[name]) for name in one)
    return one == other


def _invalid(where: str, message: str) -> Invalid:
    return Invalid([Detail(where, message, Invalid.code)], hint="see RFC 6902")
