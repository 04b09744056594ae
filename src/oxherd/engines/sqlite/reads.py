"""Counts, lists, pages and logs: everything that changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from oxherd.domain.errors import InvalidOption
from oxherd.domain.events import read_event
from oxherd.domain.lifecycle import EventKind, State
from oxherd.domain.record import ChildLink, ChildStatus
from oxherd.engines.sqlite.codes import CODES, STATES, STATUSES
from oxherd.engines.sqlite.rows import RECORD, read_record
from oxherd.store import ChildPage, EventPage, LogPage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.events import Event
    from oxherd.domain.record import JobRecord
    from oxherd.engines.sqlite.readers import Reading
    from oxherd.engines.sqlite.transaction import Row

_JOB: Final = f"SELECT {RECORD} FROM jobs WHERE queue = ? AND job_id = ?"  # noqa: S608 - constant
_STATE: Final = "SELECT state FROM jobs WHERE queue = ? AND job_id = ?"
_OF_STATE: Final = f"SELECT {RECORD} FROM jobs WHERE queue = ? AND state = ?"  # noqa: S608 - constant
_RANKED: Final = f"{_OF_STATE} ORDER BY rank, id LIMIT ? OFFSET ?"
_RANKED_DOWN: Final = f"{_OF_STATE} ORDER BY rank DESC, id DESC LIMIT ? OFFSET ?"
_COUNT: Final = "SELECT count(*) FROM jobs WHERE queue = ? AND state = ?"
_COUNTS: Final = "SELECT state, count(*) FROM jobs WHERE queue = ? GROUP BY state"
_ROW_ID: Final = "SELECT id FROM jobs WHERE queue = ? AND job_id = ?"
_CHILDREN: Final = (
    "SELECT child_key, status, value, failure FROM edges WHERE parent = ?"
    " ORDER BY id LIMIT ? OFFSET ?"
)
_COUNT_CHILDREN: Final = "SELECT count(*) FROM edges WHERE parent = ?"
_LOGS: Final = "SELECT line FROM logs WHERE job = ? ORDER BY id LIMIT ? OFFSET ?"
_COUNT_LOGS: Final = "SELECT count(*) FROM logs WHERE job = ?"
_PAUSED: Final = "SELECT paused FROM queues WHERE prefix = ? AND name = ?"
_QUEUES: Final = "SELECT name FROM queues WHERE prefix = ?"
_LAST_EVENT: Final = "SELECT max(id) FROM events WHERE queue = ?"
_EVENTS: Final = (
    "SELECT id, kind, job_id, value, prev FROM events WHERE queue = ? AND id > ?"
    " ORDER BY id LIMIT ?"
)

_VALUES: Final = {
    EventKind.ADDED.value: "name",
    EventKind.DELAYED.value: "delay",
    EventKind.COMPLETED.value: "returnvalue",
    EventKind.FAILED.value: "failed_reason",
    EventKind.RETRIES_EXHAUSTED.value: "attempts_made",
    EventKind.PROGRESS.value: "data",
}
"""Which field of its class an event's value is."""


def jobs(reading: Reading, queue: str, job_ids: Sequence[str]) -> list[JobRecord | None]:
    """As `Inspect.jobs`."""
    number = reading.queue(queue)
    rows = [None if number is None else reading.one(_JOB, number, job_id) for job_id in job_ids]
    return [None if row is None else read_record(queue, row) for row in rows]


def states(reading: Reading, queue: str, job_ids: Sequence[str]) -> list[State | None]:
    """As `Inspect.states`."""
    number = reading.queue(queue)
    rows = [None if number is None else reading.one(_STATE, number, job_id) for job_id in job_ids]
    return [None if row is None else STATES[row[0]] for row in rows]


def list_jobs(
    reading: Reading, queue: str, state: State, start: int, end: int, *, ascending: bool
) -> list[JobRecord]:
    """As `Inspect.list_jobs`."""
    number = reading.queue(queue)
    if number is None:
        return []
    code = CODES[state]
    if start < 0 or end < -1:
        row = reading.one(_COUNT, number, code)
        start, end = _absolute(start, end, row[0] if row else 0)
    limit = -1 if end == -1 else max(0, end - start + 1)
    statement = _RANKED if ascending else _RANKED_DOWN
    rows = reading.all(statement, number, code, limit, start)
    return [read_record(queue, row) for row in rows]


