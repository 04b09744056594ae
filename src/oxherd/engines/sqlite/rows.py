"""A job as a row, and a row as a `JobRecord`."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from oxherd.domain.errors import InvalidOption
from oxherd.domain.options import DEFAULT_OPTIONS, JobOptions, OnFailure
from oxherd.domain.record import Edge, JobRecord
from oxherd.engines.sqlite.batch import Insertion

if TYPE_CHECKING:
    from collections.abc import Sequence

RECORD: Final = (
    "job_id, name, data, options, timestamp, delay, priority, attempts_made, attempts_started,"
    " stalled_count, processed_on, processed_by, finished_on, progress, returnvalue,"
    " failed_reason, stacktrace, deferred_failure, parents, flow_id, schedule_id,"
    " deduplication_id"
)
"""The columns of which `read_record` makes a record, in its order."""

NEW_JOBS: Final = Insertion(
    "INSERT INTO jobs (id, queue, job_id, state, rank, name, data, options, timestamp, delay,"
    " priority, parents, flow_id, added_with, schedule_id, deduplication_id)",
    16,
)

_TEXT: Final = (
    "job_id", "name", "data", "processed_by", "progress", "returnvalue", "failed_reason",
    "stacktrace", "deferred_failure", "flow_id", "schedule_id", "deduplication_id",
)  # fmt: skip
_INTEGERS: Final = (
    "timestamp", "delay", "priority", "attempts_made", "attempts_started", "stalled_count",
    "processed_on", "finished_on",
)  # fmt: skip
_MAY_BE_NULL: Final = frozenset(
    {
        "processed_by", "progress", "returnvalue", "failed_reason", "stacktrace",
        "deferred_failure", "flow_id", "schedule_id", "deduplication_id", "processed_on",
        "finished_on",
    }
)  # fmt: skip
_COLUMNS: Final = tuple(name.strip() for name in RECORD.split(","))
_ABOUT_ITSELF: Final = frozenset({"jobId"})
_LONG_OPTIONS: Final = {
    "kl": "keepLogs",
    "de": "deduplication",
    "fpof": "failParentOnFailure",
    "cpof": "continueParentOnFailure",
    "idof": "ignoreDependencyOnFailure",
    "rdof": "removeDependencyOnFailure",
}
"""Names by which another program's options may come (BullMQ protocol, 2.2)."""

UNREADABLE: Final = (
    msgspec.MsgspecError, InvalidOption, ValueError, TypeError, AttributeError, KeyError,
    IndexError, RecursionError, OverflowError,
)  # fmt: skip


class _Stored(msgspec.Struct, array_like=True, gc=False):
    """The types that a readable row has."""

    job_id: str
    name: str
    data: str
    options: str
    timestamp: int
    delay: int
    priority: int
    attempts_made: int
    attempts_started: int
    stalled_count: int
    processed_on: int | None
    processed_by: str | None
    finished_on: int | None
    progress: str | None
    returnvalue: str | None
    failed_reason: str | None
    stacktrace: str | None
    deferred_failure: str | None
    parents: str | None
    flow_id: str | None
    schedule_id: str | None
    deduplication_id: str | None


def read_record(queue: str, row: Sequence[Any]) -> JobRecord:
    """The record of a row's `RECORD` columns; one that cannot be read says so in `unreadable`."""
    try:
        return _record(queue, row)
    except UNREADABLE as error:
        return _unreadable(queue, row, error)


def _record(queue: str, row: Sequence[Any]) -> JobRecord:
    stored = msgspec.convert(row, _Stored)
    return JobRecord(
        queue=queue,
        id=stored.job_id,
        name=stored.name,
        data=stored.data,
        options=read_options(stored.options),
        timestamp=stored.timestamp,
        delay=stored.delay,
        priority=stored.priority,
        attempts_made=stored.attempts_made,
        attempts_started=stored.attempts_started,
        stalled_count=stored.stalled_count,
        processed_on=stored.processed_on,
        processed_by=stored.processed_by,
        finished_on=stored.finished_on,
        progress=stored.progress,
        returnvalue=stored.returnvalue,
        failed_reason=stored.failed_reason,
        stacktrace=stored.stacktrace,
        deferred_failure=stored.deferred_failure,
        parents=() if stored.parents is None else read_parents(stored.parents),
        flow_id=stored.flow_id,
        schedule_id=stored.schedule_id,
        deduplication_id=stored.deduplication_id,
        raw_options=stored.options,
    )


def _unreadable(queue: str, row: Sequence[Any], error: Exception) -> JobRecord:
    """What is sound in the row, and the reason why the rest is not."""
    raw = dict(zip(_COLUMNS, row, strict=True))
    sound: dict[str, Any] = {}
    for name in _TEXT:
        value = raw[name]
        readable = isinstance(value, str) or (value is None and name in _MAY_BE_NULL)
        sound[name] = value if readable else (None if name in _MAY_BE_NULL else "")
    for name in _INTEGERS:
        value = raw[name]
        readable = isinstance(value, int) or (value is None and name in _MAY_BE_NULL)
        sound[name] = value if readable else (None if name in _MAY_BE_NULL else 0)
    text = raw["options"]
    try:
        options = read_options(text)
    except UNREADABLE:
        options = DEFAULT_OPTIONS
    return JobRecord(
        queue=queue,
        id=sound.pop("job_id"),
        options=options,
        raw_options=text if isinstance(text, str) else "{}",
        unreadable=f"the stored job cannot be read: {error}",
        **sound,
    )


@lru_cache(maxsize=4096)
def read_options(text: str) -> JobOptions:
    """The options of a row; raises what their damage makes it raise."""
    mapping = msgspec.json.decode(text, type=dict[str, Any])
    return JobOptions.from_stored(
        {_LONG_OPTIONS.get(name, name): value for name, value in mapping.items()}
    )


@lru_cache(maxsize=4096)
def write_options(options: JobOptions) -> str:
    """The text of a row's options; the job's own id is a column of its own."""
    mapping = options.to_mapping()
    kept = {name: value for name, value in mapping.items() if name not in _ABOUT_ITSELF}
    return msgspec.json.encode(kept).decode()


@lru_cache(maxsize=4096)
def read_parents(text: str) -> tuple[Edge, ...]:
    """The links of a row to the job's parents."""
    pairs = msgspec.json.decode(text, type=list[tuple[str, str]])
    return tuple(Edge(parent, OnFailure(policy)) for parent, policy in pairs)


def write_parents(edges: Sequence[Edge]) -> str | None:
    """The text of a job's links to its parents; None without one."""
    if not edges:
        return None
    return msgspec.json.encode([(edge.parent, edge.on_failure.value) for edge in edges]).decode()
