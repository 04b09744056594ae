"""Takes the next jobs for a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from oxherd.domain.lifecycle import EventKind
from oxherd.engines.sqlite.codes import ACTIVE, DELAYED, NAMES, PRIORITIZED, TIME_SHIFT, WAITING
from oxherd.engines.sqlite.rows import RECORD, read_record
from oxherd.engines.sqlite.transitions.promote_due import promote_due
from oxherd.store import Claimed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.engines.sqlite.transaction import Transaction

_PAUSED: Final = "SELECT paused FROM queues WHERE id = ?"
_READY: Final = f"SELECT id, {RECORD} FROM jobs WHERE queue = ? AND state <= ?"  # noqa: S608 - constant
_NEXT: Final = f"{_READY} ORDER BY state, rank, id LIMIT ?"
_HAS_READY: Final = "SELECT EXISTS (SELECT 1 FROM jobs WHERE queue = ? AND state <= ?)"
_CLAIM: Final = (
    "UPDATE jobs SET state = ?, rank = ?, lock_token = ?, lock_until = ?, processed_on = ?,"
    " processed_by = coalesce(?, processed_by), attempts_started = attempts_started + 1"
    " WHERE id = ?"
)
_EARLIEST: Final = "SELECT min(rank) FROM jobs WHERE queue = ? AND state = ?"

_COLUMNS: Final = [name.strip() for name in RECORD.split(",")]
_ATTEMPTS_STARTED: Final = _COLUMNS.index("attempts_started")
_PROCESSED_ON: Final = _COLUMNS.index("processed_on")
_PROCESSED_BY: Final = _COLUMNS.index("processed_by")


def claim(
    transaction: Transaction,
    queue: str,
    limit: int,
    *,
    token: str,
    lock_ms: int,
    worker: str | None,
) -> Claimed:
    """As `Work.claim`."""
    number = transaction.queue(queue)
    if number is None:
        return Claimed(())
    promote_due(transaction, queue)
    if transaction.number(_PAUSED, number):
        return Claimed((), due_in_ms=_due_in_ms(transaction, number), paused=True)
    if limit <= 0:
        if transaction.number(_HAS_READY, number, PRIORITIZED):
            transaction.hear(number)
        return Claimed((), due_in_ms=_due_in_ms(transaction, number))
    rows = transaction.all(_NEXT, number, PRIORITIZED, limit)
    if not rows:
        return Claimed((), due_in_ms=_due_in_ms(transaction, number))
    now_ms = transaction.now_ms
    until = now_ms + lock_ms
    transaction.many(
        _CLAIM,
        [
            (
                ACTIVE, transaction.next_rank(number, ACTIVE), token, until, now_ms, worker, row[0],
            )
            for row in rows
        ],
    )  # fmt: skip
    for row in rows:
        transaction.emit(number, EventKind.ACTIVE, row[1], prev=NAMES[WAITING])
    return Claimed(tuple(read_record(queue, _started(row[1:], now_ms, worker)) for row in rows))


def _started(row: Sequence[Any], now_ms: int, worker: str | None) -> list[Any]:
    """The columns as they are since the claim."""
    values = list(row)
    if isinstance(values[_ATTEMPTS_STARTED], int):
        values[_ATTEMPTS_STARTED] += 1
    values[_PROCESSED_ON] = now_ms
    if worker is not None:
        values[_PROCESSED_BY] = worker
    return values


def _due_in_ms(transaction: Transaction, queue: int) -> int | None:
    rank = transaction.number(_EARLIEST, queue, DELAYED)
    return None if rank is None else max(0, (rank >> TIME_SHIFT) - transaction.now_ms)
