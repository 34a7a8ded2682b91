"""What a caller gets to see of an error: a problem document (RFC 9457) made from the error tree.

`type` is `/problems/KP200`, relative to the service, and that page tells what the code means.
"""

from __future__ import annotations

import msgspec

import kingpost.errors
from kingpost.api.message import JSON_TYPE, Header, HttpResponse
from kingpost.errors import CallerError, Category, Detail, KingpostError, NotOffered, NotTaken, TooLarge, UnknownOutcome

STATUSES: dict[Category, int] = {
    Category.INVALID: 400,
    Category.UNAUTHENTICATED: 401,
    Category.FORBIDDEN: 403,
    Category.NOT_FOUND: 404,
    Category.NOT_OFFERED: 405,
    Category.NOT_TAKEN: 415,
    Category.CONFLICT: 409,
    Category.GONE: 410,
    Category.STALE: 412,
    Category.UNFIT: 422,
    Category.TOO_LARGE: 414,
    Category.DEFECT: 500,
    Category.UNAVAILABLE: 503,
    Category.TOO_LATE: 503,
}
TITLES: dict[str, str] = {
    "KP000": "The service is not set up right",
    "KP100": "The request does not parse",
    "KP101": "A part of the request is too large",
    "KP102": "The method or media type is not offered here",
    "KP103": "The media type of the body is not taken here",
    "KP200": "No such entity, field, relation or operator",
    "KP201": "A value does not fit its field",
    "KP202": "The question would cost too much",
    "KP203": "A row to be written does not fit",
    "KP204": "The idempotency key was used for another request",
    "KP300": "We do not know who you are",
    "KP301": "You may not do this",
    "KP302": "There is no such thing, or none that you may see",
    "KP304": "The row is not as the request supposes",
    "KP305": "It stands against what is stored",
    "KP306": "The events to go on from are not kept any more",
    "KP307": "The first request with this idempotency key has not ended",
    "KP308": "Other writes came between",
    "KP401": "There was no answer in time",
    "KP500": "The service cannot answer now",
    "KP501": "The service failed",
    "KP502": "The service is not set up right",
    "KP503": "The connection was lost while writing: it is done, or not",
}
RETRY_AFTER_S = 1
PROBLEM_TYPE = (b"content-type", b"application/problem+json")
NO_STORE = (b"cache-control", b"no-store")
_HIDDEN = {
    503: "The service cannot answer now; try again.",
    500: "This is our defect, not yours. Whoever runs the service finds it in the log under the request id.",
}
_UNKNOWN = (
    "The connection was lost while writing: it is done, or not. A request with an Idempotency-Key can be sent again as "
    "it is; look before you send any other again."
)
_DEFECT_CODE = "KP501"


def problem(error: Exception, request_id: str, token_shown: bool = False) -> HttpResponse:
    """The response for any error; what is not meant for callers is not in it.

    Args:
        error: what was raised.
        request_id: what ties the caller's report to our log.
        token_shown: whether the request bore credentials (RFC 6750, 3.1).
    """
    status = status_of(error)
    code = error.code if isinstance(error, KingpostError) else _DEFECT_CODE
    document: dict[str, object] = {"type": f"/problems/{code}", "title": TITLES[code], "status": status}
    if isinstance(error, CallerError):
        document["detail"] = error.message
        document["code"] = code
        if error.hint is not None:
            document["hint"] = error.hint
        if error.details:
            document["errors"] = [_fault(one) for one in error.details]
    else:
        document["detail"] = _UNKNOWN if isinstance(error, UnknownOutcome) else _HIDDEN.get(status, _HIDDEN[500])
        document["code"] = code
    document["request_id"] = request_id
    body = msgspec.json.encode(document)
    headers = [PROBLEM_TYPE, NO_STORE, *_headers(error, status, token_shown)]
    return HttpResponse(status, headers, body, error_code=code)


def status_of(error: Exception) -> int:
    """The HTTP status (RFC 9110, 15; RFC 6585, 5) of an error."""
    if isinstance(error, NotOffered):
        return 406 if "/" in error.offered[0] else 405
    if isinstance(error, TooLarge):
        return _too_large(error.where or "")
    return STATUSES[error.category] if isinstance(error, KingpostError) else 500


def explain(code: str) -> HttpResponse | None:
    """The page that a problem's `type` names, None where there is no such code."""
    title = TITLES.get(code)
    if title is None:
        return None
    return HttpResponse(200, [JSON_TYPE], msgspec.json.encode({"type": f"/problems/{code}", "title": title}))


def _too_large(where: str) -> int:
    if where == "headers":
        return 431
    return 413 if where == "body" or where.startswith("/") else 414


def _fault(detail: Detail) -> dict[str, str]:
    place = "pointer" if detail.where.startswith("/") else "parameter"
    return {place: detail.where, "detail": detail.message, "code": detail.code}


def _headers(error: Exception, status: int, token_shown: bool) -> list[Header]:
    if status == 401:
        return [(b"www-authenticate", b'Bearer error="invalid_token"' if token_shown else b"Bearer")]
    if status == 503:
        return [(b"retry-after", str(RETRY_AFTER_S).encode())]
    if isinstance(error, NotOffered) and status == 405:
        return [(b"allow", ", ".join(error.offered).encode())]
    if isinstance(error, NotTaken):
        return _taken(error.taken)
    return []


def _taken(taken: tuple[str, ...]) -> list[Header]:
    """What would be taken (RFC 9110, 15.5.16), of a patch also as RFC 5789, 2.2 has it."""
    names = ", ".join(taken).encode()
    if "/" not in taken[0]:
        return [(b"accept-encoding", names)]
    return [(b"accept", names), (b"accept-patch", names)] if b"patch+json" in names else [(b"accept", names)]


assert set(STATUSES) == set(Category), "each category has its status"
assert {
    one.code
    for one in vars(kingpost.errors).values()
    if isinstance(one, type) and issubclass(one, KingpostError) and "code" in vars(one)
} == set(TITLES), "each code has its title"
