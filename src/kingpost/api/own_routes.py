"""A team's own endpoints and mounted apps: what was declared, read and checked against what is there."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from kingpost.api.response import Response
from kingpost.errors import CallerError, DeclarationError, Detail, Invalid, Mistyped, UnknownName
from kingpost.model.expressions import FALSE, Expression
from kingpost.model.faults import Faults
from kingpost.model.fields import Field
from kingpost.model.function_places import Spot
from kingpost.model.manifest import suggest
from kingpost.model.read_actions import bind_rule
from kingpost.model.read_arguments import Known, check_handler, read_arguments
from kingpost.model.read_constraints import describe, violated
from kingpost.model.terms import Term
from kingpost.model.types import BYTES, Scalar
from kingpost.query.coerce import coercer, shown

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
BODY = "body"
# The first part of a path that is Kingpost's own, now or by what its protocols are to be.
TAKEN = frozenset({"livez", "readyz", "problems", "docs", "graphql", "openapi.json", "asyncapi.json"})
_VERSION = re.compile(r"v[0-9]+")
_PART = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@-]+")
_HOLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NO_TEXT = frozenset({Scalar.JSON, Scalar.BYTES})

AsgiApp: TypeAlias = Callable[..., Awaitable[None]]
Where: TypeAlias = Literal["path", "query", "body"]


@dataclass(frozen=True, slots=True, eq=False)
class WrittenRoute:
    """An endpoint as it was declared, as yet unchecked."""

    method: str
    path: object
    policy: Term
    function: Callable[..., Awaitable[object]]
    file: str
    line: int


@dataclass(frozen=True, slots=True, eq=False)
class WrittenMount:
    """An ASGI application as it was mounted."""

    prefix: str
    app: AsgiApp
    at: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an endpoint, and where it comes from; `body` is the whole body as bytes."""

    name: str
    field: Field
    required: bool
    where: Where


@dataclass(frozen=True, slots=True)
class OwnRoute:
    """An endpoint: `parts` are those of its path, `{name}` where a parameter stands; `at` is `file:line`."""

    method: str
    parts: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    handler: Callable[..., Awaitable[Response]]
    policy: Expression
    at: str

    @property
    def path(self) -> str:
        """As it was written: `/board/{origin}`."""
        return "/" + "/".join(self.parts)


@dataclass(frozen=True, slots=True)
class Mount:
    """An ASGI application that answers all below a prefix, of which `parts` are the parts."""

    parts: tuple[str, ...]
    app: AsgiApp
    at: str


def read_routes(written: Sequence[WrittenRoute], known: Known, faults: Faults) -> tuple[OwnRoute, ...]:
    """The endpoints in the order they were declared; what is wrong is noted and left out."""
    found: list[OwnRoute] = []
    shapes: dict[tuple[str, tuple[str, ...]], str] = {}
    for one in written:
        spot = Spot.of(one.function, one.file, one.line)
        before = len(faults.found)
        route = _route(one, known, spot, faults)
        shape = (one.method, tuple("{}" if _HOLE.fullmatch(part) else part for part in route.parts))
        if (at := shapes.setdefault(shape, route.at)) != route.at:
            spot.add(faults, f"{one.method} {one.path} is declared twice, also at {at}", word=str(one.path))
        if len(faults.found) == before:
            found.append(route)
    return tuple(found)


def read_mounts(written: Sequence[WrittenMount], routes: Sequence[OwnRoute], faults: Faults) -> tuple[Mount, ...]:
    """The mounted apps, none below another and none that begins as an endpoint does."""
    found: list[Mount] = []
    for one in written:
        try:
            mount = Mount(_parts(one.prefix, holes=False), one.app, one.at)
            if not callable(one.app):
                raise DeclarationError(f"{one.app!r} is no ASGI application")
            # Who answers is decided by the first part, before all else.
            others = [other.at for other in routes if other.parts[:1] == mount.parts[:1]]
            others += [other.at for other in found if _overlap(other.parts, mount.parts)]
            if others:
                raise DeclarationError(f"{one.prefix} takes paths of what is declared at {others[0]}")
            found.append(mount)
        except DeclarationError as error:
            faults.found.append(DeclarationError(f"mount: {error.message}", hint=error.hint, at=one.at))
    return tuple(found)


def reader(route: OwnRoute, timezone: str) -> Callable[[Mapping[str, str], Mapping[str, str]], dict[str, object]]:
    """What brings the texts of a request to an endpoint's parameters, except its body.

    Args:
        route: the endpoint.
        timezone: where a datetime without an offset is meant.

    The function takes percent-decoded texts by name: from the path, and from the query. It raises Mistyped or
    UnknownName, with all faults, each with its parameter's name.
    """
    texts = {one.name: (one, coercer(one.field.type, timezone)) for one in route.parameters if one.where != BODY}

    def read(path: Mapping[str, str], query: Mapping[str, str]) -> dict[str, object]:
        found: dict[str, object] = {}
        faults: list[Detail] = []
        for name in query:
            if name not in texts or texts[name][0].where != "query":
                known = [one.name for one in route.parameters if one.where == "query"]
                message = f"there is no parameter {name[:40]!r} ({suggest(name, known)})"
                faults.append(Detail(name[:80], message, UnknownName.code))
        for name, (one, coerce) in texts.items():
            text = (path if one.where == "path" else query).get(name)
            if text is not None:
                try:
                    found[name] = coerce(text)
                except CallerError as error:
                    faults.append(Detail(name, error.message, error.code))
                    continue
                if broken := next((rule for rule in one.field.constraints if violated(found[name], (rule,))), None):
                    faults.append(Detail(name, f"{shown(text)} breaks {describe(broken)}", Invalid.code))
            elif one.required:
                faults.append(Detail(name, "a value is needed here", Mistyped.code))
            else:
                found[name] = copy.deepcopy(one.field.default.value) if one.field.default else None
        if faults:
            raise Mistyped("; ".join(f"{one.where}: {one.message}" for one in faults[:5]), faults=tuple(faults))
        return found

    return read


