"""Stores how far a job is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import OxherdError
from oxherd.domain.lifecycle import EventKind
from oxherd.engines.sqlite.transitions.lock import tended_job

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction
    from oxherd.store import Refusal

_UPDATE: Final = "UPDATE jobs SET progress = ? WHERE id = ?"


def update_progress(
    transaction: Transaction, queue: str, job_id: str, progress: str, token: str | None
) -> Refusal:
    """As `Tend.update_progress`."""
    job = tended_job(transaction, queue, job_id, token, "update_progress")
    if isinstance(job, OxherdError):
        return job
    transaction.run(_UPDATE, progress, job)
    number = transaction.used_queue(queue)
    transaction.emit(number, EventKind.PROGRESS, job_id, progress)
    return None
