"""Uses up a queue's rate limit for a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction

HELD: Final = 2**53 - 1
"""More starts than any limit allows (BullMQ protocol, 1.1)."""

_HOLD: Final = "UPDATE queues SET rate_used = ?, rate_until = ? WHERE id = ?"


def hold(transaction: Transaction, queue: str, duration_ms: int) -> None:
    """As `Control.hold`."""
    number = transaction.used_queue(queue)
    if duration_ms > 0:
        transaction.run(_HOLD, HELD, transaction.now_ms + duration_ms, number)
    else:
        transaction.run(_HOLD, 0, 0, number)
        transaction.hear(number)
