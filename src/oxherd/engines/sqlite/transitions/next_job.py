"""The jobs that schedules make, and how they are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from oxherd.domain.deduplication import Deduplication
from oxherd.domain.lifecycle import FINISHED
from oxherd.domain.schedule import job_id_of
from oxherd.engines.sqlite.codes import STATES
from oxherd.engines.sqlite.rows import NEW_JOBS, read_options
from oxherd.engines.sqlite.schedule_rows import SCHEDULE, read_schedule, repeat_mapping
from oxherd.engines.sqlite.transitions.enqueue import place_new

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oxherd.domain.schedule import Schedule
    from oxherd.engines.sqlite.transaction import Transaction
    from oxherd.engines.sqlite.transitions.discard import Doomed

_FIND: Final = f"SELECT {SCHEDULE} FROM schedules WHERE queue = ? AND id = ?"  # noqa: S608 - constant
_NEXT: Final = "SELECT next_ms FROM schedules WHERE queue = ? AND id = ?"
_STATE: Final = "SELECT state FROM jobs WHERE queue = ? AND job_id = ?"


class NextJob(NamedTuple):
    """The job of a schedule that is to be added."""

    queue: int
    schedule: Schedule
    due_ms: int
    number: int
    """Which job of the schedule it is, from 1."""
    options: Mapping[str, Any]
    """Those of the template, or of the job before it, under the names of the row."""


def schedule_of(transaction: Transaction, queue: int | None, schedule_id: str) -> Schedule | None:
    """The schedule of this id, if any."""
    row = None if queue is None else transaction.one(_FIND, queue, schedule_id)
    return None if row is None else read_schedule(row)


def is_next_of_schedule(transaction: Transaction, job: Doomed) -> bool:
    """Whether a schedule waits for this job, and would stop without it."""
    if job.schedule_id is None or STATES[job.state] in FINISHED:
        return False
    due_ms = transaction.number(_NEXT, job.queue, job.schedule_id)
    return due_ms is not None and job.job_id == job_id_of(job.schedule_id, due_ms)


def taken(transaction: Transaction, queue: int, schedule_id: str, due_ms: int) -> int | None:
    """The state of the job that has this slot of a schedule; None when it is free."""
    return transaction.number(_STATE, queue, job_id_of(schedule_id, due_ms))


def decode_options(text: str) -> dict[str, Any]:
    """Stored options as a mapping; empty when they cannot be read."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}


def add_next(transaction: Transaction, job: NextJob) -> str:
    """Store and place the job; answers its id."""
    transaction.next_number(job.queue)
    schedule, now_ms = job.schedule, transaction.now_ms
    delay_ms = max(0, job.due_ms - now_ms)
    job_id = job_id_of(schedule.id, job.due_ms)
    text = _options(job, delay_ms, now_ms)
    options = read_options(text)
    state, rank = place_new(
        transaction,
        job.queue,
        job_id,
        schedule.name,
        due_ms=job.due_ms if delay_ms else None,
        priority=options.priority,
        lifo=options.lifo,
    )
    asked = options.deduplication
    row = (
        transaction.new_row(), job.queue, job_id, state, rank, schedule.name, schedule.data, text,
        now_ms, delay_ms, options.priority, None, None, None, schedule.id,
        asked.id if isinstance(asked, Deduplication) else None,
    )  # fmt: skip
    transaction.later(NEW_JOBS, row)
    return job_id


def _options(job: NextJob, delay_ms: int, now_ms: int) -> str:
    """The job's options with what its schedule says of it (BullMQ protocol, 2.2)."""
    repeat = job.schedule.repeat
    merged = dict(job.options)
    merged["timestamp"] = now_ms
    merged["delay"] = delay_ms
    merged["repeat"] = repeat_mapping(repeat) | {"count": job.number}
    merged["repeatJobKey"] = job.schedule.id
    if repeat.pattern is not None:
        merged["prevMillis"] = job.due_ms
    return msgspec.json.encode(merged).decode()
