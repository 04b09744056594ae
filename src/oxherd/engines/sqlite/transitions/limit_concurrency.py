"""Bounds how many jobs of a queue may be active at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction

_LIMIT: Final = "UPDATE queues SET concurrency = ? WHERE id = ?"


def limit_concurrency(transaction: Transaction, queue: str, most: int | None) -> None:
    """As `Control.limit_concurrency`."""
    number = transaction.used_queue(queue)
    transaction.run(_LIMIT, most, number)
    transaction.hear(number)
