"""Patches of JSON documents: JSON Merge Patch (RFC 7396) and JSON Patch (RFC 6902). Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kingpost.errors import Conflict, Detail, Invalid, TooLarge

OPERATIONS_MAX = 200
DEPTH_MAX = 100
LETTERS_MAX = 4_000_000
"""So many letters and values the patched document may have: `copy` doubles it with a few bytes."""
_MEMBERS = {
    "add": ("path", "value"),
    "remove": ("path",),
    "replace": ("path", "value"),
    "move": ("path", "from"),
    "copy": ("path", "from"),
    "test": ("path", "value"),
}
# RFC 6901, 3: a tilde is only ever written as ~0, a slash within a part as ~1.
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)*")
_FIELD = re.compile(r"/(?!\d+$)[^/]+")


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

    The result shares with it, and within itself, what is the same.

    Raises:
        Invalid: an operation is none, or its pointer leads to nothing; its own pointer is in the fault.
        Conflict: a `test` failed.
        TooLarge: the result would be too large or too deep.
    """
    if not isinstance(operations, list):
        raise Invalid([Detail("", "a JSON Patch is an array of operations", Invalid.code)], hint="see RFC 6902")
    if len(operations) > OPERATIONS_MAX:
        raise TooLarge(f"a patch has at most {OPERATIONS_MAX} operations", where="body")
    patching = _Patching()
    for number, operation in enumerate(operations):
        document = patching.applied(document, operation, f"/{number}")
    if patching.size(document)[0] > LETTERS_MAX:
        raise TooLarge(f"the patch makes a document of more than {LETTERS_MAX:,} letters", where="body")
    return document


def pointed(faults: Sequence[Detail], operations: object) -> tuple[Detail, ...]:
    """Faults of the patched row's fields as those of the operations that wrote them last."""
    last: dict[str, str] = {}
    for number, one in enumerate(operations if isinstance(operations, list) else ()):
        if one["op"] != "test":
            last[f"/{one['path'].split('/')[1]}" if one["path"] else ""] = f"/{number}/path"
    return tuple(
        replace(one, where=last.get(one.where, last.get("", one.where))) if _FIELD.fullmatch(one.where) else one
        for one in faults
    )


@dataclass(slots=True)
class _Patching:
    """One patch being applied; `sizes` has each array and object once, however often it is copied."""

    sizes: dict[int, tuple[object, int, int]] = field(default_factory=dict)

    def applied(self, document: Any, operation: object, at: str) -> Any:
        name, path, given = _read(operation, at)
        match name:
            case "add":
                return self._added(document, path, given["value"], f"{at}/path")
            case "remove":
                return _rebuilt(document, path, f"{at}/path", _remove)
            case "replace":
                self._check_depth(path, given["value"])
                return _rebuilt(document, path, f"{at}/path", _replace(given["value"])) if path else given["value"]
            case "test":
                if not _equal(_found(document, path, f"{at}/path"), given["value"]):
                    fault = Detail(f"{at}/value", "the value is another", Conflict.code)
                    raise Conflict(
                        "a test of the patch failed", hint="read the row again, and decide anew", faults=(fault,)
                    )
                return document
            case _:
                source = _pointer(given["from"], f"{at}/from")
                value = _found(document, source, f"{at}/from")
                if name == "move":
                    if path[: len(source)] == source and path != source:
                        raise _invalid(f"{at}/path", "a value cannot be moved into itself")
                    document = _rebuilt(document, source, f"{at}/from", _remove)
                return self._added(document, path, value, f"{at}/path")

    def size(self, value: Any) -> tuple[int, int]:
        """How many letters and values there are in it, and how deep it is."""
        if not isinstance(value, dict | list):
            return 1 + (len(value) if isinstance(value, str) else 0), 0
        known = self.sizes.get(id(value))
        if known is None:
            inner = [self.size(one) for one in (value.values() if isinstance(value, dict) else value)]
            names = sum(map(len, value)) if isinstance(value, dict) else 0
            weight, depth = 1 + names + sum(one[0] for one in inner), 1 + max((one[1] for one in inner), default=0)
            # With the value itself: while it is kept, no other has its id.
            known = self.sizes[id(value)] = (value, weight, depth)
        return known[1], known[2]

    def _added(self, document: Any, path: list[str], value: object, at: str) -> Any:
        self._check_depth(path, value)
        return _rebuilt(document, path, at, _add(value)) if path else value

    def _check_depth(self, path: list[str], value: object) -> None:
        # The row itself is a level, and JSON in its fields may have DEPTH_MAX.
        if len(path) + self.size(value)[1] > DEPTH_MAX + 1:
            raise TooLarge("the patch nests values too deep", hint=f"at most {DEPTH_MAX} levels", where="body")


_Change = Callable[[Any, str, str], None]


def _rebuilt(document: Any, path: list[str], at: str, change: _Change) -> Any:
    """`document` with the array or object that the end of `path` lies in changed: what leads there is copied."""
    if not path:
        return None
    whole = document.copy() if isinstance(document, dict | list) else document
    inner = whole
    for part in path[:-1]:
        place = _place(inner, part, at)
        child = inner[place]
        inner[place] = child.copy() if isinstance(child, dict | list) else child
        inner = inner[place]
    if not isinstance(inner, dict | list):
        raise _invalid(at, "it leads into a value that has no parts")
    change(inner, path[-1], at)
    return whole


def _add(value: object) -> _Change:
    def change(inner: Any, last: str, at: str) -> None:
        if isinstance(inner, list):
            inner.insert(len(inner) if last == "-" else _index(last, len(inner), at), value)
        else:
            inner[last] = value

    return change


def _replace(value: object) -> _Change:
    def change(inner: Any, last: str, at: str) -> None:
        inner[_place(inner, last, at)] = value

    return change


def _remove(inner: Any, last: str, at: str) -> None:
    del inner[_place(inner, last, at)]


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
    if not isinstance(text, str) or _POINTER.fullmatch(text) is None:
        raise _invalid(at, "a JSON pointer is empty or begins with /; ~ in a part is written ~0, and / is ~1")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _found(document: Any, path: list[str], at: str) -> Any:
    for part in path:
        document = document[_place(document, part, at)]
    return document


def _place(inner: Any, part: str, at: str) -> Any:
    """Where a part of a pointer leads within a value: a name that is there, or an index."""
    if isinstance(inner, dict) and part in inner:
        return part
    if isinstance(inner, list):
        return _index(part, len(inner) - 1, at)
    raise _invalid(at, "it leads to nothing")


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
