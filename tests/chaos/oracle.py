"""What really ran: lines in a file outside the store, which no kill can take back."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """A processor started or ended."""

    kind: str
    queue: str
    job_id: str
    pid: int
    at_ms: int


class Oracle:
    """Appends entries, one write each, from any number of processes."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def tell(self, kind: str, queue: str, job_id: str) -> None:
        now = time.time_ns() // 1_000_000
        os.write(self._file, f"{kind} {queue} {job_id} {os.getpid()} {now}\n".encode())

    def close(self) -> None:
        os.close(self._file)


def read(path: Path) -> list[Entry]:
    """All entries, in the order in which they were written."""
    found: list[Entry] = []
    for line in path.read_text().splitlines():
        kind, queue, job_id, pid, at_ms = line.split(" ")
        found.append(Entry(kind, queue, job_id, int(pid), int(at_ms)))
    return found
