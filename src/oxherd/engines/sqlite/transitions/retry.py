"""An attempt failed; another follows, at once or after a delay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import OxherdError
from oxherd.domain.lifecycle import Transition
from oxherd.engines.sqlite.codes import ACTIVE, NAMES
from oxherd.engines.sqlite.transitions.enqueue import Movable, make_delayed, make_runnable
from oxherd.engines.sqlite.transitions.lock import held_job, options_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.outcome import Retrial
    from oxherd.engines.sqlite.transaction import Transaction
    from oxherd.store import Refusal

_COUNT_ATTEMPT: Final = (
    "UPDATE jobs SET attempts_made = attempts_made + 1, failed_reason = ?, stacktrace = ?,"
    " settled_token = ?, settled_verb = ? WHERE id = ?"
)
_VERB: Final = Transition.RETRY.value


def retry(transaction: Transaction, queue: str, items: Sequence[Retrial]) -> list[Refusal]:
    """As `Work.retry`."""
    return [_retry_one(transaction, queue, item) for item in items]


def _retry_one(transaction: Transaction, queue: str, item: Retrial) -> Refusal:
    job = held_job(transaction, queue, item, _VERB)
    if job is None or isinstance(job, OxherdError):
        return job
    transaction.run(_COUNT_ATTEMPT, item.reason, item.stacktrace, item.token, _VERB, job.id)
    movable = Movable(transaction.used_queue(queue), job.id, item.id, job.priority)
    if item.delay_ms > 0:
        make_delayed(transaction, movable, item.delay_ms, delay=item.delay_ms)
    else:
        options = options_of(job.options)
        is_first = options is not None and options.lifo and not job.priority
        make_runnable(transaction, movable, prev=NAMES[ACTIVE], front=is_first)
    return None
