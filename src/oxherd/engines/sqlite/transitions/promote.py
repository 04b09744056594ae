"""Makes delayed jobs ready by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oxherd.domain.errors import JobNotFound, WrongState
from oxherd.domain.lifecycle import Transition
from oxherd.engines.sqlite.codes import DELAYED, NAMES, STATES
from oxherd.engines.sqlite.transitions.enqueue import make_runnable
from oxherd.engines.sqlite.transitions.lock import movable_job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.engines.sqlite.transaction import Transaction
    from oxherd.store import Refusal


def promote(transaction: Transaction, queue: str, job_ids: Sequence[str]) -> list[Refusal]:
    """As `Tend.promote`."""
    return [_promote_one(transaction, queue, job_id) for job_id in job_ids]


def _promote_one(transaction: Transaction, queue: str, job_id: str) -> Refusal:
    found = movable_job(transaction, queue, job_id)
    if found is None:
        return JobNotFound(job_id, queue)
    job, state = found
    if state != DELAYED:
        return WrongState(job_id, queue, Transition.PROMOTE.value, STATES[state])
    make_runnable(transaction, job, prev=NAMES[DELAYED], delay=0)
    return None
