"""Every error Kingpost raises, in one tree, with a code by stage and a hint for whoever can mend it.

* KingpostError
  x DeclarationError      KP0xx  a team's model or settings are wrong; refused at start, with file and line
    + NotCreated                 the store holds nothing of this app yet; `create` would make it
  x CallerError                  the caller can mend it; the message is shown to them
    + Malformed           KP100  the request does not parse
    + TooLarge            KP101  longer, deeper or wider than we take
    + NotOffered          KP102  the path is known, the method or media type is not
    + NotTaken            KP103  the media type or coding of the body is not taken here
    + UnknownName         KP200  no such entity, field, relation or operator
    + Mistyped            KP201  a value does not fit its field
    + TooDear             KP202  the question would cost more than allowed
    + Invalid             KP203  a row to be written does not fit; all its faults are listed
    + KeyReused           KP204  an idempotency key was used before, for another request
    + Unauthenticated     KP300  who are you?
    + Forbidden           KP301  you may not
    + NotFound            KP302  no such row, or none that you may see
    + Stale               KP304  the row is not, or no longer, as the caller supposed
    + Conflict            KP305  it stands against what is stored: a key is taken, a row is referred to
    + HistoryGone         KP306  the events to go on from are not kept any more
    + StillRunning        KP307  the first request with this idempotency key has not ended
    + Contended           KP308  other writes came between; run again, it may succeed
    + TooLate             KP401  the deadline passed before there was an answer
  x EngineError                  an engine failed; the message stays in the log
    + EngineUnavailable   KP500  cannot be reached now; try again
    + EngineFailed        KP501  it refused what we sent it: our defect
    + EngineLacks         KP502  it cannot do what the model needs; refused at start
    + UnknownOutcome      KP503  the connection was lost while committing: it is done, or not

A protocol maps `category` to its own status once, so no error here knows of HTTP or gRPC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

FAULTS_SHOWN = 5


class Category(Enum):
    """What a caller can do about an error; the only thing a protocol looks at."""

    INVALID = "invalid"
    TOO_LARGE = "too_large"
    NOT_OFFERED = "not_offered"
    NOT_TAKEN = "not_taken"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    UNFIT = "unfit"
    STALE = "stale"
    CONFLICT = "conflict"
    GONE = "gone"
    TOO_LATE = "too_late"
    UNAVAILABLE = "unavailable"
    DEFECT = "defect"


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing wrong: `where` is a parameter's name or a JSON pointer."""

    where: str
    message: str
    code: str


class KingpostError(Exception):
    """Base of all errors; never raised itself.

    Args:
        message: what is wrong and where, in one sentence.
        hint: what to do about it.
        where: the parameter or JSON pointer at fault, if there is one.
    """

    code: ClassVar[str]
    category: ClassVar[Category] = Category.DEFECT
    part: int | None = None
    """Which part of a call with several it is about, if it is one."""

    def __init__(self, message: str, *, hint: str | None = None, where: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message} ({hint})")
        self.message = message
        self.hint = hint
        self.where = where

    @property
    def details(self) -> tuple[Detail, ...]:
        """The single faults, for protocols that list them."""
        return () if self.where is None else (Detail(self.where, self.message, self.code),)


class DeclarationError(KingpostError):
    """A model, policy or setting is wrong; `at` is the place as `file:line`, `faults` each thing that is wrong."""

    code = "KP000"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        at: str | None = None,
        faults: tuple[DeclarationError, ...] = (),
    ) -> None:
        super().__init__(message if at is None else f"{at}: {message}", hint=hint)
        self.at = at
        self.faults = faults or (self,)

    @classmethod
    def together(cls, faults: Sequence[DeclarationError]) -> DeclarationError:
        """One error for all that is wrong, each fault on its own line."""
        return cls("\n".join(map(str, faults)), faults=tuple(faults))


class NotCreated(DeclarationError):
    """The store holds nothing of this app yet: there is nothing to lose by creating it."""


class CallerError(KingpostError):
    """The caller can mend this; its message is safe to show."""

    category = Category.INVALID


class Malformed(CallerError):
    """The request does not parse."""

    code = "KP100"


class TooLarge(CallerError):
    """A part of the request is longer, deeper or wider than we take."""

    code, category = "KP101", Category.TOO_LARGE


