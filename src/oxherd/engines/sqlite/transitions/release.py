"""Jobs are given back to the front, and no attempt is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import OxherdError
from oxherd.domain.lifecycle import Transition
from oxherd.engines.sqlite.codes import ACTIVE, NAMES
from oxherd.engines.sqlite.transitions.enqueue import Movable, make_runnable
from oxherd.engines.sqlite.transitions.lock import held_job, settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.outcome import Held
    from oxherd.engines.sqlite.transaction import Transaction
    from oxherd.store import Refusal

_VERB: Final = Transition.RELEASE.value


def release(transaction: Transaction, queue: str, items: Sequence[Held]) -> list[Refusal]:
    """As `Work.release`."""
    return [_release_one(transaction, queue, item) for item in items]


def _release_one(transaction: Transaction, queue: str, item: Held) -> Refusal:
    job = held_job(transaction, queue, item, _VERB)
    if job is None or isinstance(job, OxherdError):
        return job
    settle(transaction, job, item, _VERB)
    movable = Movable(transaction.used_queue(queue), job.id, item.id, job.priority)
    make_runnable(transaction, movable, prev=NAMES[ACTIVE], front=True)
    return None
