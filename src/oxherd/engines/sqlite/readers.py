"""Reading beside the writer: a few connections, each used by one thread at a time."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from oxherd.engines.sqlite.connection import DatabaseFile, store_error

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from oxherd.engines.sqlite.transaction import Row
    from oxherd.store import Clock

T = TypeVar("T")

_CONNECTIONS: Final = 2
_QUEUE: Final = "SELECT id FROM queues WHERE prefix = ? AND name = ?"


class Reading(Protocol):
    """What a read works with: a connection of its own, or the writer's transaction."""

    @property
    def prefix(self) -> str:
        """The prefix of the store that reads."""
        ...

    @property
    def now_ms(self) -> int:
        """The store's time."""
        ...

    def one(self, statement: str, *values: object) -> Row | None:
        """The first row, if any."""
        ...

    def all(self, statement: str, *values: object) -> list[Row]:
        """All rows."""
        ...

    def queue(self, name: str, prefix: str | None = None) -> int | None:
        """A queue's number; None for one that was never used."""
        ...


class Snapshot:
    """`Reading` on a connection of its own; each statement sees the newest commit."""

    def __init__(self, connection: sqlite3.Connection, prefix: str, clock: Clock) -> None:
        self._connection = connection
        self._prefix = prefix
        self._clock = clock

    @property
    def prefix(self) -> str:
        """As in `Reading`."""
        return self._prefix

    @property
    def now_ms(self) -> int:
        """As in `Reading`."""
        return self._clock()

    def one(self, statement: str, *values: object) -> Row | None:
        """As in `Reading`."""
        row: Row | None = self._connection.execute(statement, values).fetchone()
        return row

    def all(self, statement: str, *values: object) -> list[Row]:
        """As in `Reading`."""
        return self._connection.execute(statement, values).fetchall()

    def queue(self, name: str, prefix: str | None = None) -> int | None:
        """As in `Reading`."""
        row = self.one(_QUEUE, self._prefix if prefix is None else prefix, name)
        return None if row is None else row[0]


def wall_clock() -> int:
    """The host's time, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Readers:
    """The reading connections of one store."""

    def __init__(self, path: str, clock: Clock | None) -> None:
        self._path = path
        self._clock = wall_clock if clock is None else clock
        self._lock = threading.Lock()
        self._free: deque[sqlite3.Connection] = deque()
        self._threads = ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="oxherd-reader")

    @property
    def threads(self) -> ThreadPoolExecutor:
        """Where `read` is to be run."""
        return self._threads

    def read(self, file: DatabaseFile, prefix: str, work: Callable[[Reading], T]) -> T:
        """Run one read; blocks."""
        connection: sqlite3.Connection | None = None
        try:
            file.check()
            with self._lock:
                connection = self._free.pop() if self._free else None
            if connection is None:
                connection = file.open_reader()
            answer = work(Snapshot(connection, prefix, self._clock))
        except BaseException as error:
            if connection is not None:
                connection.close()
            told = store_error(error, self._path)
            if told is error:
                raise
            raise told from error
        with self._lock:
            self._free.append(connection)
        return answer

    def close(self) -> None:
        """End the threads and close the connections; blocks until reads under way are done."""
        self._threads.shutdown(wait=True)
        while self._free:
            self._free.pop().close()
