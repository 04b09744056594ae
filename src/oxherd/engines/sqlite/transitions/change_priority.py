"""Gives a job another priority, and a ready one its new place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import JobNotFound
from oxherd.engines.sqlite.codes import PRIORITIZED
from oxherd.engines.sqlite.transitions.enqueue import place
from oxherd.engines.sqlite.transitions.lock import movable_job

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction
    from oxherd.store import Refusal

_CHANGE: Final = "UPDATE jobs SET priority = ? WHERE id = ?"
_MOVE: Final = "UPDATE jobs SET state = ?, rank = ? WHERE id = ?"


def change_priority(
    transaction: Transaction, queue: str, job_id: str, priority: int, *, lifo: bool
) -> Refusal:
    """As `Tend.change_priority`."""
    found = movable_job(transaction, queue, job_id)
    if found is None:
        return JobNotFound(job_id, queue)
    job, state = found
    transaction.run(_CHANGE, priority, job.id)
    if state <= PRIORITIZED:
        transaction.run(_MOVE, *place(transaction, job.queue, priority, front=lifo), job.id)
        transaction.hear(job.queue)
    return None
