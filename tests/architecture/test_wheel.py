"""What is published has every file, scripts and migrations too, and works where it is unpacked."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, ROOT
from tests.docs.run_blocks import blocks


@pytest.mark.slow
def test_the_wheel_is_whole_and_runs(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    source = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*") if path.is_file()}
    packed = {path.relative_to(unpacked / "oxherd") for path in (unpacked / "oxherd").rglob("*")}
    assert {path for path in source if "__pycache__" not in path.parts} <= packed
    program = blocks((ROOT / "README.md").read_text())[0]
    (tmp_path / "app.py").write_text(
        f"import oxherd\nassert {str(unpacked)!r} in oxherd.__file__\n{program.code}"
    )

    answer = subprocess.run(
        [sys.executable, "app.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(unpacked), "OXHERD_URL": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=25,
    )

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == program.output
