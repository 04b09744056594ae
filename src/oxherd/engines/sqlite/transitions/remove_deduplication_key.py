"""Frees a deduplication id by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oxherd.engines.sqlite.transitions.ownership import free, owner_of

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction


def remove_deduplication_key(
    transaction: Transaction, queue: str, deduplication_id: str, job_id: str | None
) -> bool:
    """As `Tend.remove_deduplication_key`."""
    number = transaction.queue(queue)
    if number is None:
        return False
    owner = owner_of(transaction, number, deduplication_id)
    if owner is None or job_id not in (None, owner[0]):
        return False
    return free(transaction, number, owner[0], deduplication_id)
