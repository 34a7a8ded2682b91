"""Asks a contender one thing over a connection of its own, outside of what is timed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Json: TypeAlias = Any  # what json.loads gives
READ_TIMEOUT_S = 30.0


class Unequal(Exception):
    """Two contenders answer one request differently, or one answers it wrongly."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A response; its headers by their names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Json:
        """The body, None if it is empty."""
        return json.loads(self.body) if self.body else None


async def ask(port: int, request: str) -> Reply:
    """Send a whole HTTP/1.1 request to this port of 127.0.0.1.

    Raises:
        OSError, EOFError, TimeoutError: nothing, or not all, came back.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request.encode("latin-1"))
        async with asyncio.timeout(READ_TIMEOUT_S):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
    finally:
        writer.close()
        await writer.wait_closed()
    return Reply(int(status.split(" ")[1]), headers, body)


def difference(wanted: Json, got: Json, at: str = "") -> str | None:
    """The first place where two values differ; objects are equal whatever the order of their members."""
    if isinstance(wanted, dict) and isinstance(got, dict) and wanted.keys() == got.keys():
        found = (difference(wanted[name], got[name], f"{at}.{name}") for name in wanted)
        return next((one for one in found if one is not None), None)
    if isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        found = (difference(one, other, f"{at}[{n}]") for n, (one, other) in enumerate(zip(wanted, got, strict=True)))
        return next((one for one in found if one is not None), None)
    if wanted == got and type(wanted) is type(got):
        return None
    return f"at {at or 'the top'}: {json.dumps(wanted)[:120]} and {json.dumps(got)[:120]}"
