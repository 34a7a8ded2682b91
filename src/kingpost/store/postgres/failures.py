"""What asyncpg raises, in the words of our error tree; messages are for the log and hold no value of a row."""

from __future__ import annotations

import asyncpg

from kingpost.errors import Contended, EngineFailed, EngineUnavailable, KingpostError, TooLate

ENGINE = "postgres"
RETRY_HINT = "try again in a moment"
# Connection exceptions, admin and crash shutdown, cannot connect now, idle session timeout, too many connections.
_GONE = ("08", "57P", "53300")
_CANCELLED = "57014"
# Serialization failure, deadlock, lock not available.
_CONTENDED = ("40001", "40P01", "55P03")

Failure = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""All that a driver's call can raise."""


def translated(error: BaseException) -> KingpostError:
    """The error of ours that stands for one of `Failure`."""
    if isinstance(error, TimeoutError):
        return too_late()
    if isinstance(error, asyncpg.DataError | ValueError):  # class 22, and what the driver could not encode
        return EngineFailed(f"a value was refused: {sqlstate(error)} {type(error).__name__}")
    if isinstance(error, asyncpg.PostgresError):
        if error.sqlstate == _CANCELLED:
            return too_late()
        if error.sqlstate in _CONTENDED:
            return Contended("other writes came between", hint="try again")
        if is_gone(error):
            return unavailable(f"{sqlstate(error)} {error}")
        return EngineFailed(f"{sqlstate(error)} {error}")
    if is_gone(error):
        return unavailable(f"{type(error).__name__}")
    return EngineFailed(f"{type(error).__name__}: {error}")


def is_gone(error: BaseException) -> bool:
    """Whether the connection or the server is lost, so that another one may do."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_GONE)
    if isinstance(error, asyncpg.InternalClientError):
        return True  # the server's farewell has come, the end of the connection has not: it takes no statement any more
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError | TypeError) and "clos" in str(error)
    return isinstance(error, OSError) and not isinstance(error, TimeoutError)


def is_silent(error: BaseException) -> bool:
    """Whether the connection was lost without a word of the server: as of one that died while nobody used it."""
    return isinstance(error, asyncpg.ConnectionDoesNotExistError) or (
        is_gone(error) and not isinstance(error, asyncpg.PostgresError)
    )


def sqlstate(error: BaseException) -> str:
    """PostgreSQL's own code, or a dash."""
    return getattr(error, "sqlstate", None) or "-"


def unavailable(why: str) -> EngineUnavailable:
    """PostgreSQL cannot be used now."""
    return EngineUnavailable(f"PostgreSQL is not available: {why}", hint=RETRY_HINT)


def too_late() -> TooLate:
    """The deadline passed while the statement ran; it was cancelled."""
    return TooLate("the deadline passed before there was an answer", hint="ask for less, or allow more time")
