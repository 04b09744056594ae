"""A queue gives jobs again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.lifecycle import EventKind

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction

_RESUME: Final = "UPDATE queues SET paused = 0 WHERE id = ?"


def resume(transaction: Transaction, queue: str) -> None:
    """As `Control.resume`."""
    number = transaction.used_queue(queue)
    transaction.run(_RESUME, number)
    transaction.emit(number, EventKind.RESUMED)
    transaction.hear(number)
