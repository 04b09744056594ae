"""Removes old jobs of one state, in steps of which each is a transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from oxherd.domain.lifecycle import EventKind
from oxherd.engines.sqlite.codes import CODES
from oxherd.engines.sqlite.transitions.discard import (
    DOOMED,
    NOT_NEXT_OF_SCHEDULE,
    STEP,
    Doomed,
    discard,
    still_there,
)

if TYPE_CHECKING:
    from oxherd.domain.lifecycle import State
    from oxherd.engines.sqlite.transaction import Transaction

_OLD: Final = (
    f"SELECT {DOOMED} FROM jobs WHERE queue = ? AND state = ?"  # noqa: S608 - constant
    f" AND coalesce(finished_on, processed_on, timestamp) <= ? AND {NOT_NEXT_OF_SCHEDULE}"
    " AND coalesce(lock_until < ?, 1)"
    " ORDER BY coalesce(finished_on, processed_on, timestamp), rank, id LIMIT ?"
)


@dataclass(slots=True)
class Cleaning:
    """A cleaning under way."""

    left: list[Doomed]
    """Those that still go, the last first."""
    done: list[str] = field(default_factory=list)
    """The ids of those that went."""


def clean(
    transaction: Transaction, queue: str, state: State, *, grace_ms: int, limit: int
) -> Cleaning | list[str]:
    """As `Control.clean`, up to the first step."""
    number = transaction.used_queue(queue)
    now_ms = transaction.now_ms
    rows = transaction.all(_OLD, number, CODES[state], now_ms - grace_ms, now_ms, limit or -1)
    return clean_on(transaction, queue, Cleaning([Doomed(*row) for row in reversed(rows)]))


def clean_on(transaction: Transaction, queue: str, cleaning: Cleaning) -> Cleaning | list[str]:
    """The next step; the ids when it was the last."""
    step = cleaning.left[: -STEP - 1 : -1]
    del cleaning.left[-STEP:]
    states = {job.id: job.state for job in step}
    for job in still_there(transaction, step):
        if job.state == states[job.id] and not job.is_locked(transaction.now_ms):
            discard(transaction, job)
            cleaning.done.append(job.job_id)
    if cleaning.left:
        return cleaning
    count = str(len(cleaning.done))
    transaction.emit(transaction.used_queue(queue), EventKind.CLEANED, value=count)
    return cleaning.done
