"""Finished jobs run again, and their parents wait for them anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import JobNotFound, WrongState
from oxherd.domain.lifecycle import Transition
from oxherd.engines.sqlite.codes import COMPLETED, FAILED, NAMES, STATES
from oxherd.engines.sqlite.transitions.enqueue import (
    Movable,
    make_runnable,
    make_waiting_children,
)
from oxherd.engines.sqlite.transitions.lock import options_of
from oxherd.engines.sqlite.transitions.settle_parent import has_pending
from oxherd.engines.sqlite.transitions.withdraw_failure import standing_failure, withdraw_failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.lifecycle import State
    from oxherd.engines.sqlite.transaction import Transaction
    from oxherd.store import Refusal

_FIND: Final = (
    "SELECT queue, id, job_id, priority, state, options FROM jobs WHERE queue = ? AND job_id = ?"
)
_CLEAR: Final = (
    "UPDATE jobs SET processed_on = NULL, returnvalue = NULL, failed_reason = iif(?, NULL,"
    " failed_reason), attempts_made = iif(?, 0, attempts_made),"
    " attempts_started = iif(?, 0, attempts_started), deferred_failure = ? WHERE id = ?"
)


def reprocess(
    transaction: Transaction,
    queue: str,
    job_ids: Sequence[str],
    state: State,
    *,
    attempts_made: bool,
    attempts_started: bool,
) -> list[Refusal]:
    """As `Tend.reprocess`."""
    resets = (attempts_made, attempts_started)
    return [_reprocess_one(transaction, queue, job_id, state, resets) for job_id in job_ids]


def _reprocess_one(
    transaction: Transaction, queue: str, job_id: str, state: State, resets: tuple[bool, bool]
) -> Refusal:
    number = transaction.queue(queue)
    row = None if number is None else transaction.one(_FIND, number, job_id)
    if row is None:
        return JobNotFound(job_id, queue)
    *columns, code, text = row
    if STATES[code] != state or code not in (COMPLETED, FAILED):
        return WrongState(job_id, queue, Transition.REPROCESS.value, STATES[code])
    job = Movable(*columns)
    failure = standing_failure(transaction, job.id)
    transaction.run(_CLEAR, code == FAILED, *resets, failure, job.id)
    if has_pending(transaction, job.id):
        make_waiting_children(transaction, job)
    else:
        options = options_of(text)
        is_first = options is not None and options.lifo and not job.priority
        make_runnable(transaction, job, prev=NAMES[code], front=is_first)
    withdraw_failure(transaction, job.id)
    return None
