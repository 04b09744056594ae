"""What the figures were taken on: nothing that tells whose machine it is."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from pathlib import Path

from tests.servers import RedisServer


def facts(server: RedisServer) -> dict[str, str]:
    """The machine and what runs on it."""
    told = subprocess.run([server.command[0], "--version"], capture_output=True, check=True)
    words = told.stdout.decode().split()
    return {
        "processor": f"{os.cpu_count()} cores, {_line('/proc/cpuinfo', 'model name')}",
        "memory": f"{int(_line('/proc/meminfo', 'MemTotal').split()[0]) / 2**20:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "server": f"{words[0]} {words[2].removeprefix('v=')}, nothing written to disk",
        "SQLite": sqlite3.sqlite_version,
    }


def _line(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return "?"
