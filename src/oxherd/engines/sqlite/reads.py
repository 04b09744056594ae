"""Counts, lists, pages and logs: everything that changes nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from oxherd.domain.errors import InvalidOption
from oxherd.domain.events import read_event
from oxherd.domain.lifecycle import EventKind, State
from oxherd.domain.rate_limit import RateLimit
from oxherd.domain.record import ChildLink, ChildStatus
from oxherd.engines.sqlite.codes import (
    CODES,
    PRIORITIZED,
    PRIORITY_SHIFT,
    STATES,
    STATUSES,
    WAITING,
)
from oxherd.engines.sqlite.rows import RECORD, read_record
from oxherd.engines.sqlite.schedule_rows import SCHEDULE, read_schedule
from oxherd.store import ChildPage, EventPage, Limits, LogPage, Metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.events import Event
    from oxherd.domain.record import JobRecord
    from oxherd.domain.schedule import Schedule
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
_COUNT_RANKS: Final = f"{_COUNT} AND rank BETWEEN ? AND ?"
# One that was obliterated is there again once it holds something.
_QUEUES: Final = (
    "SELECT name FROM queues WHERE prefix = ? AND (NOT obliterated OR paused"
    " OR concurrency IS NOT NULL OR rate_max IS NOT NULL"
    " OR EXISTS (SELECT 1 FROM jobs WHERE queue = queues.id)"
    " OR EXISTS (SELECT 1 FROM events WHERE queue = queues.id)"
    " OR EXISTS (SELECT 1 FROM schedules WHERE queue = queues.id))"
)
_LIMITS: Final = (
    "SELECT concurrency, rate_max, rate_ms, rate_used, rate_until FROM queues WHERE id = ?"
)
_METRICS: Final = (
    "SELECT count, previous_ms, previous_count FROM metrics WHERE queue = ? AND state = ?"
)
_COUNT_POINTS: Final = "SELECT count(*) FROM metric_points WHERE queue = ? AND state = ?"
_POINTS: Final = (
    "SELECT ended FROM metric_points WHERE queue = ? AND state = ? ORDER BY id DESC"
    " LIMIT ? OFFSET ?"
)
_OWNER: Final = (
    "SELECT job_id FROM deduplications WHERE queue = ? AND id = ? AND (until IS NULL OR until > ?)"
)
_SCHEDULE: Final = f"SELECT {SCHEDULE} FROM schedules WHERE queue = ?"  # noqa: S608 - constant
_ONE_SCHEDULE: Final = f"{_SCHEDULE} AND id = ?"
_SCHEDULES: Final = f"{_SCHEDULE} ORDER BY next_ms, id LIMIT ? OFFSET ?"
_SCHEDULES_DOWN: Final = f"{_SCHEDULE} ORDER BY next_ms DESC, id DESC LIMIT ? OFFSET ?"
_COUNT_SCHEDULES: Final = "SELECT count(*) FROM schedules WHERE queue = ?"
_LAST_EVENT: Final = (
    "SELECT max(last_event, (SELECT coalesce(max(id), 0) FROM events WHERE queue = queues.id))"
    " FROM queues WHERE id = ?"
)
_EVENTS: Final = (
    "SELECT id, kind, job_id, value, prev, fields FROM events WHERE queue = ? AND id > ?"
    " ORDER BY id LIMIT ?"
)

_VALUES: Final = {
    EventKind.ADDED.value: "name",
    EventKind.DELAYED.value: "delay",
    EventKind.COMPLETED.value: "returnvalue",
    EventKind.FAILED.value: "failed_reason",
    EventKind.RETRIES_EXHAUSTED.value: "attempts_made",
    EventKind.PROGRESS.value: "data",
    EventKind.DEDUPLICATED.value: "deduplication_id",
    EventKind.CLEANED.value: "count",
}
"""Which field of its class an event's value is."""
_KINDS: Final = frozenset(kind.value for kind in EventKind)
_PUBLISHED: Final = {
    "jobId": "job_id",
    "failedReason": "failed_reason",
    "attemptsMade": "attempts_made",
    "deduplicationId": "deduplication_id",
    "deduplicatedJobId": "deduplicated_job_id",
}
"""The fields of events that other programs publish, by their names for them."""


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


def counts_by_priority(reading: Reading, queue: str, priorities: Sequence[int]) -> list[int]:
    """As `Inspect.counts_by_priority`."""
    number = reading.queue(queue)
    if number is None:
        return [0] * len(priorities)
    return [_count_ready(reading, number, priority) for priority in priorities]


