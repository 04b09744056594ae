"""Cuts a queue's log of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction

_NEWEST: Final = "SELECT max(id) FROM events WHERE queue = ?"


def trim_events(transaction: Transaction, queue: str, most: int) -> int:
    """As `EventLog.trim_events`."""
    number = transaction.queue(queue)
    newest = None if number is None else transaction.number(_NEWEST, number)
    if number is None or newest is None:
        return 0
    return transaction.trim(number, newest - most)
