"""Asserts that every contender answers every request with equal JSON, and finds the requests for its second pages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, TypeAlias
from urllib.parse import quote

from bench.cases import Case, request
from bench.servers import Contender

Json: TypeAlias = Any  # what json.loads gives
HEADERS = ("content-type", "content-length", "vary", "x-request-id")
READ_TIMEOUT_S = 30.0


class Unequal(Exception):
    """Two contenders answer one request differently, or one answers it wrongly."""


async def requests_of(case: Case, contenders: Mapping[str, Contender], token: str) -> dict[str, tuple[str, ...]]:
    """For each contender the requests of a case, after comparing all its answers with the first one's.

    Raises:
        Unequal: with the request and the first place where they differ.
    """
    made: dict[str, tuple[str, ...]] = {}
    expected: list[Json] = []
    for name, contender in contenders.items():
        paths, answers = await _ask_all(case, contender, token)
        if not expected:
            expected = answers
        for path, wanted, got in zip(paths, expected, answers, strict=True):
            difference = _difference(wanted, got)
            if difference is not None:
                raise Unequal(f"{case.id}: {name} and {next(iter(contenders))} differ for {path}: {difference}")
        made[name] = tuple(request(path, token) for path in paths)
    return made


async def _ask_all(case: Case, contender: Contender, token: str) -> tuple[list[str], list[Json]]:
    """Paths with second pages right after their first, and the answers with each cursor replaced by its presence."""
    paths: list[str] = []
    answers: list[Json] = []
    for path in case.paths:
        first = await _ask(contender, path, token)
        paths.append(path)
        answers.append(_without_cursors(first))
        if path in case.turned:
            if first["next"] is None:
                raise Unequal(f"{case.id}: {contender.name} has no second page for {path}")
            paths.append(f"{path}&cursor={quote(first['next'])}")
            answers.append(_without_cursors(await _ask(contender, paths[-1], token)))
    return paths, answers


async def _ask(contender: Contender, path: str, token: str) -> Json:
    reader, writer = await asyncio.open_connection("127.0.0.1", contender.port)
    try:
        writer.write(request(path, token).encode("latin-1"))
        async with asyncio.timeout(READ_TIMEOUT_S):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers["content-length"]))
    finally:
        writer.close()
        await writer.wait_closed()
    if " 200 " not in f"{status} ":
        raise Unequal(f"{contender.name} answers {path} with {status}: {body[:300].decode(errors='replace')}")
    wanted = (*HEADERS, "etag") if path.startswith("/v1/flights/") else HEADERS
    if missing := [name for name in wanted if name not in headers]:
        raise Unequal(f"{contender.name} answers {path} without {', '.join(missing)}")
    answer = json.loads(body)
    if ("next" in answer and answer["next"] is not None) and "link" not in headers:
        raise Unequal(f"{contender.name} answers {path} without link")
    return answer


def _without_cursors(value: Json) -> Json:
    if isinstance(value, list):
        return [_without_cursors(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: (one is not None) if name in ("next", "prev") or name.endswith("_next") else _without_cursors(one)
        for name, one in value.items()
    }


def _difference(wanted: Json, got: Json, at: str = "") -> str | None:
    """The first place where two values differ; objects are equal whatever the order of their members."""
    if isinstance(wanted, dict) and isinstance(got, dict) and wanted.keys() == got.keys():
        found = (_difference(wanted[name], got[name], f"{at}.{name}") for name in wanted)
        return next((one for one in found if one is not None), None)
    if isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        found = (_difference(one, other, f"{at}[{n}]") for n, (one, other) in enumerate(zip(wanted, got, strict=True)))
        return next((one for one in found if one is not None), None)
    if wanted == got and type(wanted) is type(got):
        return None
    return f"at {at or 'the top'}: {json.dumps(wanted)[:120]} and {json.dumps(got)[:120]}"