def counts(reading: Reading, queue: str) -> dict[State, int]:
    """As `Inspect.counts`."""
    number = reading.queue(queue)
    found: dict[int, int] = {} if number is None else dict(reading.all(_COUNTS, number))
    return {state: found.get(CODES[state], 0) for state in State}


def children(reading: Reading, queue: str, job_id: str, start: int, count: int | None) -> ChildPage:
    """As `Inspect.children`."""
    row_id = _row_id(reading, queue, job_id)
    if row_id is None:
        return ChildPage((), 0)
    rows = reading.all(_CHILDREN, row_id, -1 if count is None else count, start)
    total = reading.one(_COUNT_CHILDREN, row_id)
    return ChildPage(tuple(_link(*row) for row in rows), total[0] if total else 0)


def logs(reading: Reading, queue: str, job_id: str, start: int, end: int) -> LogPage:
    """As `Inspect.logs`."""
    row_id = _row_id(reading, queue, job_id)
    row = None if row_id is None else reading.one(_COUNT_LOGS, row_id)
    if row is None:
        return LogPage((), 0)
    total: int = row[0]
    first, last = _absolute(start, end, total)
    rows = reading.all(_LOGS, row_id, max(0, last - first + 1), first)
    return LogPage(tuple(line for (line,) in rows), total)


def is_paused(reading: Reading, queue: str) -> bool:
    """As `Inspect.is_paused`."""
    row = reading.one(_PAUSED, reading.prefix, queue)
    return row is not None and bool(row[0])


def queues(reading: Reading) -> list[str]:
    """As `Inspect.queues`."""
    return sorted(name for (name,) in reading.all(_QUEUES, reading.prefix))


def last_event_id(reading: Reading, queue: str) -> str:
    """As `EventLog.last_event_id`."""
    number = reading.queue(queue)
    row = None if number is None else reading.one(_LAST_EVENT, number)
    return str((row and row[0]) or 0)


def events(reading: Reading, queue: str, cursor: int, limit: int) -> EventPage:
    """The events after a cursor that there are."""
    number = reading.queue(queue)
    rows = [] if number is None else reading.all(_EVENTS, number, cursor, limit)
    if not rows:
        return EventPage((), str(cursor))
    # A queue's events are numbered without gaps.
    trimmed = rows[0][0] > cursor + 1
    return EventPage(tuple(_event(queue, row) for row in rows), str(rows[-1][0]), trimmed)


def read_cursor(text: str) -> int:
    """The number of an event.

    Raises:
        InvalidOption: it is none.
    """
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:  # noqa: PLR2004 - 64 bits
        raise InvalidOption(f"{text!r} is not an event id of this store; '0' reads all there are")
    return int(text)


def _row_id(reading: Reading, queue: str, job_id: str) -> int | None:
    number = reading.queue(queue)
    row = None if number is None else reading.one(_ROW_ID, number, job_id)
    return None if row is None else row[0]


def _absolute(start: int, end: int, total: int) -> tuple[int, int]:
    """Ranks counted from the front, where negative ones count from the back."""
    first = max(0, start + total) if start < 0 else start
    return first, end + total if end < 0 else end


def _link(key: str, status: int, value: str | None, failure: str | None) -> ChildLink:
    known = STATUSES[status]
    return ChildLink(
        key,
        known,
        value if known is ChildStatus.PROCESSED else None,
        failure if known is ChildStatus.IGNORED else None,
    )


def _event(queue: str, row: Row) -> Event:
    number, kind, job_id, value, prev = row
    values: dict[str, Any] = {}
    if job_id is not None:
        values["job_id"] = job_id
    if value is not None and kind in _VALUES:
        values[_VALUES[kind]] = value
    if prev is not None:
        values["prev"] = prev
    return read_event(str(number), queue, kind, values)
