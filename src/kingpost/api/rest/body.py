"""What a body holds: decoded strictly, by its media type, before anything is asked about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from kingpost.api.message import HttpRequest
from kingpost.errors import Detail, Invalid, Malformed, NotTaken, TooLarge
from kingpost.query.operations import ROWS_WRITTEN_MAX

JSON, MERGE_PATCH, JSON_PATCH = "application/json", "application/merge-patch+json", "application/json-patch+json"
FIELDS_MAX = 200
NAME_LETTERS_MAX = 128
DEPTH_MAX = 100


def media_type(request: HttpRequest, offered: tuple[str, ...]) -> str:
    """The media type of the body, one of `offered`; the first where the request does not say.

    Raises:
        NotTaken: it is another, or the body is encoded.
    """
    encoding = request.headers.get(b"content-encoding")
    if encoding is not None and encoding.strip().lower() != b"identity":
        raise NotTaken("encoded bodies are not taken", taken=("identity",), hint="send the body as it is")
    given = request.headers.get(b"content-type")
    if given is None:
        return offered[0]
    name = given.decode("latin-1").partition(";")[0].strip().lower()
    if name not in offered:
        raise NotTaken(f"a body of {name[:60]!r} is not taken here", taken=offered, hint=f"send {' or '.join(offered)}")
    return name


def decoded(body: bytes) -> Any:
    """The JSON of a body (RFC 8259).

    Raises:
        Malformed: it is none, or is not UTF-8.
        TooLarge: it is nested deeper than we take.
    """
    if not body:
        raise Malformed("there is no body", hint="send JSON")
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"the body is not JSON: {error}") from error
    except RecursionError as error:
        raise TooLarge("the body is nested too deep", hint=f"at most {DEPTH_MAX} levels", where="body") from error
    # What has few brackets cannot be deep: only then is each of its values looked at.
    if body.count(b"[") + body.count(b"{") > DEPTH_MAX:
        _check_depth(value, 0)
    return value


def an_object(value: object, at: str = "") -> dict[str, Any]:
    """`value`, which is an object of not too many members.

    Raises:
        Invalid: it is not.
        TooLarge: it has too many, or the name of one is too long.
    """
    if not isinstance(value, dict):
        raise Invalid([Detail(at, "an object is wanted here, with the row's fields", Invalid.code)])
    if len(value) > FIELDS_MAX:
        raise TooLarge(f"an object of {len(value)} members, at most {FIELDS_MAX} are taken", where="body")
    # Names are kept with the plan of their shape, so they are as bounded as a query is.
    if value and max(map(len, value)) > NAME_LETTERS_MAX:
        raise TooLarge(f"the name of a member is longer than {NAME_LETTERS_MAX} letters", where="body")
    return value


def rows_of(value: list[object]) -> list[Mapping[str, Any]]:
    """The rows of a bulk body.

    Raises:
        Invalid: there are none, or one is no object.
        TooLarge: there are too many, or one has too many members.
    """
    if not value:
        raise Invalid([Detail("", "at least one row is wanted", Invalid.code)])
    if len(value) > ROWS_WRITTEN_MAX:
        raise TooLarge(f"{len(value)} rows at once, at most {ROWS_WRITTEN_MAX:,} are taken", where="body")
    return [an_object(one, f"/{number}") for number, one in enumerate(value)]


def _check_depth(value: object, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise TooLarge("the body is nested too deep", hint=f"at most {DEPTH_MAX} levels", where="body")
    if isinstance(value, dict):
        for one in value.values():
            _check_depth(one, depth + 1)
    elif isinstance(value, list):
        for one in value:
            _check_depth(one, depth + 1)
