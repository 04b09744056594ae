"""Jobs are held for longer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import OxherdError
from oxherd.engines.sqlite.transitions.lock import held_job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.outcome import Held
    from oxherd.engines.sqlite.transaction import Transaction
    from oxherd.store import Refusal

_EXTEND: Final = "UPDATE jobs SET lock_until = ? WHERE id = ?"
_VERB: Final = "extend_locks"


def extend_locks(
    transaction: Transaction, queue: str, items: Sequence[Held], lock_ms: int
) -> list[Refusal]:
    """As `Work.extend_locks`."""
    return [_extend_one(transaction, queue, item, lock_ms) for item in items]


def _extend_one(transaction: Transaction, queue: str, item: Held, lock_ms: int) -> Refusal:
    job = held_job(transaction, queue, item, _VERB)
    if job is None or isinstance(job, OxherdError):
        return job
    transaction.run(_EXTEND, transaction.now_ms + lock_ms, job.id)
    return None
