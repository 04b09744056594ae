"""Removes a schedule with the job that waits for its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.lifecycle import EventKind
from oxherd.domain.schedule import job_id_of
from oxherd.engines.sqlite.codes import DELAYED, NAMES
from oxherd.engines.sqlite.transitions.discard import discard, doomed_job
from oxherd.engines.sqlite.transitions.next_job import schedule_of

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction

_DELETE: Final = "DELETE FROM schedules WHERE queue = ? AND id = ?"


def remove_schedule(transaction: Transaction, queue: str, schedule_id: str) -> bool:
    """As `Schedules.remove_schedule`."""
    number = transaction.queue(queue)
    schedule = schedule_of(transaction, number, schedule_id)
    if schedule is None or schedule.next_ms is None:
        return False
    job = doomed_job(transaction, number, job_id_of(schedule_id, schedule.next_ms))
    if job is not None and job.state == DELAYED:
        discard(transaction, job)
        transaction.emit(job.queue, EventKind.REMOVED, job.job_id, prev=NAMES[DELAYED])
    transaction.run(_DELETE, number, schedule_id)
    return True
