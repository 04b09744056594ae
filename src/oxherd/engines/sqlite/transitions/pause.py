"""A queue stops giving jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.lifecycle import EventKind

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction

_PAUSE: Final = "UPDATE queues SET paused = 1 WHERE id = ?"


def pause(transaction: Transaction, queue: str) -> None:
    """As `Control.pause`."""
    number = transaction.used_queue(queue)
    transaction.run(_PAUSE, number)
    transaction.emit(number, EventKind.PAUSED)
