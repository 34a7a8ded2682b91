"""Whether the server may be asked for a connection: while it is lost, one caller tries and the others are told so."""

from __future__ import annotations

import random
import time

from kingpost.store.postgres.failures import unavailable

RECONNECT_MIN_S, RECONNECT_MAX_S = 0.05, 2.0


class Gate:
    """Lets everyone connect while the server is there; while it is lost one at a time, with growing pauses."""

    __slots__ = ("_pause_s", "_since", "_trying", "_until")

    def __init__(self) -> None:
        self._since: float | None = None
        self._until = 0.0
        self._pause_s = RECONNECT_MIN_S
        self._trying = False

    @property
    def lost(self) -> bool:
        """Whether the server could not be reached when last tried."""
        return self._since is not None

    def enter(self) -> None:
        """Raise EngineUnavailable unless one may try now."""
        if self._since is None:
            return
        if self._trying or time.monotonic() < self._until:
            raise unavailable("it could not be reached a moment ago")
        self._trying = True

    def leave(self) -> None:
        """The try came to nothing, for a reason of ours."""
        self._trying = False

    def missed(self) -> bool:
        """The try failed; whether that is news."""
        news = self._since is None
        now = time.monotonic()
        if self._since is None:
            self._since = now
        self._trying = False
        # Many nodes come back to one server: not all at once.
        self._until = now + self._pause_s * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, keeps no secret
        self._pause_s = min(self._pause_s * 2, RECONNECT_MAX_S)
        return news

    def reached(self) -> float | None:
        """The try succeeded; for how many seconds the server was lost, None if it was not."""
        gone_s = None if self._since is None else time.monotonic() - self._since
        self._since, self._pause_s, self._trying = None, RECONNECT_MIN_S, False
        return gone_s
