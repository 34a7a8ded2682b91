"""The fingerprint of an operation: what a cursor carries, so that it fits no other question."""

from __future__ import annotations

import re
from dataclasses import replace
from hashlib import blake2b

from kingpost.query.operations import Group, Read


def fingerprint(operation: Read | Group, at: str = "") -> str:
    """Twelve hex digits of the operation's shape, without its page and without slot numbers.

    Args:
        operation: as it was asked.
        at: where it stands, for one nested in another.
    """
    shape = re.sub(r"Slot\(number=\d+", "Slot(", at + repr(_without_page(operation)))
    return blake2b(shape.encode(), digest_size=6).hexdigest()


def _without_page(operation: Read | Group) -> Read | Group:
    if isinstance(operation, Group):
        return replace(operation, cursor=None, limit=None)
    includes = tuple(replace(one, read=_read_without_page(one.read)) for one in operation.includes)
    return replace(operation, cursor=None, limit=None, count="none", includes=includes)


def _read_without_page(read: Read) -> Read:
    bare = _without_page(read)
    assert isinstance(bare, Read)
    return bare
