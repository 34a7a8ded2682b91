"""Asserts that every contender answers every request with equal JSON, and finds the requests for its second pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from bench.asking import Json, Unequal, ask, difference
from bench.cases import Case, request
from bench.load import Job
from bench.servers import Contender

HEADERS = ("content-type", "content-length", "vary", "x-request-id", "cache-control")


@dataclass(frozen=True, slots=True)
class Reading:
    """A case that reads: the requests of each contender; they leave nothing behind."""

    requests: Mapping[str, tuple[str, ...]]

    async def job(self, contender: Contender, seconds: float) -> Job:
        """The same at every round."""
        return Job(contender.port, self.requests[contender.name], seconds)

    async def restore(self, contender: Contender) -> None:
        """There is nothing to restore."""


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
            differs = difference(wanted, got)
            if differs is not None:
                raise Unequal(f"{case.id}: {name} and {next(iter(contenders))} differ for {path}: {differs}")
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
    reply = await ask(contender.port, request(path, token))
    if reply.status != 200:
        said = reply.body[:300].decode(errors="replace")
        raise Unequal(f"{contender.name} answers {path} with {reply.status}: {said}")
    wanted = (*HEADERS, "etag") if path.startswith("/v1/flights/") else HEADERS
    if missing := [name for name in wanted if name not in reply.headers]:
        raise Unequal(f"{contender.name} answers {path} without {', '.join(missing)}")
    answer = reply.json()
    if ("next" in answer and answer["next"] is not None) and "link" not in reply.headers:
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
