"""Jobs run again later, and no attempt is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import OxherdError
from oxherd.domain.lifecycle import Transition
from oxherd.engines.sqlite.transitions.enqueue import Movable, make_delayed
from oxherd.engines.sqlite.transitions.lock import held_job, settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.outcome import Postponement
    from oxherd.engines.sqlite.transaction import Transaction
    from oxherd.store import Refusal

_VERB: Final = Transition.POSTPONE.value


def postpone(transaction: Transaction, queue: str, items: Sequence[Postponement]) -> list[Refusal]:
    """As `Work.postpone`."""
    return [_postpone_one(transaction, queue, item) for item in items]


def _postpone_one(transaction: Transaction, queue: str, item: Postponement) -> Refusal:
    job = held_job(transaction, queue, item, _VERB)
    if job is None or isinstance(job, OxherdError):
        return job
    settle(transaction, job, item, _VERB)
    movable = Movable(transaction.used_queue(queue), job.id, item.id, job.priority)
    make_delayed(transaction, movable, item.delay_ms, delay=item.delay_ms)
    return None
