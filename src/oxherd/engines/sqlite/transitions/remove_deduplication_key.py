"""Frees a deduplication id by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.engines.sqlite.transitions.deduplicate import owner_of

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction

_FREE: Final = "DELETE FROM deduplications WHERE queue = ? AND id = ?"


def remove_deduplication_key(
    transaction: Transaction, queue: str, deduplication_id: str, job_id: str | None
) -> bool:
    """As `Tend.remove_deduplication_key`."""
    number = transaction.queue(queue)
    owner = None if number is None else owner_of(transaction, number, deduplication_id)
    if owner is None or job_id not in (None, owner[0]):
        return False
    transaction.run(_FREE, number, deduplication_id)
    return True
