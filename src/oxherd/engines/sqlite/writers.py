"""The writers of this process: stores of one file share one, so that commits are shared too."""

from __future__ import annotations

import os
import threading
from typing import Final

from oxherd.engines.sqlite.connection import DatabaseFile
from oxherd.engines.sqlite.writer import Writer


class Writers:
    """Counts the users of each file's writer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shared: dict[tuple[str, int], tuple[Writer, int]] = {}

    def acquire(self, path: str) -> Writer:
        """The writer of a file (a real path), counted; a new one for each memory store."""
        if DatabaseFile(path).in_memory:
            return Writer(path)
        key = (path, os.getpid())
        with self._lock:
            writer, users = self._shared.get(key) or (Writer(path), 0)
            self._shared[key] = (writer, users + 1)
            return writer

    def release(self, writer: Writer) -> bool:
        """Give a writer back; True when nobody else has it, and then it is to be stopped."""
        key = (writer.file.path, writer.pid)
        with self._lock:
            if key not in self._shared:
                return True
            _, users = self._shared[key]
            if users > 1:
                self._shared[key] = (writer, users - 1)
                return False
            del self._shared[key]
            return True


WRITERS: Final = Writers()
"""The one module-level state of the package: SQLite wants one writer per file and process."""
