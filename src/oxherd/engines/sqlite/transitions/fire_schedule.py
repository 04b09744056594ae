"""Adds the jobs that follow those of schedules which were just claimed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from oxherd.domain.schedule import has_ended, job_id_of, next_due
from oxherd.engines.sqlite.transitions.next_job import (
    NextJob,
    add_next,
    decode_options,
    schedule_of,
    taken,
)
from oxherd.engines.sqlite.transitions.put_schedule import MOST_SLOTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.record import JobRecord
    from oxherd.domain.schedule import Schedule
    from oxherd.engines.sqlite.transaction import Transaction

_MOVE_ON: Final = "UPDATE schedules SET next_ms = ?, count = ? WHERE queue = ? AND id = ?"


def fire_schedule(
    transaction: Transaction, queue: str, jobs: Sequence[JobRecord]
) -> list[str | None]:
    """As `Schedules.fire_schedule`."""
    number = transaction.queue(queue)
    return [None if number is None else _fire_one(transaction, number, job) for job in jobs]


def _fire_one(transaction: Transaction, queue: int, job: JobRecord) -> str | None:
    if job.schedule_id is None:
        return None
    schedule = schedule_of(transaction, queue, job.schedule_id)
    if schedule is None or schedule.next_ms is None:
        return None
    if job.id != job_id_of(schedule.id, schedule.next_ms):
        return None
    if has_ended(schedule.repeat, count=schedule.count, now_ms=transaction.now_ms):
        return None
    due_ms = _free_slot(transaction, queue, schedule, schedule.next_ms)
    if due_ms is None:
        return None
    count = schedule.count + 1
    transaction.run(_MOVE_ON, due_ms, count, queue, schedule.id)
    options: dict[str, Any] = decode_options(job.raw_options)
    return add_next(transaction, NextJob(queue, schedule, due_ms, count, options))


def _free_slot(
    transaction: Transaction, queue: int, schedule: Schedule, previous_ms: int
) -> int | None:
    due_ms: int | None = previous_ms
    for _ in range(MOST_SLOTS):
        due_ms = next_due(schedule.repeat, previous_ms=due_ms, now_ms=transaction.now_ms)
        if due_ms is None or taken(transaction, queue, schedule.id, due_ms) is None:
            return due_ms
    return None
