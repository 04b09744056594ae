"""Ends jobs well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import (
    HasFailedChildren,
    HasPendingChildren,
    JobNotFound,
    OxherdError,
)
from oxherd.domain.lifecycle import EventKind, Transition
from oxherd.domain.options import OnFailure
from oxherd.engines.sqlite.batch import Repetition
from oxherd.engines.sqlite.codes import ACTIVE, COMPLETED, IGNORED, NAMES, PENDING
from oxherd.engines.sqlite.transitions.end_deduplication import end_deduplication
from oxherd.engines.sqlite.transitions.evict import delete_finished, is_kept
from oxherd.engines.sqlite.transitions.finish import Finishing
from oxherd.engines.sqlite.transitions.lock import HeldJobs
from oxherd.engines.sqlite.transitions.settle_parent import Settling
from oxherd.engines.sqlite.transitions.unlink import unlink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.outcome import Completion
    from oxherd.engines.sqlite.transaction import Transaction
    from oxherd.store import Refusal

_CONTINUED: Final = (
    "SELECT EXISTS (SELECT 1 FROM edges WHERE parent = ? AND status = ? AND policy = ?)"
)
_CUT_OFF: Final = "DELETE FROM edges WHERE parent = ? AND status = 0"
_COMPLETE: Final = Repetition(
    "UPDATE jobs SET state = ?, rank = ?, lock_token = NULL, lock_until = NULL, finished_on = ?,"
    " attempts_made = attempts_made + 1, returnvalue = ?, settled_token = ?, settled_verb = ?"
    " WHERE id = ?"
)
_VERB: Final = Transition.COMPLETE.value


def complete(
    transaction: Transaction, queue: str, items: Sequence[Completion], metrics: int
) -> list[Refusal]:
    """As `Work.complete`."""
    number = transaction.queue(queue)
    if number is None:
        return [JobNotFound(item.id, queue) for item in items]
    finishing = Finishing(transaction, number, COMPLETED, metrics)
    held = HeldJobs(transaction, queue, _VERB, items)
    settling = Settling(transaction, held.children)
    answers = [_complete_one(transaction, held, item, finishing, settling) for item in items]
    finishing.close()
    return answers


def _complete_one(
    transaction: Transaction,
    held: HeldJobs,
    item: Completion,
    finishing: Finishing,
    settling: Settling,
) -> Refusal:
    queue, number, job = held.queue, finishing.queue, held.take(item)
    if job is None or isinstance(job, OxherdError):
        return job
    if job.has_pending and not _is_continued(transaction, job.id):
        return HasPendingChildren(item.id, queue)
    if job.has_failed:
        return HasFailedChildren(item.id, queue)
    if job.has_pending:
        unlink(transaction, job.id, transaction.key(queue, item.id), worst=PENDING)
        transaction.run(_CUT_OFF, job.id)
        settling.forget()
    if job.deduplication_id is not None:
        settling.forget()
        end_deduplication(transaction, number, item.id, job.deduplication_id)
    if job.has_parents:
        settling.complete(job.id, item.result)
    stored = is_kept(transaction, item.keep, job)
    if stored:
        now_ms = transaction.now_ms
        rank = transaction.next_rank_at(number, COMPLETED, now_ms)
        row = (COMPLETED, rank, now_ms, item.result, item.token, _VERB, job.id)
        transaction.later(_COMPLETE, row)
    else:
        delete_finished(transaction, number, job.id, item, _VERB)
    transaction.emit(number, EventKind.COMPLETED, item.id, item.result, NAMES[ACTIVE])
    finishing.add(item.keep, stored=stored)
    return None


def _is_continued(transaction: Transaction, job: int) -> bool:
    """Whether a child's failure let the job run before its other children had ended."""
    return bool(transaction.number(_CONTINUED, job, IGNORED, OnFailure.CONTINUE_PARENT.value))
