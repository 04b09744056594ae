"""Makes delayed jobs ready by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import JobNotFound, WrongState
from oxherd.domain.lifecycle import Transition
from oxherd.engines.sqlite.codes import DELAYED, NAMES, STATES
from oxherd.engines.sqlite.transitions.enqueue import Movable, make_runnable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.engines.sqlite.transaction import Transaction
    from oxherd.store import Refusal

_FIND: Final = "SELECT queue, id, job_id, priority, state FROM jobs WHERE queue = ? AND job_id = ?"


def promote(transaction: Transaction, queue: str, job_ids: Sequence[str]) -> list[Refusal]:
    """As `Tend.promote`."""
    return [_promote_one(transaction, queue, job_id) for job_id in job_ids]


def _promote_one(transaction: Transaction, queue: str, job_id: str) -> Refusal:
    number = transaction.queue(queue)
    row = None if number is None else transaction.one(_FIND, number, job_id)
    if row is None:
        return JobNotFound(job_id, queue)
    if row[4] != DELAYED:
        return WrongState(job_id, queue, Transition.PROMOTE.value, STATES[row[4]])
    make_runnable(transaction, Movable(*row[:4]), prev=NAMES[DELAYED], delay=0)
    return None
