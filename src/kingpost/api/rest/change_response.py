"""Write the answer to a write, a batch or an action as a response."""

from __future__ import annotations

from urllib.parse import quote

import msgspec
from msgspec import Struct

from kingpost.api.message import JSON_TYPE, Header, HttpRequest, HttpResponse
from kingpost.api.rest.grammar import BASE
from kingpost.api.rest.preconditions import minimal
from kingpost.api.rest.write import entity_tag
from kingpost.call import Answer
from kingpost.errors import NotFound

# What was written has to be asked for again: no cache keeps the answer to an unsafe method (RFC 9111, 4).
NO_STORE = (b"cache-control", b"no-store")
APPLIED = (b"preference-applied", b"return=minimal")


class Done(Struct, frozen=True):
    """What was done, for the access log and the address of a new row."""

    request: HttpRequest
    collection: str
    verb: str
    parameters: tuple[str, ...] = ()

    @property
    def action(self) -> str:
        """As the log has it: `flights.create`."""
        return f"{self.collection}.{self.verb}" if self.collection else self.verb


def written_row(answer: Answer, done: Done) -> HttpResponse:
    """One row: 201 where it is new, else 200; 204 where nothing of it is shown."""
    headers: list[Header] = [NO_STORE]
    if answer.created:
        headers.append((b"location", location(answer, done)))
    shown = answer.body is not None
    if shown:
        headers.append((b"etag", entity_tag(answer.version, answer.body or b"")))
    if minimal(done.request) or not shown:
        headers += [APPLIED] if shown else []
        return _response(201 if answer.created else 204, headers, b"", done)
    return _response(201 if answer.created else 200, [JSON_TYPE, *headers], answer.body or b"", done)


def written_rows(answer: Answer, done: Done) -> HttpResponse:
    """Several new rows, in the order in which they were given."""
    if minimal(done.request) or answer.body is None:
        headers = [NO_STORE, APPLIED] if answer.body is not None else [NO_STORE]
        return _response(201, headers, b"", done)
    return _response(201, [JSON_TYPE, NO_STORE], b'{"data":' + answer.body + b"}", done)


def counted(answer: Answer, done: Done) -> HttpResponse:
    """How many rows a set-based write changed."""
    return _response(200, [JSON_TYPE, NO_STORE], b'{"count":%d}' % (answer.changed or 0), done)


def deleted(done: Done) -> HttpResponse:
    """A row that is gone."""
    return _response(204, [NO_STORE], b"", done)


def acted(answer: Answer, done: Done) -> HttpResponse:
    """What an action returned: a row with its tag, rows, a value, or nothing."""
    if answer.body is None:
        return _response(204, [NO_STORE], b"", done)
    tag = [] if answer.version is None else [(b"etag", entity_tag(answer.version, answer.body))]
    return _response(200, [JSON_TYPE, NO_STORE, *tag], answer.body, done)


def batched(answer: Answer, statuses: list[str], done: Done) -> HttpResponse:
    """The results of a batch's parts, by their verbs; without the rows where less is preferred."""
    less = minimal(done.request)
    results = [_result(part, verb, less) for part, verb in zip(answer.parts, statuses, strict=True)]
    headers = [JSON_TYPE, NO_STORE, APPLIED] if less else [JSON_TYPE, NO_STORE]
    return _response(200, headers, msgspec.json.encode({"results": results}), done)


def location(answer: Answer, done: Done) -> bytes:
    """Where a new row is (RFC 9110, 10.2.2): a comma within a part of its key is %2C, and a colon, which actions have, %3A."""
    values = msgspec.json.decode(answer.key or b"[]")
    if len(values) == 1 and isinstance(values[0], str) and values[0].isascii() and values[0].replace("-", "").isalnum():
        return f"{done.request.root}{BASE}{done.collection}/{values[0]}".encode()
    key = ",".join(quote(str(value), safe="-._~!$&'()*+;=@") for value in values)
    return f"{done.request.root}{BASE}{done.collection}/{key}".encode()


def _result(part: Answer, verb: str, less: bool) -> dict[str, object]:
    status = 204 if verb == "delete" else 201 if part.created or verb == "create" else 200
    shown = part.body is not None and not less
    result: dict[str, object] = {"status": status if shown or status == 201 else 204}
    if part.body is not None:
        if shown:
            result["body"] = msgspec.Raw(part.body)
        if part.version is not None:
            result["etag"] = entity_tag(part.version, part.body).decode()
    if not shown and part.key is not None and verb != "delete":
        result["key"] = msgspec.Raw(part.key)
    return result


def _response(status: int, headers: list[Header], body: bytes, done: Done) -> HttpResponse:
    return HttpResponse(status, headers, body, done.action, done.parameters)


def nothing_there(collection: str) -> NotFound:
    """There is no such row."""
    return NotFound(f"there is no such row in {collection}, or none that you may see")
