"""Which job owns a deduplication id, and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from oxherd.domain.deduplication import Deduplication
    from oxherd.engines.sqlite.transaction import Transaction

_OWNER: Final = (
    "SELECT job_id, until FROM deduplications WHERE queue = ? AND id = ?"
    " AND (until IS NULL OR until > ?)"
)
_OWN: Final = "INSERT OR REPLACE INTO deduplications (queue, id, job_id, until) VALUES (?, ?, ?, ?)"
_CLEAR_AWAY: Final = (
    "DELETE FROM deduplications WHERE (queue, id) IN"
    " (SELECT queue, id FROM deduplications WHERE until <= ? LIMIT 100)"
)
_FREE: Final = "DELETE FROM deduplications WHERE queue = ? AND id = ? AND job_id = ?"
_DROP_KEPT: Final = "DELETE FROM kept_jobs WHERE queue = ? AND deduplication_id = ?"


def owner_of(transaction: Transaction, queue: int, name: str) -> tuple[str, int | None] | None:
    """Who owns an id, and until when."""
    row = transaction.one(_OWNER, queue, name, transaction.now_ms)
    return None if row is None else (row[0], row[1])


def own(transaction: Transaction, queue: int, job_id: str, asked: Deduplication) -> None:
    """Let a job own an id for as long as its options say."""
    is_timed = asked.ttl_ms > 0 and not asked.keep_last_if_active
    until = transaction.now_ms + asked.ttl_ms if is_timed else None
    if is_timed:
        # Nobody else does it for ids whose time has run out.
        transaction.run(_CLEAR_AWAY, transaction.now_ms)
    own_until(transaction, queue, job_id, asked.id, until)


def own_until(
    transaction: Transaction, queue: int, job_id: str, name: str, until: int | None
) -> None:
    """Let a job own an id until then; with None until it is freed."""
    transaction.run(_OWN, queue, name, job_id, until)


def free(transaction: Transaction, queue: int, job_id: str, name: str) -> bool:
    """Free an id if this job owns it."""
    return bool(transaction.run(_FREE, queue, name, job_id))


def drop_kept(transaction: Transaction, queue: int, name: str) -> None:
    """Forget the job that was to follow the owner."""
    transaction.run(_DROP_KEPT, queue, name)
