"""What a transition works with: the open transaction, and what it has to tell afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from oxherd.domain.record import JobKey
from oxherd.engines.sqlite.codes import LATEST_MS, TIME_SHIFT

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from oxherd.domain.lifecycle import EventKind

    Row = tuple[Any, ...]

KEEP_EVENTS: Final = 10_000
_TRIM_EVERY: Final = 500

_QUEUE: Final = "SELECT id FROM queues WHERE prefix = ? AND name = ?"
_QUEUE_NAME: Final = "SELECT prefix, name FROM queues WHERE id = ?"
_NEW_QUEUE: Final = "INSERT INTO queues (prefix, name) VALUES (?, ?)"
_HIGHEST_RANK: Final = "SELECT max(rank) FROM jobs WHERE queue = ? AND state = ?"
_HIGHEST_RANK_AT: Final = f"{_HIGHEST_RANK} AND rank BETWEEN ? AND ?"
_LAST_EVENT: Final = "SELECT max(id) FROM events WHERE queue = ?"
_EVENT: Final = (
    "INSERT INTO events (queue, id, kind, job_id, value, prev) VALUES (?, ?, ?, ?, ?, ?)"
)
_TRIM: Final = "DELETE FROM events WHERE queue = ? AND id <= ?"


class Transaction:
    """One commit's worth of work, which may be several calls of several stores in turn.

    `prefix` and `now_ms` are those of the call under way. Everything remembered here is true for
    as long as the write lock is held, even when a call of the transaction is rolled back.
    """

    __slots__ = (
        "_connection", "_events", "_known_queues", "ends", "heard", "new_queues", "now_ms",
        "prefix",
    )  # fmt: skip

    def __init__(
        self, connection: sqlite3.Connection, known_queues: dict[tuple[str, str], int]
    ) -> None:
        self._connection = connection
        self._known_queues = known_queues
        self._events: list[tuple[int, str, str | None, str | None, str | None]] = []
        self.new_queues: dict[tuple[str, str], int] = {}
        self.heard: set[int] = set()
        """Queues whose waiting workers have something to look at."""
        self.ends: dict[Any, list[int]] = {}
        """The first and last rank in use, or that was, per line of jobs."""
        self.prefix = ""
        self.now_ms = 0

    # Statements.

    def one(self, statement: str, *values: object) -> Row | None:
        """The first row, if any."""
        row: Row | None = self._connection.execute(statement, values).fetchone()
        return row

    def all(self, statement: str, *values: object) -> list[Row]:
        """All rows."""
        return self._connection.execute(statement, values).fetchall()

    def number(self, statement: str, *values: object) -> int | None:
        """The first column of the first row, if any."""
        row = self._connection.execute(statement, values).fetchone()
        return None if row is None else row[0]

    def run(self, statement: str, *values: object) -> int:
        """Run a statement that writes; answers how many rows it changed."""
        return self._connection.execute(statement, values).rowcount

    def insert(self, statement: str, *values: object) -> int:
        """Insert one row; answers its id."""
        return self._connection.execute(statement, values).lastrowid or 0

    def many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement once per row."""
        self._connection.executemany(statement, rows)

    # Queues.

    def queue(self, name: str, prefix: str | None = None) -> int | None:
        """A queue's number; None for one that was never used."""
        key = (self.prefix if prefix is None else prefix, name)
        number = self._known_queues.get(key) or self.new_queues.get(key)
        if number is None:
            row = self.one(_QUEUE, *key)
            if row is None:
                return None
            number = self.new_queues[key] = row[0]
        return number

    def used_queue(self, name: str) -> int:
        """A queue's number; the queue is used from now on."""
        number = self.queue(name)
        if number is None:
            number = self.insert(_NEW_QUEUE, self.prefix, name)
            self.new_queues[self.prefix, name] = number
        return number

    def key(self, queue: str, job_id: str) -> str:
        """A job's full key."""
        return str(JobKey(self.prefix, queue, job_id))

    def key_of(self, queue: int, job_id: str) -> JobKey:
        """The full key of a job of a numbered queue."""
        prefix, name = self.one(_QUEUE_NAME, queue) or ("", "")
        return JobKey(prefix, name, job_id)

    # Ranks.

    def next_rank(self, queue: int, state: int) -> int:
        """The rank behind all jobs of a state that counts positions."""
        ends = self.ends.get((queue, state))
        if ends is None:
            highest = self.number(_HIGHEST_RANK, queue, state)
            ends = self.ends[queue, state] = [0, highest or 0]
        ends[1] += 1
        return ends[1]

    def next_rank_at(self, queue: int, state: int, time_ms: int) -> int:
        """The rank behind all jobs of a state that have the same time."""
        time_ms = min(max(time_ms, 0), LATEST_MS)
        first = time_ms << TIME_SHIFT
        last = first + (1 << TIME_SHIFT) - 1
        ends = self.ends.get((queue, state, time_ms))
        if ends is None:
            highest = self.number(_HIGHEST_RANK_AT, queue, state, first, last)
            ends = self.ends[queue, state, time_ms] = [
                first, first - 1 if highest is None else highest,
            ]  # fmt: skip
        # A million in one millisecond share the last rank; then the older row goes first.
        ends[1] = min(ends[1] + 1, last)
        return ends[1]

    # What is told.

    def emit(
        self,
        queue: int,
        kind: EventKind,
        job_id: str | None = None,
        value: str | None = None,
        prev: str | None = None,
    ) -> None:
        """Write an event behind those of this transaction."""
        self._events.append((queue, kind.value, job_id, value, prev))

    def hear(self, queue: int) -> None:
        """Wake the workers that wait for jobs of a queue."""
        self.heard.add(queue)

    def mark(self) -> int:
        """Where the events of a call begin."""
        return len(self._events)

    def forget(self, mark: int) -> None:
        """The call that began at `mark` was rolled back."""
        del self._events[mark:]
        self.new_queues.clear()

    def write_events(self) -> set[int]:
        """Store what was emitted, before the commit; answers the queues that have news."""
        last: dict[int, int] = {}
        rows: list[tuple[int, int, str, str | None, str | None, str | None]] = []
        trims: dict[int, int] = {}
        for queue, kind, job_id, value, prev in self._events:
            number = last.get(queue)
            if number is None:
                number = self.number(_LAST_EVENT, queue) or 0
            number += 1
            last[queue] = number
            rows.append((queue, number, kind, job_id, value, prev))
            if number % _TRIM_EVERY == 0 and number > KEEP_EVENTS:
                trims[queue] = number - KEEP_EVENTS
        self.many(_EVENT, rows)
        self.many(_TRIM, trims.items())
        return set(last)
