"""Gives a queue a rate limit of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from oxherd.domain.rate_limit import RateLimit
    from oxherd.engines.sqlite.transaction import Transaction

_LIMIT: Final = "UPDATE queues SET rate_max = ?, rate_ms = ? WHERE id = ?"


def limit_rate(transaction: Transaction, queue: str, rate: RateLimit | None) -> None:
    """As `Control.limit_rate`."""
    number = transaction.used_queue(queue)
    most, duration_ms = (None, None) if rate is None else (rate.max, rate.duration_ms)
    transaction.run(_LIMIT, most, duration_ms, number)
    transaction.hear(number)
