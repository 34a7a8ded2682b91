"""The pages that belong to no protocol: is it alive, is it ready, what does a problem mean."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from kingpost.api.message import JSON_TYPE, HttpResponse
from kingpost.api.problem import NO_STORE, explain
from kingpost.errors import NotFound, NotOffered
from kingpost.model.manifest import suggest

METHODS = ("GET", "HEAD", "OPTIONS")
LIVE, READY, PROBLEMS = "/livez", "/readyz", "/problems/"


@dataclass(frozen=True, slots=True)
class Pages:
    """Answers `/livez`, `/readyz` and `/problems/{code}`.

    Args:
        roots: where the protocols are, to suggest them.
        ready: returns if the app can serve now, else raises EngineUnavailable.
    """

    roots: tuple[str, ...]
    ready: Callable[[], Awaitable[None]]

    async def answer(self, method: str, path: str) -> HttpResponse:
        """The page at a path that no protocol has taken.

        Raises:
            NotFound: there is none.
            NotOffered: it can only be read.
            EngineUnavailable: the app is not ready, and this was the question.
        """
        explained = explain(path.removeprefix(PROBLEMS)) if path.startswith(PROBLEMS) else None
        if path not in (LIVE, READY) and explained is None:
            raise NotFound(f"there is nothing at {path[:80]}", hint=suggest(path, [*self.roots, LIVE, READY]))
        if method == "OPTIONS":
            return HttpResponse(204, [(b"allow", ", ".join(METHODS).encode())], action="options")
        if method not in METHODS:
            raise NotOffered(f"{method[:20]} is not offered here", offered=METHODS)
        if explained is not None:
            return explained
        if path == READY:
            await self.ready()
        return HttpResponse(200, [JSON_TYPE, NO_STORE], b'{"status":"ok"}', action=path[1:])
