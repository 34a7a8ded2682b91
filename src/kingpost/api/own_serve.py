"""Serve a team's own endpoints: find the one for method and path, read its arguments, run it, send what it returns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from msgspec import structs

from kingpost.api.idempotency import given_again, idempotency_key, kept
from kingpost.api.message import HttpRequest, HttpResponse, Route
from kingpost.api.own_request import parts_of, query_of
from kingpost.api.own_routes import BODY, OwnRoute, Parameter, reader
from kingpost.api.response import Plain, Response, http_response
from kingpost.call import Answer, Call, Skeleton
from kingpost.errors import Detail, Forbidden, Invalid, NotFound, NotOffered, Unauthenticated
from kingpost.model.expressions import Expression
from kingpost.model.read_constraints import describe, violated
from kingpost.query.operations import Operation
from kingpost.query.stages import Rendering

SAFE = frozenset({"GET", "HEAD"})

Runs: TypeAlias = Callable[..., Awaitable[HttpResponse | Answer]]
Invoke: TypeAlias = Callable[[Call, Runs, Mapping[str, object], bool], Awaitable[object]]
Admitted: TypeAlias = Callable[[Expression, Call], bool]


@dataclass(frozen=True, slots=True)
class Serving:
    """What serving endpoints takes of other rooms.

    Args:
        invoke: runs a handler for a call with these arguments; told whether it may write, then in a transaction. Of a
            call with an idempotency key the Answer is kept, and given again in place of a second run.
        admitted: whether a policy that knows no row admits who calls.
        plain: makes what JSON has of a body that holds rows.
        timezone: where a datetime without an offset is meant.
    """

    invoke: Invoke
    admitted: Admitted
    plain: Plain
    timezone: str


def own_endpoints(routes: Sequence[OwnRoute], serving: Serving) -> dict[str, Route]:
    """Who answers these endpoints, by the first part of their paths; "" for the endpoint at `/`."""
    firsts: dict[str, list[OwnRoute]] = {}
    for route in routes:
        firsts.setdefault(route.parts[0] if route.parts else "", []).append(route)
    return {first: Route("http", _Endpoints.of(found, serving).answer) for first, found in firsts.items()}


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """One endpoint, and what reads its arguments."""

    route: OwnRoute
    read: Callable[[Mapping[str, str], Mapping[str, str]], dict[str, object]]
    body: Parameter | None

    def given(self, parts: tuple[str, ...]) -> dict[str, str] | None:
        """What stands in the path for its parameters; None where it is not the path of this endpoint."""
        if len(parts) != len(self.route.parts):
            return None
        found: dict[str, str] = {}
        for pattern, part in zip(self.route.parts, parts, strict=True):
            if pattern.startswith("{") and part:
                found[pattern[1:-1]] = part
            elif pattern != part:
                return None
        return found


@dataclass(frozen=True, slots=True)
class _Endpoints:
    """All endpoints whose paths begin alike, those with a word before those with a parameter in its place."""

    endpoints: tuple[_Endpoint, ...]
    serving: Serving

    @classmethod
    def of(cls, routes: Sequence[OwnRoute], serving: Serving) -> _Endpoints:
        ordered = sorted(routes, key=lambda route: [part.startswith("{") for part in route.parts])
        return cls(tuple(_endpoint(route, serving.timezone) for route in ordered), serving)

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """What the endpoint returns.

        Raises:
            NotFound, NotOffered: there is none for this path; none for this method.
            Unauthenticated, Forbidden: its policy says no.
            Malformed, Mistyped, UnknownName, Invalid: its arguments do not fit.
            TypeError: it returned no Response, or one whose body JSON cannot hold: our team's defect.
        """
        at_path = self._at(request)
        if request.method == "OPTIONS":
            offered = ", ".join(_offered(endpoint.route for endpoint, _ in at_path))
            return HttpResponse(204, [(b"allow", offered.encode())], action="options")
        endpoint, path = _with_method(at_path, request.method)
        route = endpoint.route
        call = _call(request, "" if route.method in SAFE else idempotency_key(request))
        self._check(route, call)
        query = query_of(request.query)
        arguments = endpoint.read(path, query)
        if endpoint.body is not None:
            arguments[BODY] = _body(endpoint.body, request.body)
        runs = _running(route, self.serving.plain, kept_under=call.idempotency_key)
        done = await self.serving.invoke(call, runs, arguments, route.method not in SAFE)
        if isinstance(done, Answer):
            done = given_again(done.body or b"")
        assert isinstance(done, HttpResponse), "it answers what the runner returns"
        return structs.replace(done, parameters=tuple(query))

    def _at(self, request: HttpRequest) -> list[tuple[_Endpoint, dict[str, str]]]:
        parts = parts_of(request.path)
        found = [(one, given) for one in self.endpoints if (given := one.given(parts)) is not None]
        if not found:
            hint = f"there is {', '.join(sorted({one.route.path for one in self.endpoints}))}"
            raise NotFound(f"there is nothing at {request.path[:80]}", hint=hint)
        return found

    def _check(self, route: OwnRoute, call: Call) -> None:
        if self.serving.admitted(route.policy, call):
            return
        message = f"you may not {route.method} {route.path}"
        if call.actor.known:
            raise Forbidden(message)
        raise Unauthenticated(message, hint="show who you are with a bearer token")


def _endpoint(route: OwnRoute, timezone: str) -> _Endpoint:
    body = next((one for one in route.parameters if one.where == "body"), None)
    return _Endpoint(route, reader(route, timezone), body)


def _with_method(found: Sequence[tuple[_Endpoint, dict[str, str]]], method: str) -> tuple[_Endpoint, dict[str, str]]:
    wanted = "GET" if method == "HEAD" else method
    for endpoint, given in found:
        if endpoint.route.method == wanted:
            return endpoint, given
    raise NotOffered(f"{method[:20]} is not offered here", offered=_offered(endpoint.route for endpoint, _ in found))


def _offered(routes: Iterable[OwnRoute]) -> tuple[str, ...]:
    """The methods at a path; HEAD comes with GET (RFC 9110, 9.3.2)."""
    methods = dict.fromkeys(route.method for route in routes)
    return (*methods, *(("HEAD",) if "GET" in methods else ()), "OPTIONS")


def _body(parameter: Parameter, body: bytes) -> object:
    """The body as the endpoint takes it: none at all is its default, where it has one.

    Raises:
        Invalid: it breaks a constraint.
    """
    if not body and not parameter.required:
        return parameter.field.default.value if parameter.field.default else None
    broken = [rule for rule in parameter.field.constraints if violated(body, (rule,))]
    if broken:
        message = f"a body of {len(body)} bytes breaks {describe(broken[0])}"
        raise Invalid([Detail(BODY, message, Invalid.code)])
    return body


def _call(request: HttpRequest, idempotency_key: str) -> Call:
    """By whom and when; what is asked, the handler says."""
    return Call(
        ("http", request.method, request.path),
        (request.query, request.body),
        _unread,
        request.actor,
        request.now,
        request.deadline,
        request.address,
        request.host,
        request.request_id,
        idempotency_key,
    )


def _unread(_skeleton: Skeleton) -> tuple[Operation, Rendering]:
    raise AssertionError("an endpoint's own call asks nothing")


def _running(route: OwnRoute, plain: Plain, kept_under: str) -> Runs:
    """The handler and what makes HTTP of its answer, as one: what cannot be sent undoes what was written.

    Under an idempotency key the response comes as an Answer, so that it can be kept.
    """
    name = getattr(route.handler, "__name__", route.path)

    async def run(context: object, **arguments: object) -> HttpResponse | Answer:
        returned = await route.handler(context, **arguments)
        if not isinstance(returned, Response):
            raise TypeError(f"{route.at}: {name} returned {type(returned).__name__}, and says it returns a Response")
        response = http_response(returned, name, plain)
        return Answer(kept(response)) if kept_under else response

    return run
