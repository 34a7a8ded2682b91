"""Compress answers that are worth it: zstd or gzip, as the caller prefers (RFC 9110, 8.4; RFC 8878)."""

from __future__ import annotations

import gzip

import zstandard

from kingpost.api.message import HttpResponse
from kingpost.api.negotiate import coding_for

BYTES_MIN = 1_024
# Fast levels: a body is compressed for one caller and once, on the event loop.
GZIP_LEVEL, ZSTD_LEVEL = 4, 3


def compress(response: HttpResponse, accept_encoding: bytes) -> HttpResponse:
    """The response in the coding the caller prefers, or as it is.

    A coding makes another representation, so its ETag differs (RFC 9110, 8.8.3.3): `"7-3f"` becomes
    `"7-3f-gzip"`. The version stays in front, where If-Match looks for it.
    """
    if len(response.body) < BYTES_MIN:
        return response
    coding = coding_for(accept_encoding)
    if coding is None:
        return response
    headers = [
        (name, value[:-1] + f'-{coding}"'.encode() if name == b"etag" else value) for name, value in response.headers
    ]
    headers.append((b"content-encoding", coding.encode()))
    return HttpResponse(response.status, headers, _encode(response.body, coding))


def _encode(body: bytes, coding: str) -> bytes:
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(body)
    return gzip.compress(body, GZIP_LEVEL, mtime=0)
