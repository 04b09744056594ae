"""Takes back jobs whose lock ran out, to the front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.lifecycle import EventKind
from oxherd.engines.sqlite.codes import ACTIVE, NAMES
from oxherd.engines.sqlite.transitions.enqueue import Movable, make_runnable
from oxherd.store import Rescued

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction

_STALLED_TOO_OFTEN: Final = "job stalled more than allowable limit"
_MOST: Final = 500
_LOST: Final = (
    "SELECT queue, id, job_id, priority, stalled_count, EXISTS (SELECT 1 FROM schedules"
    " WHERE schedules.queue = jobs.queue AND schedules.id = jobs.schedule_id) FROM jobs"
    " WHERE queue = ? AND state = ? AND lock_until < ? ORDER BY rank LIMIT ?"
)
_COUNT: Final = (
    "UPDATE jobs SET stalled_count = ?, deferred_failure = coalesce(?, deferred_failure)"
    " WHERE id = ?"
)


def rescue(transaction: Transaction, queue: str, max_stalled_count: int) -> Rescued:
    """As `Work.rescue`; a job is back by the first call, so no pace has to be kept."""
    number = transaction.queue(queue)
    if number is None:
        return Rescued()
    lost = transaction.all(_LOST, number, ACTIVE, transaction.now_ms, _MOST)
    # Each goes in front of the one before, so that the longest active one is the next to run.
    lost.reverse()
    for *row, stalled, has_schedule in lost:
        job = Movable(*row)
        count = stalled + 1 if isinstance(stalled, int) else 1
        # The job of a schedule that goes on is never given up.
        is_too_often = count > max_stalled_count and not has_schedule
        failure = _STALLED_TOO_OFTEN if is_too_often else None
        transaction.run(_COUNT, count, failure, job.id)
        make_runnable(transaction, job, prev=NAMES[ACTIVE], front=True)
        transaction.emit(job.queue, EventKind.STALLED, job.job_id)
    return Rescued(tuple([row[2] for row in lost]))
