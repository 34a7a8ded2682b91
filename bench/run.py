"""Runs cases: every contender in turn, round after round in alternating order, and what came of it as rows."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bench.cases import COMPETITOR, Case, cases, mint
from bench.copies import make_copies
from bench.database import database, flight_ids, version
from bench.load import Job, Tally, load
from bench.parity import Reading, requests_of
from bench.servers import Contender, running
from bench.writing import writing

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
    """What to run: cases by id, seconds for each contender and round, the rounds, and whom only (all if empty)."""

    ids: tuple[str, ...]
    seconds: float
    rounds: int
    only: tuple[str, ...] = ()


@dataclass(slots=True)
class Results:
    """What was measured so far, also where a later case fails, and which PostgreSQL answered."""

    rows: list[Row] = field(default_factory=list)
    server: str = "not asked"


class Refused(Exception):
    """A contender refused what it accepted before it was timed."""


class Work(Protocol):
    """A case that is ready to be timed."""

    async def job(self, contender: Contender, seconds: float) -> Job:
        """What to send to a contender in one round."""
        ...

    async def restore(self, contender: Contender) -> None:
        """Bring its data back to where they were."""
        ...


async def run(schedule: Schedule, tell: Callable[[str], None], results: Results) -> None:
    """Run the schedule, case by case; each is added to the results when it is done.

    Raises:
        Unequal: two contenders answer one request differently.
        ContenderFailed, PeerMissing, LoadFailed, Refused: there is nothing to measure.
    """
    async with database() as url:
        results.server = await version(url)
        chosen = [case for case in cases(await flight_ids(url, COMPETITOR)) if case.id in schedule.ids]
        if any(case.work != "read" for case in chosen):
            await make_copies(url)
        names = sorted({name for case in chosen for name in taking_part(case, schedule)})
        async with running(names, url) as contenders:
            for case in chosen:
                there = {name: contenders[name] for name in taking_part(case, schedule)}
                results.rows += await _case(case, there, url, schedule, tell)


def taking_part(case: Case, schedule: Schedule) -> tuple[str, ...]:
    """The contenders of a case, in its own order."""
    return tuple(name for name in case.contenders if not schedule.only or name in schedule.only)


def turns(names: Sequence[str], rounds: int) -> list[tuple[int, str]]:
    """Each round's number with each contender; every second round in the opposite order, so that none is always first."""
    return [(number, name) for number in range(rounds) for name in (names if number % 2 == 0 else names[::-1])]


async def _case(
    case: Case, contenders: Mapping[str, Contender], url: str, schedule: Schedule, tell: Callable[[str], None]
) -> list[Row]:
    work, doubts = await _ready(case, contenders, url)
    rounds: dict[str, list[Measured]] = {name: [] for name in contenders}
    for contender in contenders.values():
        await load(await work.job(contender, WARM_UP_S))
        await work.restore(contender)
    for number, name in turns(tuple(contenders), schedule.rounds):
        measured = await _measure(contenders[name], work, schedule.seconds)
        rounds[name].append(measured)
        tell(f"{case.id} round {number + 1}/{schedule.rounds} {name}: {measured.tally.rps:,.0f}/s")
    return [row_of(case, name, rounds, doubts) for name in contenders]


async def _ready(case: Case, contenders: Mapping[str, Contender], url: str) -> tuple[Work, tuple[str, ...]]:
    if case.work == "read":
        return Reading(await requests_of(case, contenders, mint())), ()
    return await writing(case, contenders, url)


async def _measure(contender: Contender, work: Work, seconds: float) -> Measured:
    job = await work.job(contender, seconds)
    before_s = contender.cpu_s()
    tally = await load(job)
    spent_s = contender.cpu_s() - before_s
    if tally.refused:
        raise Refused(f"{contender.name} refused {tally.refused} of {tally.answers} requests")
    await work.restore(contender)
    return Measured(tally, spent_s / tally.answers * 1e6)


def row_of(case: Case, name: str, rounds: Mapping[str, Sequence[Measured]], doubts: tuple[str, ...] = ()) -> Row:
    """What came of one contender; of ours also which goals it missed, doubts about its figures first."""
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
        missed=(*doubts, *_missed(case, ratios)) if name == OURS else (),
    )


def _ratios(own: Sequence[Measured], other: Sequence[Measured]) -> list[float]:
    return [mine.tally.rps / theirs.tally.rps for mine, theirs in zip(own, other, strict=True)]


def _missed(case: Case, ratios: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(
        f"{case.id}: {ratios[other]:.2f} of {other}, the goal is {least:g}"
        for other, least in case.goals.items()
        if other in ratios and ratios[other] < least
    )
