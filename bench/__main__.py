"""`python -m bench R1 R2 --seconds 5 --json FILE`: runs the benchmark, prints its table, exits 1 when a goal is missed."""

from __future__ import annotations

import asyncio
import json
import platform
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import click
import psutil
from asyncpg import InterfaceError, PostgresError
from rich.console import Console
from rich.table import Table

from bench.asking import Unequal
from bench.database import FOLDER
from bench.hops import hops
from bench.load import LoadFailed
from bench.lock import Locked, alone
from bench.peers import PeerMissing
from bench.run import Refused, Results, Row, Schedule, run
from bench.servers import COMMANDS, ContenderFailed
from kingpost.errors import KingpostError

IDS = ("R1", "R2", "R3", "R4", "O1", "W1", "W2", "W3")
FAILURES = (
    *(LoadFailed, Unequal, PeerMissing, ContenderFailed, Refused, Locked, KingpostError),
    *(OSError, EOFError, PostgresError, InterfaceError, psutil.Error),
)


@click.command()
@click.argument("ids", nargs=-1, type=click.Choice([*IDS, "H1"]))
@click.option("--seconds", default=3.0, show_default=True, help="For each contender and round.")
@click.option("--rounds", default=7, show_default=True, help="At least 7, unless it is quick.")
@click.option("--quick", is_flag=True, help="Three rounds of a second: to look, not to judge.")
@click.option(
    "--only", multiple=True, type=click.Choice(sorted(COMMANDS)), help="Only this contender; may be repeated."
)
@click.option("--json", "to", type=click.Path(dir_okay=False, path_type=Path), help="Write the rows here.")
def main(
    ids: tuple[str, ...], seconds: float, rounds: int, quick: bool, only: tuple[str, ...], to: Path | None
) -> None:
    """Compare Kingpost with a server written by hand and with FastAPI + SQLAlchemy.

    Example: python -m bench R1 R2 --seconds 5 --json out.json
    """
    chosen = ids or (*IDS, "H1")
    schedule = Schedule(tuple(chosen), 1.0 if quick else seconds, 3 if quick else max(7, rounds), only)
    results = Results()
    try:
        with alone(FOLDER):
            _measure(schedule, results, to)
    except FAILURES as error:
        print(f"error: {str(error) or type(error).__name__}", file=sys.stderr)
        raise SystemExit(2) from error
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None
    finally:
        if results.rows:
            _print(results, schedule)
    missed = [goal for row in results.rows for goal in row.missed]
    for goal in missed:
        print(f"missed: {goal}")
    raise SystemExit(1 if missed else 0)


def _measure(schedule: Schedule, results: Results, to: Path | None) -> None:
    """What was measured is written also where a later case fails, or somebody has had enough."""
    err = Console(stderr=True)
    try:
        if set(schedule.ids) & set(IDS):
            asyncio.run(run(schedule, lambda line: err.print(f"[dim]{line}"), results))
        if "H1" in schedule.ids:
            results.rows.append(hops())
    finally:
        if to is not None:
            to.write_text(json.dumps([asdict(row) for row in results.rows], indent=2))


def _print(results: Results, schedule: Schedule) -> None:
    table = Table(title=f"{schedule.rounds} rounds of {schedule.seconds:g} s, 16 connections, one worker")
    for column in ("id", "contender", "rps", "cpu us", "p50 ms", "p99 ms", "of floor", "quartiles", "of fastapi"):
        table.add_column(column, justify="left" if column in ("id", "contender") else "right")
    for row in results.rows:
        if row.id in IDS:
            table.add_row(*_cells(row))
    console = Console(width=120)
    console.print(table)
    for row in results.rows:
        if row.id == "H1":
            console.print(f"H1, the pure hops of a warm R2 (split, find, fill, write): {row.cpu_us:.1f} us a request")
    memory = psutil.virtual_memory().total / 2**30
    console.print(
        f"{platform.machine()}, {psutil.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}, "
        f"PostgreSQL {results.server}. O1 compares with the same app without filter and mask."
    )


def _cells(row: Row) -> tuple[str, ...]:
    quartiles = "" if row.quartiles is None else f"{row.quartiles[0]:.2f} to {row.quartiles[1]:.2f}"
    other = row.ratios.get("fastapi", row.ratios.get("open"))
    of_floor = "" if row.ratio_to_floor is None else f"{row.ratio_to_floor:.2f}"
    numbers = (f"{row.rps:,.0f}", f"{row.cpu_us:,.0f}", f"{row.p50_ms:.2f}", f"{row.p99_ms:.2f}")
    return (row.id, row.contender, *numbers, of_floor, quartiles, "" if other is None else f"{other:.2f}")


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)  # or the servers would outlive us
    main()
