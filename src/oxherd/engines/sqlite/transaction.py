"""What a transition works with: the open transaction, and what it has to tell afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from oxherd.domain.record import JobKey
from oxherd.engines.sqlite.batch import Insertion
from oxherd.engines.sqlite.codes import LATEST_MS, TIME_SHIFT

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from oxherd.domain.lifecycle import EventKind
    from oxherd.engines.sqlite.batch import Batch

    Row = tuple[Any, ...]

KEEP_EVENTS: Final = 10_000
_TRIM_EVERY: Final = 500
_MOST_COMMITS: Final = 1_000
_MOST_LINES: Final = 1_000

_QUEUE: Final = "SELECT id FROM queues WHERE prefix = ? AND name = ?"
_QUEUE_NAME: Final = "SELECT prefix, name FROM queues WHERE id = ?"
_NEW_QUEUE: Final = "INSERT INTO queues (prefix, name) VALUES (?, ?)"
_HIGHEST_RANK: Final = "SELECT max(rank) FROM jobs WHERE queue = ? AND state = ?"
_HIGHEST_RANK_AT: Final = f"{_HIGHEST_RANK} AND rank BETWEEN ? AND ?"
_LAST_EVENT: Final = (
    "SELECT max(last_event, (SELECT coalesce(max(id), 0) FROM events WHERE queue = queues.id))"
    " FROM queues WHERE id = ?"
)
_EVENTS: Final = Insertion("INSERT INTO events (queue, id, kind, job_id, value, prev)", 6)
_FIELDS: Final = "UPDATE events SET fields = ? WHERE queue = ? AND id = ?"
_TRIM: Final = "DELETE FROM events WHERE queue = ? AND id <= ?"
_KEEP_LAST_EVENT: Final = "UPDATE queues SET last_event = ? WHERE id = ?"
_LAST_ROW: Final = "SELECT max(id) FROM jobs"
_LAST_NUMBER: Final = "SELECT last_number FROM queues WHERE id = ?"
_KEEP_LAST_NUMBER: Final = "UPDATE queues SET last_number = ? WHERE id = ?"


class Memory:
    """What the writing connection knows of its file; true until another one writes.

    It stays true when a call of a transaction is rolled back: what is counted here may be skipped.
    """

    __slots__ = ("commits", "ends", "last_events", "last_row", "numbers", "seen")

    def __init__(self) -> None:
        self.seen: object = None
        """By what the file is recognized as unchanged."""
        self.commits = 0
        self.last_row: int | None = None
        self.numbers: dict[int, int] = {}
        """How many adds each queue has counted."""
        self.last_events: dict[int, int] = {}
        """The id of each queue's last stored event."""
        self.ends: dict[Any, list[int]] = {}
        """The first and last rank in use, or that was, per line of jobs."""

    @property
    def is_worn(self) -> bool:
        """Lines that have run empty are to begin again, and those of past times to be dropped."""
        return self.commits >= _MOST_COMMITS or len(self.ends) > _MOST_LINES


