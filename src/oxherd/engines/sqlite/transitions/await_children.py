"""Running jobs wait for their pending children."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import HasFailedChildren, OxherdError
from oxherd.domain.lifecycle import Transition
from oxherd.engines.sqlite.codes import ACTIVE, NAMES
from oxherd.engines.sqlite.transitions.enqueue import Movable, make_waiting_children
from oxherd.engines.sqlite.transitions.lock import held_job, settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.outcome import Held
    from oxherd.engines.sqlite.transaction import Transaction

_VERB: Final = Transition.AWAIT_CHILDREN.value


def await_children(
    transaction: Transaction, queue: str, items: Sequence[Held]
) -> list[OxherdError | bool]:
    """As `Work.await_children`."""
    return [_await_one(transaction, queue, item) for item in items]


def _await_one(transaction: Transaction, queue: str, item: Held) -> OxherdError | bool:
    job = held_job(transaction, queue, item, _VERB)
    if job is None:
        return True
    if isinstance(job, OxherdError):
        return job
    if job.has_failed:
        return HasFailedChildren(item.id, queue)
    if not job.has_pending:
        return False
    settle(transaction, job, item, _VERB)
    movable = Movable(transaction.used_queue(queue), job.id, item.id, job.priority)
    make_waiting_children(transaction, movable, prev=NAMES[ACTIVE])
    # Another job may be active in its stead.
    transaction.hear(movable.queue)
    return True
