"""The floors of the house hold, and the contracts that say so would notice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

LINT = "from importlinter.cli import lint_imports_command as run; run()"

PLANTS = {
    "a clock in the domain": ("domain/flow.py", "import time"),
    "a driver in the domain": ("domain/record.py", "import redis"),
    "the port above the domain": ("domain/options.py", "import oxherd.store"),
    "one engine in the other": ("engines/redis/keys.py", "import oxherd.engines.sqlite"),
    "an engine opened by the runtime": ("runtime/worker.py", "import oxherd.engines.redis.store"),
    "a driver in the runtime": ("runtime/queue.py", "import sqlite3"),
    "a driver in the drop-in": ("bullmq/queue.py", "import redis"),
    "the drop-in in the runtime": ("runtime/queue.py", "import oxherd.bullmq.queue"),
    "the runtime in an engine": ("engines/sqlite/store.py", "import oxherd.runtime.queue"),
    "a module without a room": ("utils.py", ""),
}


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_contracts_are_kept() -> None:
    answer = lint(ROOT)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_import_is_noticed(plant: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    path, line = PLANTS[plant]
    target = tmp_path / "src" / "oxherd" / path
    assert path == "utils.py" or target.exists()
    with target.open("a") as file:
        file.write(f"\n{line}\n")

    answer = lint(tmp_path)

    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert "BROKEN" in answer.stdout or "not listed" in answer.stdout