class Transaction:
    """One commit's worth of work, which may be several calls of several stores in turn.

    `prefix` and `now_ms` are those of the call under way.
    """

    __slots__ = (
        "_connection", "_counted", "_events", "_fields", "_known_queues", "_waiting",
        "ends", "heard", "memory", "new_queues", "now_ms", "prefix",
    )  # fmt: skip

    def __init__(
        self,
        connection: sqlite3.Connection,
        known_queues: dict[tuple[str, str], int],
        memory: Memory,
    ) -> None:
        self._connection = connection
        self._known_queues = known_queues
        self._events: list[tuple[int, str, str | None, str | None, str | None]] = []
        self._fields: list[tuple[str, int, int]] = []
        self._counted: set[int] = set()
        self._waiting: dict[Batch, list[Sequence[Any]]] = {}
        self.new_queues: dict[tuple[str, str], int] = {}
        self.heard: set[int] = set()
        """Queues whose waiting workers have something to look at."""
        self.memory = memory
        self.ends = memory.ends
        """As in the memory."""
        self.prefix = ""
        self.now_ms = 0

    # Statements.

    def later(self, batch: Batch, row: Sequence[object]) -> None:
        """Write a row with others of its kind, but before the next statement that could see it.

        Kinds are written in the order in which they were put off first.
        """
        rows = self._waiting.get(batch)
        if rows is None:
            self._waiting[batch] = [row]
        else:
            rows.append(row)

    def write_waiting(self) -> None:
        """Write what was put off."""
        waiting, self._waiting = self._waiting, {}
        for batch, rows in waiting.items():
            batch.write(self._connection, rows)

    def one(self, statement: str, *values: object) -> Row | None:
        """The first row, if any."""
        row: Row | None = self._execute(statement, values).fetchone()
        return row

    def all(self, statement: str, *values: object) -> list[Row]:
        """All rows."""
        return self._execute(statement, values).fetchall()

    def number(self, statement: str, *values: object) -> int | None:
        """The first column of the first row, if any."""
        row = self._execute(statement, values).fetchone()
        return None if row is None else row[0]

    def run(self, statement: str, *values: object) -> int:
        """Run a statement that writes; answers how many rows it changed."""
        return self._execute(statement, values).rowcount

    def insert(self, statement: str, *values: object) -> int:
        """Insert one row; answers its id."""
        return self._execute(statement, values).lastrowid or 0

    def _execute(self, statement: str, values: Sequence[object]) -> sqlite3.Cursor:
        if self._waiting:
            self.write_waiting()
        return self._connection.execute(statement, values)

    def many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement once per row."""
        self.write_waiting()
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

    def used_queue(self, name: str, prefix: str | None = None) -> int:
        """A queue's number; the queue is used from now on."""
        number = self.queue(name, prefix)
        if number is None:
            key = (self.prefix if prefix is None else prefix, name)
            number = self.new_queues[key] = self.insert(_NEW_QUEUE, *key)
        return number

    def key(self, queue: str, job_id: str, prefix: str | None = None) -> str:
        """A job's full key."""
        return str(JobKey(self.prefix if prefix is None else prefix, queue, job_id))

    def key_of(self, queue: int, job_id: str) -> JobKey:
        """The full key of a job of a numbered queue."""
        prefix, name = self.one(_QUEUE_NAME, queue) or ("", "")
        return JobKey(prefix, name, job_id)

    def new_row(self) -> int:
        """The row of a job that is to be added."""
        last = self.memory.last_row
        if last is None:
            last = self.number(_LAST_ROW) or 0
        self.memory.last_row = last + 1
        return last + 1

    def next_number(self, queue: int) -> int:
        """The next number of a queue, which counts the adds."""
        last = self.memory.numbers.get(queue)
        if last is None:
            last = self.number(_LAST_NUMBER, queue) or 0
        self.memory.numbers[queue] = last + 1
        self._counted.add(queue)
        return last + 1

    def restart_numbers(self, queue: int) -> None:
        """Count from the beginning."""
        self.memory.numbers[queue] = 0
        self._counted.add(queue)

    # Ranks.

    def next_rank(self, queue: int, state: int) -> int:
        """The rank behind all jobs of a state that counts positions."""
        return self.next_ranks(queue, state, 1)

    def next_ranks(self, queue: int, state: int, number: int) -> int:
        """The first of so many ranks in a row behind all jobs of a state."""
        ends = self.ends.get((queue, state))
        if ends is None:
            highest = self.number(_HIGHEST_RANK, queue, state)
            ends = self.ends[queue, state] = [0, highest or 0]
        first = ends[1] + 1
        ends[1] += number
        return first

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

    def emit_all(self, queue: int, kind: EventKind, job_ids: Iterable[str], prev: str) -> None:
        """Write an event for each of some jobs."""
        name = kind.value
        self._events.extend([(queue, name, job_id, None, prev) for job_id in job_ids])

    def publish(self, queue: int, kind: str, fields: str) -> int:
        """Write an event of another program's; answers its id."""
        self._events.append((queue, kind, None, None, None))
        number = self._last_event(queue) + sum(each[0] == queue for each in self._events)
        self._fields.append((fields, queue, number))
        return number

    def trim(self, queue: int, last: int) -> int:
        """Remove stored events up to the id `last`; answers how many."""
        if last <= 0:
            return 0
        self.run(_KEEP_LAST_EVENT, self._last_event(queue), queue)
        return self.run(_TRIM, queue, last)

    def hear(self, queue: int) -> None:
        """Wake the workers that wait for jobs of a queue."""
        self.heard.add(queue)

    def mark(self) -> tuple[int, int, frozenset[int]]:
        """Where the events of a call begin, and what was heard before it."""
        return len(self._events), len(self._fields), frozenset(self.heard)

    def forget(self, mark: tuple[int, int, frozenset[int]]) -> None:
        """The call that began at `mark` was rolled back."""
        self._waiting = {}
        events, fields, heard = mark
        del self._events[events:]
        del self._fields[fields:]
        # A queue that the call made is no more, and cannot be told of.
        self.heard = set(heard)
        self.new_queues.clear()

    def flush(self) -> set[int]:
        """Store what was counted and emitted, before the commit; answers the queues with news."""
        numbers = self.memory.numbers
        self.many(_KEEP_LAST_NUMBER, [(numbers[queue], queue) for queue in self._counted])
        last: dict[int, int] = {}
        rows: list[tuple[int, int, str, str | None, str | None, str | None]] = []
        trims: dict[int, int] = {}
        for queue, kind, job_id, value, prev in self._events:
            number = last.get(queue)
            if number is None:
                number = self._last_event(queue)
            number += 1
            last[queue] = number
            rows.append((queue, number, kind, job_id, value, prev))
            if number % _TRIM_EVERY == 0 and number > KEEP_EVENTS:
                trims[queue] = number - KEEP_EVENTS
        _EVENTS.write(self._connection, rows)
        if self._fields:
            self.many(_FIELDS, self._fields)
        if trims:
            self.many(_TRIM, trims.items())
        self.memory.last_events.update(last)
        return set(last)

    def _last_event(self, queue: int) -> int:
        last = self.memory.last_events.get(queue)
        if last is None:
            last = self.memory.last_events[queue] = self.number(_LAST_EVENT, queue) or 0
        return last
