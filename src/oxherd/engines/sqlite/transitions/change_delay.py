"""Gives a delayed job another time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oxherd.domain.errors import JobNotFound, WrongState
from oxherd.domain.lifecycle import Transition
from oxherd.engines.sqlite.codes import DELAYED, STATES
from oxherd.engines.sqlite.transitions.enqueue import make_delayed
from oxherd.engines.sqlite.transitions.lock import movable_job

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction
    from oxherd.store import Refusal


def change_delay(transaction: Transaction, queue: str, job_id: str, delay_ms: int) -> Refusal:
    """As `Tend.change_delay`."""
    found = movable_job(transaction, queue, job_id)
    if found is None:
        return JobNotFound(job_id, queue)
    job, state = found
    if state != DELAYED:
        return WrongState(job_id, queue, Transition.CHANGE_DELAY.value, STATES[state])
    make_delayed(transaction, job, delay_ms, delay=delay_ms)
    return None
