"""The architecture as a test: runs the contracts of .importlinter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_rooms_import_only_what_they_may(root: Path) -> None:
    lint = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
    done = subprocess.run([sys.executable, "-c", lint], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