def _route(written: WrittenRoute, known: Known, spot: Spot, faults: Faults) -> OwnRoute:
    """The endpoint, as far as it is right; what is wrong is noted."""
    parts: tuple[str, ...] = ()
    policy: Expression = FALSE
    parameters: tuple[Parameter, ...] = ()
    if written.method not in METHODS:
        hint = suggest(str(written.method).upper(), METHODS)
        spot.add(faults, f"{written.method!r} is no method an endpoint can have", hint=hint, word=written.method)
    with spot.catching(faults, "path", str(written.path)):
        parts = _parts(written.path, holes=True)
    with spot.catching(faults, "policy", "policy"):
        policy = bind_rule(written.policy, None, known)
    if check_handler(written.function, known, spot, faults):
        holes = [hole[1] for part in parts if (hole := _HOLE.fullmatch(part))]
        parameters = _parameters(written, holes, known, spot, faults)
        with spot.catching(faults, "what it returns", "return"):
            _check_returns(written.function, known)
    handler: Any = written.function
    return OwnRoute(written.method, parts, parameters, handler, policy, spot.place())


def _parameters(
    written: WrittenRoute, holes: Sequence[str], known: Known, spot: Spot, faults: Faults
) -> tuple[Parameter, ...]:
    before = len(faults.found)
    found: list[Parameter] = []
    for one in read_arguments(written.function, known, spot, faults):
        where: Where = "path" if one.name in holes else "query"
        if one.name == BODY and where == "query" and one.field.type == BYTES and written.method in WITH_BODY:
            where = "body"
        with spot.catching(faults, one.name, one.name):
            if one.entity is not None:
                hint = "take its key, and load it: await ctx.get(Flight, id)"
                raise DeclarationError("an endpoint of your own is given texts, not rows", hint=hint)
            if where != "body" and (one.field.type.scalar in _NO_TEXT or (where == "path" and one.field.type.array)):
                hint = f"a body is taken as `{BODY}: bytes`, by {', '.join(sorted(WITH_BODY))}"
                raise DeclarationError(f"{one.field.type} has no text for a {where}", hint=hint)
            if where == "path" and not one.required:
                raise DeclarationError(
                    "what stands in the path is always there", hint="leave out | None and the default"
                )
            found.append(Parameter(one.name, one.field, one.required, where))
    for hole in holes:
        if len(faults.found) == before and hole not in {one.name for one in found}:
            hint = f"add the parameter {hole}: str"
            spot.add(
                faults, f"its path names {hole!r}, the function does not take it", hint=hint, word=str(written.path)
            )
    return tuple(found)


def _check_returns(function: Callable[..., object], known: Known) -> None:
    written = inspect.signature(function).return_annotation
    hint = "write -> Response, from kingpost"
    if written is inspect.Signature.empty:
        raise DeclarationError("it does not say what it returns", hint=hint)
    apart = known.evaluate(written, function)
    if apart.inner is not Response or apart.nullable:
        raise DeclarationError("an endpoint of your own returns a Response", hint=hint)


def _parts(path: object, *, holes: bool) -> tuple[str, ...]:
    """The parts of a path.

    Raises:
        DeclarationError: it is none, or one of Kingpost's own.
    """
    if not isinstance(path, str) or not path.startswith("/") or (path.endswith("/") and path != "/"):
        raise DeclarationError(f"{path!r} is no path", hint="it begins with / and does not end in it: /board/{origin}")
    parts = tuple(path[1:].split("/")) if path != "/" else ()
    if not parts and not holes:
        raise DeclarationError("an app is mounted below a prefix, not in place of all", hint='mount("/legacy", …)')
    for part in parts:
        hole = _HOLE.fullmatch(part) is not None
        if not (hole and holes) and not _PART.fullmatch(part):
            raise DeclarationError(
                f"{part!r} is no part of a path", hint="percent-encode it, or write {name} for all of it"
            )
        if part in (".", ".."):
            raise DeclarationError(f"{part!r} is no part of a path: clients take it out")
        if hole and parts.count(part) > 1:
            raise DeclarationError(f"{part} stands twice")
    if parts and _HOLE.fullmatch(parts[0]):
        raise DeclarationError(
            "its first part is a parameter, so it would take every path", hint="begin it with a word"
        )
    if parts and (parts[0] in TAKEN or _VERSION.fullmatch(parts[0])):
        raise DeclarationError(f"/{parts[0]} is a path of Kingpost's own", hint="begin it with another word")
    return parts


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return _begins(one, other) or _begins(other, one)


def _begins(parts: tuple[str, ...], prefix: tuple[str, ...]) -> bool:
    return parts[: len(prefix)] == prefix
