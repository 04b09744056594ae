"""Ends jobs badly, for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import JobNotFound, OxherdError
from oxherd.domain.lifecycle import EventKind, Transition
from oxherd.engines.sqlite.batch import Repetition
from oxherd.engines.sqlite.codes import ACTIVE, FAILED, NAMES
from oxherd.engines.sqlite.transitions.end_deduplication import end_deduplication
from oxherd.engines.sqlite.transitions.evict import delete_finished, is_kept
from oxherd.engines.sqlite.transitions.finish import Finishing
from oxherd.engines.sqlite.transitions.lock import HeldJobs, options_of
from oxherd.engines.sqlite.transitions.settle_parent import settle_failed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.outcome import Failure
    from oxherd.engines.sqlite.transaction import Transaction
    from oxherd.engines.sqlite.transitions.lock import HeldJob
    from oxherd.store import Refusal

_FAIL: Final = Repetition(
    "UPDATE jobs SET state = ?, rank = ?, lock_token = NULL, lock_until = NULL, finished_on = ?,"
    " attempts_made = attempts_made + 1, failed_reason = ?, stacktrace = ?,"
    " deferred_failure = NULL, settled_token = ?, settled_verb = ? WHERE id = ?"
)
_VERB: Final = Transition.FAIL.value


def fail(
    transaction: Transaction, queue: str, items: Sequence[Failure], metrics: int
) -> list[Refusal]:
    """As `Work.fail`."""
    number = transaction.queue(queue)
    if number is None:
        return [JobNotFound(item.id, queue) for item in items]
    finishing = Finishing(transaction, number, FAILED, metrics)
    held = HeldJobs(transaction, queue, _VERB, items)
    answers = [_fail_one(transaction, held, item, finishing) for item in items]
    finishing.close()
    return answers


def _fail_one(
    transaction: Transaction, held: HeldJobs, item: Failure, finishing: Finishing
) -> Refusal:
    number, job = finishing.queue, held.take(item)
    if job is None or isinstance(job, OxherdError):
        return job
    if job.deduplication_id is not None:
        end_deduplication(transaction, number, item.id, job.deduplication_id)
    if job.has_parents:
        settle_failed(transaction, job.id, item.reason)
    stored = is_kept(transaction, item.keep, job)
    if stored:
        now_ms = transaction.now_ms
        rank = transaction.next_rank_at(number, FAILED, now_ms)
        row = (FAILED, rank, now_ms, item.reason, item.stacktrace, item.token, _VERB, job.id)
        transaction.later(_FAIL, row)
    else:
        delete_finished(transaction, number, job.id, item, _VERB)
    transaction.emit(number, EventKind.FAILED, item.id, item.reason, NAMES[ACTIVE])
    _tell_exhausted(transaction, number, item.id, job)
    finishing.add(item.keep, stored=stored)
    return None


def _tell_exhausted(transaction: Transaction, queue: int, job_id: str, job: HeldJob) -> None:
    options = options_of(job.options)
    made = job.attempts_made + 1 if isinstance(job.attempts_made, int) else 1
    if options is None or made >= options.tries:
        transaction.emit(queue, EventKind.RETRIES_EXHAUSTED, job_id, str(made))
