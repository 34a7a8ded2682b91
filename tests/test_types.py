"""Types as a test: mypy's strict mode over the package, the examples and what users' editors must show."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_everything_is_typed(root: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
