"""Refusals in the contract: the problem document (RFC 9457), and which of them an operation may answer with."""

from __future__ import annotations

from collections.abc import Iterable

from kingpost.api.problem import STATUSES, TITLES
from kingpost.api.rest.describe.values import Schema, reference
from kingpost.query.arguments import FAULTS_MAX

PROBLEM = "Problem"
_TEXT_MAX = 10_000
READ = (400, 401, 403, 404, 406, 414, 431, 500, 503)
WRITE = (400, 401, 403, 404, 409, 412, 413, 414, 415, 422, 431, 500, 503)
_SAID = {
    400: "The request does not parse, names what is not there, or would cost too much.",
    401: "We do not know who you are.",
    403: "You may not do this.",
    404: "There is no such row, or none that you may see.",
    406: "None of the media types you accept is offered.",
    409: "It stands against what is stored, or other writes came between.",
    412: "The row is not as the precondition says.",
    413: "The body is too large.",
    414: "The path or the query is too long.",
    415: "The media type of the body is not taken.",
    422: "The body does not fit: every fault with a JSON pointer.",
    431: "The headers are too large.",
    500: "This is our defect; the log has it under the request id.",
    503: "There is no answer now; try again.",
}
_HEADERS = {
    401: {"WWW-Authenticate": "How to show who you are (RFC 9110, 11.6.1)."},
    415: {"Accept": "Which media types are taken (RFC 9110, 15.5.16)."},
    503: {"Retry-After": "After how many seconds to try again (RFC 9110, 10.2.3)."},
}


def problem_schemas() -> Schema:
    """The problem document and what it is made of."""
    fault = {
        "type": "object",
        "description": "One fault: a pointer into the body (RFC 6901) or the name of a parameter, and what is wrong.",
        "properties": {"pointer": _text(), "parameter": _text(), "detail": _text(), "code": _code()},
        "required": ["detail", "code"],
        "additionalProperties": False,
    }
    document = {
        "type": "object",
        "description": "Why a request was refused (RFC 9457).",
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "maxLength": 100},
            "title": _text(),
            "status": {"type": "integer", "format": "int32", "minimum": 400, "maximum": 599},
            "detail": _text(),
            "code": _code(),
            "hint": _text(),
            "request_id": {"type": "string", "maxLength": 64},
            "errors": {"type": "array", "items": reference("Fault"), "maxItems": FAULTS_MAX},
        },
        "required": ["type", "title", "status", "detail", "code", "request_id"],
        "additionalProperties": False,
    }
    return {PROBLEM: document, "Fault": fault}


def problem_responses() -> Schema:
    """The refusals there are, by the names under which operations refer to them."""
    return {_name(status): _response(status) for status in sorted({*READ, *WRITE})}


def refusals(statuses: Iterable[int]) -> Schema:
    """The refusals of an operation."""
    return {str(status): {"$ref": f"#/components/responses/{_name(status)}"} for status in statuses}


def _response(status: int) -> Schema:
    response: Schema = {
        "description": _SAID[status],
        "content": {"application/problem+json": {"schema": reference(PROBLEM)}},
    }
    headers = {
        name: {"description": said, "schema": {"type": "string", "maxLength": 1_000}}
        for name, said in _HEADERS.get(status, {}).items()
    }
    return {**response, "headers": headers} if headers else response


def _name(status: int) -> str:
    return f"Refused{status}"


def _text() -> Schema:
    return {"type": "string", "maxLength": _TEXT_MAX}


def _code() -> Schema:
    return {"type": "string", "enum": sorted(TITLES)}


assert set(STATUSES.values()) - {405, 410} <= {*READ, *WRITE}, "each status is told of somewhere"
