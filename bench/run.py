"""Runs cases: every contender in turn, round after round in alternating order, and what came of it as rows."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.cases import COMPETITOR, Case, cases, mint
from bench.database import database, flight_ids, version
from bench.load import Job, Tally, load
from bench.parity import requests_of
from bench.servers import Contender, running

WARM_UP_S = 1.0
OURS = "kingpost"


@dataclass(frozen=True, slots=True)
class Measured:
    """One contender in one round."""

    tally: Tally
    cpu_us: float


@dataclass(frozen=True, slots=True)
class Row:
    """One contender in one case, over all rounds.

    Args:
        rps, p50_ms, p99_ms, cpu_us: medians over the rounds; `cpu_us` is the server's alone, a request.
        ratio_to_floor: the median of the rounds' ratios to the floor, with its quartiles.
        ratios: the median ratio to each other contender.
        missed: the goals that were not met, in words.
    """

    id: str
    contender: str
    rps: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    ratio_to_floor: float | None
    quartiles: tuple[float, float] | None
    ratios: Mapping[str, float] = field(default_factory=dict)
    missed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Schedule:
    """What to run: cases by id, seconds for each contender and round, and the rounds."""

    ids: tuple[str, ...]
    seconds: float
    rounds: int


async def run(schedule: Schedule, tell: Callable[[str], None]) -> tuple[list[Row], str]:
    """Run the schedule; the rows, and which PostgreSQL answered.

    Raises:
        Unequal: two contenders answer one request differently.
        ContenderFailed, PeerMissing, LoadFailed: there is nothing to measure.
    """
    async with database() as url:
        chosen = [case for case in cases(await flight_ids(url, COMPETITOR)) if case.id in schedule.ids]
        names = sorted({name for case in chosen for name in case.contenders})
        rows: list[Row] = []
        async with running(names, url) as contenders:
            for case in chosen:
                there = {name: contenders[name] for name in case.contenders}
                rows += await _case(case, there, schedule, tell)
        return rows, await version(url)


async def _case(
    case: Case, contenders: Mapping[str, Contender], schedule: Schedule, tell: Callable[[str], None]
) -> list[Row]:
    requests = await requests_of(case, contenders, mint())
    rounds: dict[str, list[Measured]] = {name: [] for name in contenders}
    for name, contender in contenders.items():
        await load(Job(contender.port, requests[name], WARM_UP_S))
    for number in range(schedule.rounds):
        order = list(contenders) if number % 2 == 0 else list(reversed(contenders))
        for name in order:
            measured = await _measure(contenders[name], requests[name], schedule.seconds)
            rounds[name].append(measured)
            tell(f"{case.id} round {number + 1}/{schedule.rounds} {name}: {measured.tally.rps:,.0f}/s")
    return [_row(case, name, rounds) for name in contenders]


async def _measure(contender: Contender, requests: tuple[str, ...], seconds: float) -> Measured:
    before_s = contender.cpu_s()
    tally = await load(Job(contender.port, requests, seconds))
    spent_s = contender.cpu_s() - before_s
    if tally.refused:
        raise ValueError(f"{contender.name} refused {tally.refused} of {tally.answers} requests")
    return Measured(tally, spent_s / tally.answers * 1e6)


def _row(case: Case, name: str, rounds: Mapping[str, Sequence[Measured]]) -> Row:
    own = rounds[name]
    ratios = {other: statistics.median(_ratios(own, rounds[other])) for other in rounds if other != name}
    quartiles = None
    if "floor" in rounds and name != "floor" and len(own) > 1:
        low, _, high = statistics.quantiles(_ratios(own, rounds["floor"]), n=4)
        quartiles = (low, high)
    return Row(
        id=case.id,
        contender=name,
        rps=statistics.median(one.tally.rps for one in own),
        cpu_us=statistics.median(one.cpu_us for one in own),
        p50_ms=statistics.median(one.tally.p50_ms for one in own),
        p99_ms=statistics.median(one.tally.p99_ms for one in own),
        ratio_to_floor=1.0 if name == "floor" else ratios.get("floor"),
        quartiles=quartiles,
        ratios=ratios,
        missed=_missed(case, ratios) if name == OURS else (),
    )


def _ratios(own: Sequence[Measured], other: Sequence[Measured]) -> list[float]:
    return [mine.tally.rps / theirs.tally.rps for mine, theirs in zip(own, other, strict=True)]


def _missed(case: Case, ratios: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(
        f"{case.id}: {ratios[other]:.2f} of {other}, the goal is {least:g}"
        for other, least in case.goals.items()
        if ratios[other] < least
    )
