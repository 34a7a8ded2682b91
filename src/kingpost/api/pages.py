"""The pages beside the protocols: is it alive, is it ready, what does a problem mean, and the contract."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from kingpost.api.message import JSON_TYPE, HttpResponse
from kingpost.api.problem import NO_STORE, explain
from kingpost.errors import NotFound, NotOffered
from kingpost.model.manifest import suggest

METHODS = ("GET", "HEAD", "OPTIONS")
LIVE, READY, PROBLEMS = "/livez", "/readyz", "/problems/"


@dataclass(frozen=True, slots=True)
class Pages:
    """Answers `/livez`, `/readyz`, `/problems/{code}` and the documents.

    Args:
        roots: where the protocols are, to suggest them.
        ready: returns if the app can serve now, else raises EngineUnavailable.
        documents: by path, what stays as it is while the app runs.
    """

    roots: tuple[str, ...]
    ready: Callable[[], Awaitable[None]]
    documents: Mapping[str, HttpResponse]

    async def answer(self, method: str, path: str) -> HttpResponse:
        """The page at a path that no protocol has taken.

        Raises:
            NotFound: there is none.
            NotOffered: it can only be read.
            EngineUnavailable: the app is not ready, and this was the question.
        """
        page = explain(path.removeprefix(PROBLEMS)) if path.startswith(PROBLEMS) else self.documents.get(path)
        if path not in (LIVE, READY) and page is None:
            known = [*self.roots, *self.documents, LIVE, READY]
            raise NotFound(f"there is nothing at {path[:80]}", hint=suggest(path, known))
        if method == "OPTIONS":
            return HttpResponse(204, [(b"allow", ", ".join(METHODS).encode())], action="options")
        if method not in METHODS:
            raise NotOffered(f"{method[:20]} is not offered here", offered=METHODS)
        if page is not None:
            return page
        if path == READY:
            await self.ready()
        return HttpResponse(200, [JSON_TYPE, NO_STORE], b'{"status":"ok"}', action=path[1:])
