"""One frozen Settings: the environment over `kingpost.toml`, checked as a whole, with Secrets that never print.

`database_url` is KINGPOST_DATABASE_URL in the environment and `database_url` in the file, and so for each field. An
empty variable counts as not set. What is unknown or wrong is refused at start, all of it at once.
"""

from __future__ import annotations

import difflib
import hmac
import ipaddress
import os
import re
import secrets
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from kingpost.errors import DeclarationError

FILE = "kingpost.toml"
PREFIX = "KINGPOST_"
# KINGPOST_DEBUG is for `main`, KINGPOST_TEST_* for our tests; the others Kubernetes sets for a Service named kingpost.
_NOT_OURS = re.compile(r"KINGPOST_(DEBUG|TEST_\w+|SERVICE_(HOST|PORT\w*)|PORT_\d+_\w+)")

Environment: TypeAlias = Literal["development", "production"]
LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]


class Secret:
    """A text that neither prints nor tells by its timing how much of a guess is right."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        ours, theirs = (text.encode(errors="surrogateescape") for text in (self._text, other._text))
        return hmac.compare_digest(ours, theirs)

    def __hash__(self) -> int:
        return hash((Secret, self._text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that differs from one place an app runs at to the next.

    Args:
        app: the app that commands take where none is named, such as `examples.flights`.
        environment: `development` makes a signing secret and takes its tokens; `production` does neither.
        database_url: the PostgreSQL that keeps the entities.
        direct_url: the same server without the pooler in between, for what needs a session (reserved).
        secret: signs and verifies tokens in development; left out, one is made and kept in `data_folder`.
        verification_key: verifies tokens: an HMAC secret, or a public key as PEM, JWK or JWK set.
        token_issuer: what a token's `iss` has to be.
        token_audience: what a token's `aud` has to name.
        host: the address to listen on.
        port: the port to listen on; plain PORT is taken too, as hosting platforms set it.
        workers: processes that answer requests.
        connections: connections to the database, for each worker.
        deadline_s: how long a request may take.
        drain_s: how long requests in flight may still take once the server was told to stop.
        unready_s: how long readiness says no, when told to stop, before connections are refused.
        body_bytes_max: the longest request body taken.
        cors_origins: the origins whose pages may call, such as `https://example.com`; `*` for all.
        trusted_proxies: addresses or networks whose word on a client's address and scheme is taken.
        log_level: what is less important is not logged.
        cost_rows_max: the most rows one request may read.
        events_keep_s: how long at least an event is kept, for whoever goes on from an earlier one.
        data_folder: what is kept on this machine: the development secret and database.
    """

    app: str | None = None
    environment: Environment = "production"
    database_url: Secret | None = None
    direct_url: Secret | None = None
    secret: Secret | None = None
    verification_key: Secret | None = None
    token_issuer: str | None = None
    token_audience: str | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65_535)] = 8000
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    connections: Annotated[int, Meta(ge=1, le=1_000)] = 10
    deadline_s: Annotated[float, Meta(gt=0, le=3_600)] = 10.0
    drain_s: Annotated[int, Meta(ge=1, le=1_800)] = 30
    unready_s: Annotated[float, Meta(ge=0, le=300)] = 1.0
    body_bytes_max: Annotated[int, Meta(ge=1_024, le=1_073_741_824)] = 1_048_576
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    log_level: LogLevel = "info"
    cost_rows_max: Annotated[int, Meta(ge=1)] = 100_000
    events_keep_s: Annotated[int, Meta(ge=60, le=31_536_000)] = 86_400
    data_folder: Path = Path(".kingpost")

    @classmethod
    def load(
        cls, environ: Mapping[str, str] = os.environ, folder: Path = Path(), *, assume: Environment = "production"
    ) -> Settings:
        """Read `folder`'s kingpost.toml, if there is one, and the environment over it.

        Args:
            environ: the environment's variables.
            folder: where the file stands; a relative `data_folder` stands there too.
            assume: the `environment` where neither says; only commands for developers assume development.

        Raises:
            DeclarationError: something is unknown or wrong; the message lists all of it.
        """
        given = [*_file(folder / FILE), *_environment(environ)]
        problems = [problem for one in given for problem in _problems(one)]
        if problems:
            raise DeclarationError.together(problems)
        values: dict[str, Any] = {"environment": assume, **{one.name: _convert(one) for one in given}}
        read = cls(**values)
        return replace(read, data_folder=folder / read.data_folder)

    def variables(self) -> dict[str, str]:
        """The environment in which another process loads these very settings; Secrets stand in it in the clear."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {PREFIX + name.upper(): text for name, value in given.items() if (text := _as_text(value))}


def development_secret(settings: Settings) -> Secret:
    """The key that signs and verifies development tokens: the one given, else the folder's, made at first need.

    Raises:
        DeclarationError: this is no development environment, or the file cannot be kept.
    """
    if settings.environment != "development":
        raise DeclarationError(
            f"there is no development secret in {settings.environment}",
            hint=f"tokens there are signed elsewhere; set {PREFIX}VERIFICATION_KEY to verify them",
        )
    if settings.secret is not None:
        return settings.secret
    path = settings.data_folder / "secret"
    try:
        return Secret(_kept(path))
    except OSError as error:
        raise DeclarationError(
            f"the development secret cannot be kept in {path}: {error.strerror}", hint=f"set {PREFIX}SECRET"
        ) from error


# --- Reading ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Given:
    """One value as it was written: `at` is where, `text` whether it came as text and still has to be read."""

    name: str
    value: object
    at: str
    text: bool


def _file(path: Path) -> Iterator[_Given]:
    try:
        source = path.read_bytes().decode()
        table = tomllib.loads(source)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:  # a TOMLDecodeError and a UnicodeDecodeError are ValueErrors
        raise DeclarationError(f"{path.name} cannot be read: {error}") from error
    for name, value in table.items():
        found = re.search(rf"^\s*\[*\s*[\"']?{re.escape(name)}\b", source, re.MULTILINE)
        # The match may begin in the empty lines above.
        line = source.count("\n", 0, found.end()) + 1 if found else 1
        yield _Given(name, value, f"{path.name}:{line}", text=False)


def _environment(environ: Mapping[str, str]) -> Iterator[_Given]:
    if environ.get("PORT") and not environ.get(f"{PREFIX}PORT"):
        yield _Given("port", environ["PORT"], "PORT", text=True)
    for variable, value in sorted(environ.items()):
        if variable.startswith(PREFIX) and value and not _NOT_OURS.fullmatch(variable):
            yield _Given(variable.removeprefix(PREFIX).lower(), value, variable, text=True)


def _problems(given: _Given) -> Iterator[DeclarationError]:
    if given.name not in _types():
        yield DeclarationError(f"there is no setting {given.name!r}", hint=_meant(given.name, given.text), at=given.at)
        return
    try:
        _convert(given)
    except msgspec.ValidationError as error:
        name = "" if given.text else f"{given.name}: "
        yield DeclarationError(name + _in_words(error), hint=_by_kubernetes(given), at=given.at)


def _convert(given: _Given) -> object:
    wanted, value = _types()[given.name], given.value
    if given.text and isinstance(value, str) and get_origin(wanted) is tuple:
        value = [part.strip() for part in value.split(",") if part.strip()]
    converted = msgspec.convert(value, wanted, strict=not given.text, dec_hook=_made)
    if given.name in _CHECKS:
        _CHECKS[given.name](converted)
    return converted


def _made(wanted: type, value: object) -> object:
    """What msgspec does not know how to make; the value is never named, it may be a secret."""
    if not isinstance(value, str) or not value:
        raise msgspec.ValidationError("Expected a text that is not empty")
    return wanted(value)


def _is_origins(origins: Any) -> None:
    for origin in origins:
        if origin != "*" and not re.fullmatch(r"https?://[^/\s?#]+", origin):
            raise msgspec.ValidationError(
                f"Expected origins like https://example.com without a path, got {origin[:80]!r}"
            )


def _is_networks(networks: Any) -> None:
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise msgspec.ValidationError(f"Expected an address or a network: {error}") from error


_CHECKS: dict[str, Callable[[Any], None]] = {"cors_origins": _is_origins, "trusted_proxies": _is_networks}


def _as_text(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, tuple):
        return ",".join(value)
    return "" if value is None else str(value)


@cache
def _types() -> dict[str, Any]:
    """The type of each setting, without None: what is given is never none, what is left out is."""
    hints = get_type_hints(Settings, include_extras=True)
    return {field.name: _without_none(hints[field.name]) for field in fields(Settings)}


def _without_none(hint: Any) -> Any:
    if not isinstance(hint, UnionType):
        return hint
    return next(part for part in get_args(hint) if part is not NoneType)


# --- Words -----------------------------------------------------------------------------------------------------------


def _in_words(error: msgspec.ValidationError) -> str:
    words = str(error).replace("`", "").replace("Invalid enum value", "there is no choice")
    return words[0].lower() + words[1:]


def _meant(name: str, text: bool) -> str:
    close = difflib.get_close_matches(name, _types(), n=1, cutoff=0.6)
    if close:
        return f"did you mean {PREFIX + close[0].upper() if text else close[0]}?"
    return f"there is {', '.join(sorted(_types()))}"


def _by_kubernetes(given: _Given) -> str | None:
    """Kubernetes tells every pod of a Service named kingpost by KINGPOST_PORT=tcp://…"""
    if given.at == f"{PREFIX}PORT" and str(given.value).startswith("tcp://"):
        return "Kubernetes set it for a Service named kingpost: give the pod `enableServiceLinks: false`"
    return None


def _kept(path: Path) -> str:
    """What the file holds, made whole under another name first, so that of several processes one wins."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_name(f"secret.{secrets.token_hex(8)}")
        fresh.touch(mode=0o600)
        try:
            fresh.write_text(secrets.token_urlsafe(48))
            path.hardlink_to(fresh)
        except FileExistsError:
            return path.read_text()
        finally:
            fresh.unlink()
    return path.read_text()
