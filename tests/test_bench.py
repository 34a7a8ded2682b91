"""What the benchmark makes of its measurements: rows, ratios, goals, the file and the exit status."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import bench.__main__
from bench.asking import Unequal
from bench.cases import Case, cases
from bench.load import Tally
from bench.run import Measured, Results, Row, Schedule, row_of, taking_part, turns

KEYS = {"id", "contender", "rps", "cpu_us", "p50_ms", "p99_ms", "ratio_to_floor"}
CASE = {case.id: case for case in cases(("x",))}


def measured(rps: float, cpu_us: float = 100.0, p50_ms: float = 1.0, p99_ms: float = 2.0) -> Measured:
    return Measured(Tally(int(rps), 0, 1.0, p50_ms, p99_ms, 10.0), cpu_us)


def rounds(**rps: Sequence[float]) -> dict[str, list[Measured]]:
    return {name: [measured(one) for one in those] for name, those in rps.items()}


def test_every_round_has_every_contender_and_the_order_alternates() -> None:
    assert turns(("a", "b"), 4) == [
        *[(0, "a"), (0, "b")],
        *[(1, "b"), (1, "a")],
        *[(2, "a"), (2, "b")],
        *[(3, "b"), (3, "a")],
    ]


def test_a_figure_is_the_median_of_its_rounds() -> None:
    own = [measured(100, 9, 5, 7), measured(900, 2, 1, 8), measured(300, 4, 3, 40)]
    row = row_of(CASE["R1"], "floor", {"floor": own})
    assert (row.rps, row.cpu_us, row.p50_ms, row.p99_ms) == (300, 4, 3, 8)


def test_the_ratio_is_the_median_of_the_rounds_ratios_and_not_the_ratio_of_medians() -> None:
    row = row_of(CASE["R1"], "fastapi", rounds(fastapi=[100, 200, 90], floor=[1000, 400, 100]))
    assert row.ratio_to_floor == 0.5
    assert row.ratio_to_floor != 100 / 400


def test_quartiles_are_those_of_the_rounds_ratios() -> None:
    those = rounds(kingpost=[10, 20, 30, 40, 50, 60, 70], floor=[100] * 7)
    row = row_of(CASE["R4"], "kingpost", those)
    assert row.quartiles == pytest.approx((0.2, 0.6))
    assert row_of(CASE["R4"], "floor", those).quartiles is None
    assert row_of(CASE["R4"], "floor", those).ratio_to_floor == 1.0


@pytest.mark.parametrize("name", ["W1", "W2", "W3"])
def test_a_write_has_to_reach_seven_tenths_of_the_floor_and_nothing_of_fastapi(name: str) -> None:
    assert dict(CASE[name].goals) == {"floor": 0.7}


def test_a_goal_is_met_by_the_median_and_missed_below_it() -> None:
    met = row_of(CASE["W1"], "kingpost", rounds(kingpost=[10, 70, 90], floor=[100] * 3))
    missed = row_of(CASE["W1"], "kingpost", rounds(kingpost=[90, 69, 60], floor=[100] * 3))
    assert met.missed == ()
    assert missed.missed == ("W1: 0.69 of floor, the goal is 0.7",)


def test_only_our_own_goals_are_judged_and_only_against_who_took_part() -> None:
    those = rounds(kingpost=[1], floor=[100])
    assert row_of(CASE["R1"], "floor", those).missed == ()
    assert [one.partition(" of ")[2] for one in row_of(CASE["R1"], "kingpost", those).missed] == [
        "floor, the goal is 0.8"
    ]


def test_a_doubt_about_our_figures_misses_the_goal() -> None:
    those = rounds(kingpost=[100], floor=[100])
    assert row_of(CASE["W1"], "kingpost", those, ("no events",)).missed == ("no events",)


def test_who_takes_part_can_be_chosen() -> None:
    assert taking_part(CASE["W2"], Schedule((), 1, 1)) == ("kingpost", "floor", "fastapi")
    assert taking_part(CASE["W2"], Schedule((), 1, 1, ("fastapi", "floor"))) == ("floor", "fastapi")


# --- The command -----------------------------------------------------------------------------------------------------

Running = Callable[..., Result]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Running:
    """Run the command in a folder of its own, with these rows measured and then this failure."""

    def start(arguments: Sequence[str], rows: Sequence[Row], failure: BaseException | None = None) -> Result:
        async def run(schedule: Schedule, tell: Callable[[str], None], results: Results) -> None:
            results.rows += rows
            if failure is not None:
                raise failure

        monkeypatch.setattr(bench.__main__, "run", run)
        monkeypatch.setattr(bench.__main__, "FOLDER", tmp_path)
        return CliRunner().invoke(bench.__main__.main, arguments)

    return start


def row(case: Case, name: str, **rps: Sequence[float]) -> Row:
    return row_of(case, name, rounds(**rps))


def test_all_goals_met_exits_0(command: Running) -> None:
    done = command(["R1"], [row(CASE["R1"], "kingpost", kingpost=[90], floor=[100])])
    assert (done.exit_code, "missed" in done.output) == (0, False)


def test_a_missed_goal_is_named_and_exits_1(command: Running) -> None:
    done = command(["R1"], [row(CASE["R1"], "kingpost", kingpost=[70], floor=[100])])
    assert done.exit_code == 1
    assert "missed: R1: 0.70 of floor, the goal is 0.8" in done.output


def test_the_file_has_the_rows_and_reads_back_as_they_were(command: Running, tmp_path: Path) -> None:
    those = {"kingpost": [90.5, 80, 70], "floor": [100, 90, 80], "fastapi": [9, 8, 7]}
    rows = [row(CASE["R1"], name, **those) for name in those]
    to = tmp_path / "out.json"
    assert command(["R1", "--json", str(to)], rows).exit_code == 0
    read = json.loads(to.read_text())
    assert all(one.keys() >= KEYS for one in read)
    back = [
        Row(**{**one, "missed": tuple(one["missed"]), "quartiles": one["quartiles"] and tuple(one["quartiles"])})
        for one in read
    ]
    assert back == rows


def test_what_was_measured_before_a_failure_is_written_and_shown_and_exits_2(command: Running, tmp_path: Path) -> None:
    to = tmp_path / "out.json"
    rows = [row(CASE["R1"], "floor", floor=[100, 100])]
    done = command(["R1", "W1", "--json", str(to)], rows, Unequal("W1: floor and fastapi differ"))
    assert done.exit_code == 2
    assert "error: W1: floor and fastapi differ" in done.output
    assert "floor" in done.stdout
    assert [one["id"] for one in json.loads(to.read_text())] == ["R1"]


def test_what_was_measured_is_written_also_when_somebody_has_had_enough(command: Running, tmp_path: Path) -> None:
    to = tmp_path / "out.json"
    done = command(["R1", "--json", str(to)], [row(CASE["R1"], "floor", floor=[1, 2])], KeyboardInterrupt())
    assert done.exit_code == 130
    assert [one["contender"] for one in json.loads(to.read_text())] == ["floor"]
