"""`python -m bench R1 R2 --seconds 5 --json FILE`: runs the benchmark, prints its table, exits 1 when a goal is missed."""

from __future__ import annotations

import asyncio
import json
import platform
from dataclasses import asdict
from pathlib import Path

import click
import psutil
from rich.console import Console
from rich.table import Table

from bench.hops import hops
from bench.load import LoadFailed
from bench.parity import Unequal
from bench.peers import PeerMissing
from bench.run import Row, Schedule, run
from bench.servers import ContenderFailed
from kingpost.errors import KingpostError

IDS = ("R1", "R2", "R3", "R4", "O1")
FAILURES = (LoadFailed, Unequal, PeerMissing, ContenderFailed, KingpostError)


@click.command()
@click.argument("ids", nargs=-1, type=click.Choice([*IDS, "H1"]))
@click.option("--seconds", default=3.0, show_default=True, help="For each contender and round.")
@click.option("--rounds", default=7, show_default=True, help="At least 7, unless it is quick.")
@click.option("--quick", is_flag=True, help="Three rounds of a second: to look, not to judge.")
@click.option("--json", "to", type=click.Path(dir_okay=False, path_type=Path), help="Write the rows here.")
def main(ids: tuple[str, ...], seconds: float, rounds: int, quick: bool, to: Path | None) -> None:
    """Compare Kingpost with a server written by hand and with FastAPI + SQLAlchemy.

    Example: python -m bench R1 R2 --seconds 5 --json out.json
    """
    chosen = ids or (*IDS, "H1")
    schedule = Schedule(tuple(chosen), 1.0 if quick else seconds, 3 if quick else max(7, rounds))
    err = Console(stderr=True)
    rows: list[Row] = []
    server = "not asked"
    if set(chosen) & set(IDS):
        try:
            rows, server = asyncio.run(run(schedule, lambda line: err.print(f"[dim]{line}")))
        except FAILURES as error:
            err.print(f"error: {error}")
            raise SystemExit(2) from error
    made = [asdict(row) for row in rows]
    if "H1" in chosen:
        made.append(asdict(hops()))
    if to is not None:
        to.write_text(json.dumps(made, indent=2))
    _print(rows, made, server, schedule)
    missed = [goal for row in rows for goal in row.missed]
    for goal in missed:
        print(f"missed: {goal}")
    raise SystemExit(1 if missed else 0)


def _print(rows: list[Row], made: list[dict[str, object]], server: str, schedule: Schedule) -> None:
    table = Table(title=f"{schedule.rounds} rounds of {schedule.seconds:g} s, 16 connections, one worker")
    for column in ("id", "contender", "rps", "cpu us", "p50 ms", "p99 ms", "of floor", "quartiles", "of fastapi"):
        table.add_column(column, justify="left" if column in ("id", "contender") else "right")
    for row in rows:
        quartiles = "" if row.quartiles is None else f"{row.quartiles[0]:.2f} to {row.quartiles[1]:.2f}"
        other = row.ratios.get("fastapi", row.ratios.get("open"))
        of_floor = "" if row.ratio_to_floor is None else f"{row.ratio_to_floor:.2f}"
        numbers = (f"{row.rps:,.0f}", f"{row.cpu_us:,.0f}", f"{row.p50_ms:.2f}", f"{row.p99_ms:.2f}")
        table.add_row(row.id, row.contender, *numbers, of_floor, quartiles, "" if other is None else f"{other:.2f}")
    console = Console(width=120)
    console.print(table)
    for one in made:
        if one["id"] == "H1":
            console.print(
                f"H1, the pure hops of a warm R2 (split, find, fill, write): {one['cpu_us']:.1f} us a request"
            )
    memory = psutil.virtual_memory().total / 2**30
    console.print(
        f"{platform.machine()}, {psutil.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}, "
        f"PostgreSQL {server}. O1 compares with the same app without filter and mask."
    )


main()
