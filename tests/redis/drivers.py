"""Other versions of the driver, each in a folder of its own outside the tree."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
INSTALLED: Final = "8"
"""The environment's own driver, of this major version."""
OTHERS: Final = ("7.0", "7.4")
_INSTALL_SECONDS: Final = 100


class NoDriver(Exception):
    """A version of the driver cannot be installed."""


def environment(version: str) -> dict[str, str]:
    """What a Python program needs in its environment to use this version."""
    path = [str(ROOT / "src"), str(ROOT)]
    if version != INSTALLED:
        path.insert(0, str(_install(version)))
    inherited = {name: value for name, value in os.environ.items() if "OXHERD_" not in name}
    return {**inherited, "PYTHONPATH": os.pathsep.join(path)}


def _install(version: str) -> Path:
    """A folder with what `requirements/redis-VERSION.txt` lists, made by whoever asks first."""
    requirements = ROOT / "requirements" / f"redis-{version}.txt"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "oxherd" / "drivers" / f"redis-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / "installed.txt"
    wanted = requirements.read_bytes()
    with (folder / "gate").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        if mark.exists() and mark.read_bytes() == wanted:
            return folder
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--require-hashes", "--upgrade", "--target", str(folder)]
        done = subprocess.run(
            [*command, "-r", str(requirements)],
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
        if done.returncode:
            raise NoDriver(f"pip cannot install redis {version}:\n{done.stdout}{done.stderr}")
        mark.write_bytes(wanted)
    return folder
