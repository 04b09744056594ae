"""Retention: clears finished jobs away as the one that has just finished asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.engines.sqlite.batch import Insertion, OnSet, json_list
from oxherd.engines.sqlite.codes import TIME_SHIFT

if TYPE_CHECKING:
    from oxherd.domain.keep import Keep
    from oxherd.domain.outcome import Held
    from oxherd.engines.sqlite.transaction import Row, Transaction
    from oxherd.engines.sqlite.transitions.lock import HeldJob

_MOST: Final = 1_000
"""How many jobs one finishing job clears away, of each kind."""
_REMEMBERED: Final = 10_000
"""How many endings are known of jobs that are gone."""

# A failed child that its parent still waits for (OnFailure.BLOCK) stays.
_OLD: Final = (
    "SELECT id FROM jobs WHERE queue = ? AND state = ? AND rank <= ? AND NOT EXISTS"
    " (SELECT 1 FROM edges WHERE child = jobs.id AND status = 0) ORDER BY rank DESC LIMIT ?"
)
_BEYOND: Final = (
    "SELECT id FROM (SELECT id FROM jobs WHERE queue = ? AND state = ?"
    " ORDER BY rank DESC LIMIT ? OFFSET ?) AS beyond WHERE NOT EXISTS"
    " (SELECT 1 FROM edges WHERE child = beyond.id AND status = 0)"
)
_AWAITED: Final = "SELECT EXISTS (SELECT 1 FROM edges WHERE child = ? AND status = 0)"
_REMEMBER: Final = Insertion("INSERT INTO gone (queue, job_id, settled_token, settled_verb)", 4)
_REMEMBER_ROWS: Final = (
    "INSERT INTO gone (queue, job_id, settled_token, settled_verb)"
    " SELECT queue, job_id, settled_token, settled_verb FROM json_each(?) AS each"
    " CROSS JOIN jobs ON jobs.id = each.value WHERE settled_token IS NOT NULL"
)
_FORGET: Final = "DELETE FROM gone WHERE id <= (SELECT max(id) FROM gone) - ?"
# Its logs and its edges to children go with it; its parents' edges keep what they know.
_DELETE: Final = OnSet("DELETE FROM jobs WHERE id")


def is_kept(transaction: Transaction, keep: Keep, job: HeldJob) -> bool:
    """Whether a job that finishes now is stored at all."""
    if keep.count != 0:
        return True
    return bool(job.has_parents and transaction.number(_AWAITED, job.id))


def delete(transaction: Transaction, job: int) -> None:
    """Delete the job in this row."""
    transaction.later(_DELETE, (job,))


def delete_finished(transaction: Transaction, queue: int, job: int, held: Held, verb: str) -> None:
    """Delete the job in this row as it finishes; the same call sent again is known."""
    transaction.later(_REMEMBER, (queue, held.id, held.token, verb))
    delete(transaction, job)


def forget_oldest(transaction: Transaction) -> None:
    """Remember only the newest endings of jobs that are gone."""
    transaction.run(_FORGET, _REMEMBERED)


def evict(transaction: Transaction, queue: int, state: int, keep: Keep, finishing: int) -> None:
    """Apply the wish of `finishing` jobs of one queue that have just come to `state`."""
    if keep.age_ms is not None:
        limit = _MOST if keep.limit is None else keep.limit
        oldest = transaction.now_ms - keep.age_ms
        rank = (max(oldest, 0) + 1 << TIME_SHIFT) - 1
        _delete_all(transaction, transaction.all(_OLD, queue, state, rank, limit * finishing))
    if keep.count:
        beyond = transaction.all(_BEYOND, queue, state, _MOST * finishing, keep.count)
        _delete_all(transaction, beyond)


def _delete_all(transaction: Transaction, jobs: list[Row]) -> None:
    if jobs:
        transaction.run(_REMEMBER_ROWS, json_list(row[0] for row in jobs))
        forget_oldest(transaction)
        for (job,) in jobs:
            delete(transaction, job)
