"""The contestants' own environments, in `.bench/`, made from the lists in `benchmarks/peers/`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tests.interop.node import node_environment, node_path, npm_command

from benchmarks.contestants import Contestant

ROOT: Final = Path(__file__).parent.parent
FOLDER: Final = ROOT / ".bench"
_PEERS: Final = Path(__file__).parent / "peers"
_NODE: Final = "node"
_INSTALL_SECONDS: Final = 600


class NotInstalled(Exception):
    """A contestant's packages cannot be installed."""


def install(contestants: Sequence[Contestant]) -> tuple[list[Contestant], list[str]]:
    """Who can be measured, and why others cannot."""
    there: list[Contestant] = []
    missing: list[str] = []
    for contestant in contestants:
        try:
            _install(contestant)
        except NotInstalled as error:
            print(error, file=sys.stderr)
            missing.append(f"{contestant.name} cannot be installed")
        else:
            there.append(contestant)
    return there, missing


def _install(contestant: Contestant) -> None:
    """Make the contestant's environment, unless it is what its list says."""
    name = contestant.environment
    if not name:
        return
    mark = FOLDER / name / ".installed"
    wanted = b"".join(path.read_bytes() for path in _lists(name)) + sys.version.encode()
    if mark.exists() and mark.read_bytes() == wanted:
        return
    shutil.rmtree(FOLDER / name, ignore_errors=True)
    (FOLDER / name).mkdir(parents=True)
    if name == _NODE:
        _install_node(FOLDER / name)
    else:
        _install_python(FOLDER / name)
    mark.write_bytes(wanted)


def command(contestant: Contestant) -> list[str]:
    """What starts the contestant's program, without its arguments."""
    if contestant.environment == _NODE:
        return [node_path(), str(_PEERS / _NODE / contestant.program)]
    own = str(FOLDER / contestant.environment / "bin" / "python")
    python = own if contestant.environment else sys.executable
    return [python, "-m", f"benchmarks.peers.{contestant.program}"]


def variables() -> dict[str, str]:
    """The environment variables of all programs."""
    return {**node_environment(), "NODE_PATH": str(FOLDER / _NODE / "node_modules")}


def versions(contestant: Contestant) -> dict[str, str]:
    """The versions of the contestant's packages."""
    name = contestant.environment
    if not name:
        return {package: version(package) for package in contestant.packages}
    if name == _NODE:
        packages = json.loads((_PEERS / _NODE / "package.json").read_text())["dependencies"]
        told = subprocess.run([node_path(), "--version"], capture_output=True, check=True)
        return {**packages, "Node": told.stdout.decode().strip().removeprefix("v")}
    lines = _lists(name)[0].read_text().splitlines()
    pins = dict(line.split("==") for line in lines)
    return {package: pins[package] for package in contestant.packages}


def _lists(name: str) -> list[Path]:
    if name == _NODE:
        return [_PEERS / _NODE / "package.json", _PEERS / _NODE / "package-lock.json"]
    return [_PEERS / f"{name}.txt"]


def _install_node(folder: Path) -> None:
    for path in _lists(_NODE):
        shutil.copy(path, folder)
    # `npm ci` refuses a list from a registry that lacks builds for other machines.
    options = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund"]
    _run([*npm_command(), "install", *options], folder)


def _install_python(folder: Path) -> None:
    _run([sys.executable, "-m", "venv", str(folder)], folder)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    _run([*pip, "install", "--quiet", "-r", str(_lists(folder.name)[0])], folder)


def _run(words: list[str], folder: Path) -> None:
    done = subprocess.run(
        words, cwd=folder, env={**os.environ, **node_environment()}, capture_output=True,
        text=True, timeout=_INSTALL_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode:
        raise NotInstalled(f"{folder.name}:\n{done.stdout}{done.stderr}")
