"""Pass a connection on to an ASGI application that a team mounted, and see what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from kingpost.api.message import Header, HttpResponse, Receive, Scope, Send
from kingpost.api.own_routes import Mount
from kingpost.observe import RequestEnded

ACCEPTED, REFUSED = 101, 403
_FAILED_CLOSE = 1011


def mount_at(path: str, mounts: Sequence[Mount]) -> Mount | None:
    """The mount that a path, percent-encoded, lies below."""
    parts = tuple(path[1:].split("/"))
    return next((one for one in mounts if parts[: len(one.parts)] == one.parts), None)


@dataclass(slots=True)
class Passing:
    """One connection that a mounted app answers.

    Args:
        mount: the app and its prefix.
        path: as it stood on the wire.
        request_id: what ties log lines together; the app finds it among the headers, and so does who asked.
        address: whose connection it is.
        started: `time.monotonic()` when it came.
        status: of its answer, 0 before there is one.
        bytes_out: how long the body was that it sent.
        whole: whether its answer has an end.
    """

    mount: Mount
    path: str
    request_id: str
    address: str
    started: float
    status: int = 0
    bytes_out: int = 0
    whole: bool = False

    async def http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer a request.

        Raises:
            Exception: what the app raises; RuntimeError where it ends without a whole answer.
        """

        async def heard(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": self._identified(message.get("headers", ()))}
                await send(message)
                self.status = message["status"]
                return
            await send(message)
            self.bytes_out += len(message.get("body", b""))
            self.whole = self.whole or not message.get("more_body", False)

        await self.mount.app(self._below(scope), receive, heard)
        if not self.whole:
            raise RuntimeError(f"the app mounted at {self.mount.at} ended without a whole answer")

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app talk over a WebSocket; one that fails closes it.

        Raises:
            Exception: what the app raises.
        """

        async def heard(message: Any) -> None:
            kind = message["type"]
            await send(message)
            if kind == "websocket.accept":
                self.status = ACCEPTED
            elif kind == "websocket.close":
                self.status, self.whole = self.status or REFUSED, True

        try:
            await self.mount.app(self._below(scope), receive, heard)
        except Exception:
            if not self.whole:
                await send({"type": "websocket.close", "code": _FAILED_CLOSE})
            raise

    def ended(self, method: str, refusal: HttpResponse | None) -> RequestEnded:
        """The line of the access log; `refusal` is what an error of the app became."""
        return RequestEnded(
            self.request_id,
            "mount",
            f"/{'/'.join(self.mount.parts)}",
            method,
            self.path,
            self.status,
            monotonic() - self.started,
            self.bytes_out,
            address=self.address,
            error_code=refusal.error_code if refusal else None,
        )

    def _below(self, scope: Scope) -> Scope:
        """The scope as ASGI 3.0 has it for an app below a prefix: `root_path` grows, `path` stays whole."""
        root = scope.get("root_path", "")
        path, raw = scope["path"], scope.get("raw_path")
        if root and not path.startswith(root):
            # A server that takes the root off the path would make the app look for its prefix in the wrong place.
            path, raw = root + path, raw and root.encode() + raw
        headers = self._identified(scope["headers"])
        below = {**scope, "root_path": f"{root}/{'/'.join(self.mount.parts)}", "path": path, "headers": headers}
        return below if raw is None else {**below, "raw_path": raw}

    def _identified(self, headers: Sequence[Header]) -> list[Header]:
        named = [(name, value) for name, value in headers if name.lower() != b"x-request-id"]
        return [*named, (b"x-request-id", self.request_id.encode())]
