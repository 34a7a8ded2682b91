"""Cursors: base64url of the JSON array `[fingerprint, "n" or "p", sort key, …]` (RFC 4648, 5; no padding).

"n" leads to the rows behind the one with these sort keys, "p" to those before it. Whoever forges one asks
nothing they could not ask by a filter: the policy narrows every page alike.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from typing import Annotated

import msgspec
from msgspec import Meta

from kingpost.errors import Malformed, TooLarge

CURSOR_BYTES_MAX = 4_096
KEYS_MAX = 64
NEXT, PREVIOUS = b"n", b"p"

_TO_URL, _FROM_URL = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")
_decoder: msgspec.json.Decoder[list[str | int | float | bool | None]] = msgspec.json.Decoder(
    Annotated[list[str | int | float | bool | None], Meta(min_length=3)]
)


def encode_cursor(fingerprint: str, direction: bytes, keys: bytes) -> bytes:
    """The cursor of the row whose sort keys are the JSON array `keys`."""
    separator = b"," if len(keys) > 2 else b""
    plain = b'["%b","%b"%b%b' % (fingerprint.encode(), direction, separator, keys[1:])
    return b2a_base64(plain, newline=False).translate(_TO_URL, b"=")


def decode_cursor(text: str, where: str) -> tuple[str, list[object]]:
    """The cursor's shape, such as `n:001` (a 1 for each null key), and its values: fingerprint, then the keys not null.

    Raises:
        Malformed: it is no cursor of ours.
        TooLarge: it is longer than any we make.
    """
    if len(text) > CURSOR_BYTES_MAX:
        raise TooLarge(f"the cursor is longer than {CURSOR_BYTES_MAX} bytes", where=where)
    fingerprint, direction, *keys = _array(text, where)
    if not isinstance(fingerprint, str) or direction not in ("n", "p") or len(keys) > KEYS_MAX:
        raise _malformed(where)
    if None not in keys:
        return f"{direction}:{'0' * len(keys)}", [fingerprint, *keys]
    mask = "".join(["1" if key is None else "0" for key in keys])
    return f"{direction}:{mask}", [fingerprint, *(key for key in keys if key is not None)]


def _array(text: str, where: str) -> list[str | int | float | bool | None]:
    try:
        raw = text.encode("ascii").translate(_FROM_URL)
        return _decoder.decode(a2b_base64(raw + b"=" * (-len(raw) % 4), strict_mode=True))
    except (UnicodeError, Error, msgspec.DecodeError) as error:
        raise _malformed(where) from error


def _malformed(where: str) -> Malformed:
    return Malformed(f"{where} is no cursor", hint="take it as it stood in `next` or `prev`", where=where)
