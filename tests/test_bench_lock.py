"""Only one benchmark runs at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import bench.__main__
from bench.lock import Locked, alone

HOLD = """
import sys, pathlib, time
from bench.lock import alone
with alone(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_run_is_refused_says_who_holds_it_and_what_to_do(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(Locked) as refused, alone(tmp_path):
        raise AssertionError("both ran")
    message = str(refused.value)
    assert f"process {os.getpid()}, `" in message
    assert str(tmp_path / "run.lock") in message
    assert "wait until it ends" in message


def test_the_next_run_may_begin_when_the_first_has_ended(tmp_path: Path) -> None:
    for _ in range(2):
        with alone(tmp_path / "made"):
            assert (tmp_path / "made" / "run.lock").read_text()
    assert (tmp_path / "made" / "run.lock").read_text() == ""


def test_a_run_that_was_killed_holds_nothing(tmp_path: Path, root: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Locked, match=f"process {holder.pid},"), alone(tmp_path):
            raise AssertionError("both ran")
        holder.kill()
        holder.wait(10)
        with alone(tmp_path):
            assert str(os.getpid()) in (tmp_path / "run.lock").read_text()


def test_the_command_exits_2_and_leaves_the_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.__main__, "FOLDER", tmp_path)
    to = tmp_path / "out.json"
    to.write_text("of an earlier run")
    with alone(tmp_path):
        done = CliRunner().invoke(bench.__main__.main, ["R1", "--json", str(to)])
    assert done.exit_code == 2
    assert "error: another benchmark holds" in done.output
    assert to.read_text() == "of an earlier run"
