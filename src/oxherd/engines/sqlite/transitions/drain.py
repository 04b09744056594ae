"""Removes the jobs that are ready, in steps of which each is a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.engines.sqlite.codes import DELAYED, PRIORITIZED
from oxherd.engines.sqlite.transitions.discard import (
    DOOMED,
    NOT_NEXT_OF_SCHEDULE,
    STEP,
    Doomed,
    discard,
)

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction

_LAST_ROW: Final = "SELECT max(id) FROM jobs WHERE queue = ?"
_READY: Final = (
    f"SELECT {DOOMED} FROM jobs WHERE queue = ? AND state <= ? AND id <= ?"  # noqa: S608 - constant
    f" AND {NOT_NEXT_OF_SCHEDULE} ORDER BY state, rank LIMIT ?"
)


def drain(
    transaction: Transaction, queue: str, *, delayed: bool, last_row: int | None
) -> int | None:
    """As `Control.drain`, one step; answers the `last_row` for the next, None when done.

    What is added after the first step stays.
    """
    number = transaction.queue(queue)
    if number is None:
        return None
    if last_row is None:
        last_row = transaction.number(_LAST_ROW, number) or 0
    worst = DELAYED if delayed else PRIORITIZED
    found = [Doomed(*row) for row in transaction.all(_READY, number, worst, last_row, STEP)]
    for job in found:
        discard(transaction, job)
    # Parents that were released are ready too.
    has_more = len(found) == STEP or any(job.has_parents for job in found)
    return last_row if has_more else None