def limits(reading: Reading, queue: str) -> Limits:
    """As `Inspect.limits`."""
    number = reading.queue(queue)
    row = None if number is None else reading.one(_LIMITS, number)
    if row is None:
        return Limits()
    concurrency, most, duration_ms, used, until = row
    window_ms = max(0, until - reading.now_ms)
    return Limits(
        concurrency=concurrency,
        rate=None if most is None else RateLimit(most, timedelta(milliseconds=duration_ms)),
        used=used if window_ms else 0,
        window_ms=window_ms,
    )


def metrics(reading: Reading, queue: str, state: State, start: int, end: int) -> Metrics:
    """As `Inspect.metrics`."""
    number, code = reading.queue(queue), CODES[state]
    row = None if number is None else reading.one(_METRICS, number, code)
    if row is None:
        return Metrics(0, 0, 0, (), 0)
    total = _first(reading, _COUNT_POINTS, number, code)
    first, last = _absolute(start, end, total)
    rows = reading.all(_POINTS, number, code, max(0, last - first + 1), first)
    count, previous_ms, previous_count = row
    points = tuple(point for (point,) in rows)
    return Metrics(count, previous_ms, previous_count, points, total)


def deduplication_job_id(reading: Reading, queue: str, deduplication_id: str) -> str | None:
    """As `Inspect.deduplication_job_id`."""
    number = reading.queue(queue)
    row = None
    if number is not None:
        row = reading.one(_OWNER, number, deduplication_id, reading.now_ms)
    return None if row is None else row[0]


def schedules(
    reading: Reading, queue: str, start: int, end: int, *, ascending: bool
) -> list[Schedule]:
    """As `Inspect.schedules`."""
    number = reading.queue(queue)
    if number is None:
        return []
    first, last = _absolute(start, end, _first(reading, _COUNT_SCHEDULES, number))
    statement = _SCHEDULES if ascending else _SCHEDULES_DOWN
    rows = reading.all(statement, number, max(0, last - first + 1), first)
    return [found for row in rows if (found := read_schedule(row)) is not None]


def schedule(reading: Reading, queue: str, schedule_id: str) -> Schedule | None:
    """As `Inspect.schedule`."""
    number = reading.queue(queue)
    row = None if number is None else reading.one(_ONE_SCHEDULE, number, schedule_id)
    return None if row is None else read_schedule(row)


def count_schedules(reading: Reading, queue: str) -> int:
    """As `Inspect.count_schedules`."""
    number = reading.queue(queue)
    return 0 if number is None else _first(reading, _COUNT_SCHEDULES, number)


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
    return str(0 if number is None else _last_event(reading, number))


def events(reading: Reading, queue: str, cursor: int, limit: int) -> EventPage:
    """The events after a cursor that there are."""
    number = reading.queue(queue)
    rows = [] if number is None else reading.all(_EVENTS, number, cursor, limit)
    if not rows:
        last = 0 if number is None else _last_event(reading, number)
        return EventPage((), str(cursor), trimmed=last > cursor)
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


def _last_event(reading: Reading, queue: int) -> int:
    row = reading.one(_LAST_EVENT, queue)
    return row[0] if row else 0


def _first(reading: Reading, statement: str, *values: object) -> int:
    row = reading.one(statement, *values)
    assert row is not None
    count: int = row[0]
    return count


def _count_ready(reading: Reading, queue: int, priority: int) -> int:
    if not priority:
        return _first(reading, _COUNT, queue, WAITING)
    first = priority << PRIORITY_SHIFT
    last = first + (1 << PRIORITY_SHIFT) - 1
    return _first(reading, _COUNT_RANKS, queue, PRIORITIZED, first, last)


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
    number, kind, job_id, value, prev, fields = row
    if fields is not None:
        given = msgspec.json.decode(fields, type=dict[str, str])
        if kind in _KINDS:
            given = {_PUBLISHED.get(name, name): text for name, text in given.items()}
        return read_event(str(number), queue, kind, given)
    values: dict[str, Any] = {}
    if job_id is not None:
        values["job_id"] = job_id
    if value is not None and kind in _VALUES:
        values[_VALUES[kind]] = value
    if prev is not None:
        is_dropped_job = kind == EventKind.DEDUPLICATED.value
        values["deduplicated_job_id" if is_dropped_job else "prev"] = prev
    return read_event(str(number), queue, kind, values)
