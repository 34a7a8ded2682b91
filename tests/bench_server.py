"""A contender for the tests of the benchmark: an HTTP server in this process that answers as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psutil

from bench.servers import Contender

HEADERS = {
    "content-type": "application/json",
    "vary": "Authorization",
    "x-request-id": "0",
    "cache-control": "private, no-cache",
}


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True)
class Told:
    """What is answered."""

    body: object
    status: int = 200
    headers: Mapping[str, str] | None = None


@asynccontextmanager
async def serving(name: str, answer: Callable[[Asked], Told]) -> AsyncIterator[Contender]:
    """A contender at a free port while this lasts."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            first, *lines = head.split("\r\n")
            headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
            body = (await reader.readexactly(int(headers.get("content-length", "0")))).decode()
            method, path, _ = first.split(" ")
            told = answer(Asked(method, path, headers, body))
            content = json.dumps(told.body).encode()
            shown = {**HEADERS, **(told.headers or {}), "content-length": str(len(content))}
            written = "\r\n".join([f"HTTP/1.1 {told.status} X", *(f"{key}: {value}" for key, value in shown.items())])
            writer.write(written.encode() + b"\r\n\r\n" + content)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield Contender(name, server.sockets[0].getsockname()[1], psutil.Process())


async def _head(reader: asyncio.StreamReader) -> str:
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode().strip()
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return ""