class NotOffered(CallerError):
    """The path is known, the method or media type is not; `offered` lists what is."""

    code, category = "KP102", Category.NOT_OFFERED

    def __init__(self, message: str, *, offered: tuple[str, ...], hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.offered = offered


class NotTaken(CallerError):
    """The body comes in a media type or coding that is not taken here; `taken` lists what is."""

    code, category = "KP103", Category.NOT_TAKEN

    def __init__(self, message: str, *, taken: tuple[str, ...], hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.taken = taken


class UnknownName(CallerError):
    """No such entity, field, relation or operator."""

    code = "KP200"


class Mistyped(CallerError):
    """A value does not fit its field; `faults` are all of them, where a call has several."""

    code = "KP201"

    def __init__(
        self, message: str, *, hint: str | None = None, where: str | None = None, faults: tuple[Detail, ...] = ()
    ) -> None:
        super().__init__(message, hint=hint, where=where)
        self.faults = faults

    @property
    def details(self) -> tuple[Detail, ...]:
        return self.faults or super().details


class TooDear(CallerError):
    """The question would cost more than allowed."""

    code = "KP202"


class Invalid(CallerError):
    """Rows to be written do not fit; `faults` are all of them, each with a JSON pointer (RFC 6901) and its own code."""

    code, category = "KP203", Category.UNFIT

    def __init__(self, faults: Sequence[Detail], *, hint: str | None = None) -> None:
        shown = "; ".join(f"{fault.where or '/'}: {fault.message}" for fault in faults[:FAULTS_SHOWN])
        more = f"; and {len(faults) - FAULTS_SHOWN} more" if len(faults) > FAULTS_SHOWN else ""
        super().__init__(shown + more, hint=hint, where=faults[0].where if faults else None)
        self.faults = tuple(faults)

    @property
    def details(self) -> tuple[Detail, ...]:
        return self.faults


class KeyReused(CallerError):
    """The idempotency key was used before for another request."""

    code, category = "KP204", Category.UNFIT


class Unauthenticated(CallerError):
    """The caller has not said who they are, or not believably."""

    code, category = "KP300", Category.UNAUTHENTICATED


class Forbidden(CallerError):
    """We know the caller, and the policy says no."""

    code, category = "KP301", Category.FORBIDDEN


class NotFound(CallerError):
    """No such row, or none that the caller may see: the two look alike."""

    code, category = "KP302", Category.NOT_FOUND


class Stale(CallerError):
    """The row is not, or no longer, what the caller's precondition says."""

    code, category = "KP304", Category.STALE


class Conflict(CallerError):
    """The write stands against what is stored; `faults` name the fields, never a stored value."""

    code, category = "KP305", Category.CONFLICT

    def __init__(
        self, message: str, *, hint: str | None = None, where: str | None = None, faults: tuple[Detail, ...] = ()
    ) -> None:
        super().__init__(message, hint=hint, where=where)
        self.faults = faults

    @property
    def details(self) -> tuple[Detail, ...]:
        return self.faults or super().details


class HistoryGone(CallerError):
    """The events that come next are kept no more, or never were here: read what is there now, and go on from now."""

    code, category = "KP306", Category.GONE


class StillRunning(CallerError):
    """The first request with this idempotency key has not ended; its answer can be had later."""

    code, category = "KP307", Category.CONFLICT


class Contended(CallerError):
    """Other transactions came between (a deadlock, or a conflict of serialization): run again, it may succeed."""

    code, category = "KP308", Category.CONFLICT


class TooLate(CallerError):
    """The deadline passed before there was an answer."""

    code, category = "KP401", Category.TOO_LATE


class EngineError(KingpostError):
    """An engine failed; only the code reaches the caller."""


class EngineUnavailable(EngineError):
    """The engine cannot be reached now; trying again later may help."""

    code, category = "KP500", Category.UNAVAILABLE


class EngineFailed(EngineError):
    """The engine refused what we sent it: a defect of ours."""

    code = "KP501"


class EngineLacks(EngineError):
    """The engine cannot do what the model needs; refused at start."""

    code = "KP502"


class UnknownOutcome(EngineError):
    """The connection was lost while a write was committed: it is done wholly, or not at all; we cannot know which."""

    code, category = "KP503", Category.UNAVAILABLE
