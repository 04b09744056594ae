"""Counts how many jobs ended in each minute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction

_MINUTE: Final = 60_000

_SO_FAR: Final = (
    "SELECT count, previous_ms, previous_count FROM metrics WHERE queue = ? AND state = ?"
)
_COUNT: Final = (
    "INSERT OR REPLACE INTO metrics (queue, state, count, previous_ms, previous_count)"
    " VALUES (?, ?, ?, ?, ?)"
)
_LAST_POINT: Final = "SELECT max(id) FROM metric_points WHERE queue = ? AND state = ?"
_POINT: Final = "INSERT INTO metric_points (queue, state, id, ended) VALUES (?, ?, ?, ?)"
_FORGET: Final = "DELETE FROM metric_points WHERE queue = ? AND state = ? AND id <= ?"


def count_ended(transaction: Transaction, queue: int, state: int, ended: int, *, most: int) -> None:
    """Count jobs that ended now, and keep the newest `most` points (BullMQ protocol, 4.6)."""
    now_ms = transaction.now_ms
    row = transaction.one(_SO_FAR, queue, state)
    if row is None:
        transaction.run(_COUNT, queue, state, ended, now_ms, 0)
        return
    count, previous_ms, previous_count = row
    minutes = min(now_ms // _MINUTE - previous_ms // _MINUTE, most)
    if minutes > 0:
        last = transaction.number(_LAST_POINT, queue, state) or 0
        points = [count - previous_count, *[0] * (minutes - 1)]
        transaction.many(
            _POINT, [(queue, state, last + at, point) for at, point in enumerate(points, 1)]
        )
        transaction.run(_FORGET, queue, state, last + minutes - most)
        previous_ms, previous_count = now_ms, count
    transaction.run(_COUNT, queue, state, count + ended, previous_ms, previous_count)
