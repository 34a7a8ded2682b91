"""Write an answer as a response: one row as the object itself, rows and buckets in an envelope with cursors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from string import ascii_letters, digits
from typing import Literal
from urllib.parse import quote, unquote_to_bytes

from kingpost.api.message import JSON_TYPE, Header, HttpRequest, HttpResponse
from kingpost.api.rest.cursor import NEXT, PREVIOUS, encode_cursor
from kingpost.call import Answer, Skeleton
from kingpost.errors import NotFound

HASH_BYTES = 8
IF_NONE_MATCH = b"if-none-match"
# A cache keeps it for its one user and asks each time; a declaration will be able to say more.
CACHE_CONTROL = (b"cache-control", b"private, no-cache")

# What may stand between < and > of a Link as it is: the characters of a URI (RFC 3986, 2), written brackets included.
_IN_LINK = (ascii_letters + digits + "-._~%!$&'()*+,;=:@/?[]").encode()
_TAG = re.compile(rb'(?:W/)?"([^"]*)"')
_CODING = re.compile(rb"-(?:gzip|zstd)$")


def write(answer: Answer, skeleton: Skeleton, request: HttpRequest) -> HttpResponse:
    """The response to a read.

    Raises:
        NotFound: there is no such row.
    """
    if skeleton[1] == "list":
        return _write_list(answer, skeleton, request)
    return _write_row(answer, skeleton, request)


def entity_tag(version: int | None, body: bytes) -> bytes:
    """`"<version>-<hash>"`: If-None-Match compares all of it, If-Match the version (RFC 9110, 8.8.3)."""
    digest = blake2b(body, digest_size=HASH_BYTES).hexdigest().encode()
    return b'"%b"' % digest if version is None else b'"%d-%b"' % (version, digest)


def matching_tag(if_none_match: bytes, tag: bytes) -> bytes | None:
    """The tag in If-None-Match that names this representation in any coding, by weak comparison; None if none does."""
    if if_none_match.strip() == b"*":
        return tag
    plain = tag[1:-1]
    for opaque in _TAG.findall(if_none_match):
        if _CODING.sub(b"", opaque) == plain:
            return b'"%b"' % opaque
    return None


def _write_row(answer: Answer, skeleton: Skeleton, request: HttpRequest) -> HttpResponse:
    if answer.body is None:
        raise NotFound(f"there is no such row in {skeleton[2]}, or none that you may see")
    shape = _shape(skeleton)
    tag = entity_tag(answer.version, answer.body)
    if IF_NONE_MATCH in request.headers and (matched := matching_tag(request.headers[IF_NONE_MATCH], tag)):
        return HttpResponse(304, [(b"etag", matched), CACHE_CONTROL], b"", shape.action, shape.parameters)
    headers = [JSON_TYPE, CACHE_CONTROL, (b"etag", tag)]
    return HttpResponse(200, headers, answer.body, shape.action, shape.parameters)


def _write_list(answer: Answer, skeleton: Skeleton, request: HttpRequest) -> HttpResponse:
    shape = _shape(skeleton)
    onward, back = _cursors(answer, shape)
    headers = [JSON_TYPE, CACHE_CONTROL]
    if onward or back:
        headers.append(_link(request, shape, onward, back))
    count = b"" if answer.count is None else b',"count":%d' % answer.count
    rows = answer.body or b"[]"
    following = b',"next":"%b"' % onward if onward else b',"next":null'
    preceding = b',"prev":"%b"' % back if back else b',"prev":null'
    body = b"".join((b'{"data":', rows, following, preceding, count, b"}"))
    return HttpResponse(200, headers, body, shape.action, shape.parameters)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What writing needs to know of a skeleton; `page` is None on a first page."""

    action: str
    parameters: tuple[str, ...]
    page: Literal["next", "prev"] | None


@lru_cache(maxsize=256)
def _shape(skeleton: Skeleton) -> _Shape:
    parameters = tuple(one.partition("=")[0] for one in skeleton[3:])
    page: Literal["next", "prev"] | None = None
    if "cursor" in parameters:
        page = "prev" if skeleton[3 + parameters.index("cursor")].startswith("cursor=p") else "next"
    return _Shape(f"{skeleton[2]}.{skeleton[1]}", parameters, page)


def _cursors(answer: Answer, shape: _Shape) -> tuple[bytes | None, bytes | None]:
    """The next and the previous page's cursor. Where we came from there is a page; onwards only if more rows lie there."""
    if answer.first is None or answer.last is None:
        return None, None
    backward = shape.page == "prev"
    onward = backward or answer.more
    back = answer.more if backward else shape.page is not None
    return (
        encode_cursor(answer.fingerprint, NEXT, answer.last) if onward else None,
        encode_cursor(answer.fingerprint, PREVIOUS, answer.first) if back else None,
    )


def _link(request: HttpRequest, shape: _Shape, onward: bytes | None, back: bytes | None) -> Header:
    """RFC 8288: the same path and query with another cursor, relative, so that no proxy's name for us matters."""
    query = request.query
    if shape.page is not None:
        query = _without_cursor(query)
    target = (request.root + request.path).encode() + (b"?%b&" % query if query else b"?")
    if target.translate(None, _IN_LINK):
        target = quote(target, safe=_IN_LINK).encode()
    links = []
    if onward:
        links.append(b'<%bcursor=%b>; rel="next"' % (target, onward))
    if back:
        links.append(b'<%bcursor=%b>; rel="prev"' % (target, back))
    return b"link", b", ".join(links)


def _without_cursor(query: bytes) -> bytes:
    # It stands last where the caller follows our links, and nobody gives it twice.
    others, found, last = query.rpartition(b"&cursor=")
    if found and b"&" not in last:
        return others
    return b"&".join(part for part in query.split(b"&") if not _is_cursor(part))


def _is_cursor(part: bytes) -> bool:
    name = part.partition(b"=")[0]
    return (unquote_to_bytes(name) if b"%" in name else name) == b"cursor"
