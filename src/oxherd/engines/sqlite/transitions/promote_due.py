"""Makes delayed jobs ready whose time has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.engines.sqlite.codes import DELAYED, NAMES, TIME_SHIFT
from oxherd.engines.sqlite.transitions.enqueue import Movable, make_runnable

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction

_MOST: Final = 1_000
_DUE: Final = (
    "SELECT queue, id, job_id, priority FROM jobs"
    " WHERE queue = ? AND state = ? AND rank < ? ORDER BY rank, id LIMIT ?"
)


def promote_due(transaction: Transaction, queue: str) -> int:
    """As `Work.promote_due`; also the first step of every claim."""
    number = transaction.queue(queue)
    if number is None:
        return 0
    not_yet = transaction.now_ms + 1 << TIME_SHIFT
    due = transaction.all(_DUE, number, DELAYED, not_yet, _MOST)
    for row in due:
        make_runnable(transaction, Movable(*row), prev=NAMES[DELAYED], delay=0)
    return len(due)
