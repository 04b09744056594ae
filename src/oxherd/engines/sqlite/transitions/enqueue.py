"""Makes a job ready, delayed or a waiting parent: the one way there, for every transition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from oxherd.domain.lifecycle import EventKind
from oxherd.domain.options import MAX_PRIORITY
from oxherd.engines.sqlite.batch import Repetition
from oxherd.engines.sqlite.codes import (
    DELAYED,
    LATEST_MS,
    PRIORITIZED,
    PRIORITY_SHIFT,
    WAITING,
    WAITING_CHILDREN,
)

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction

_MIDDLE: Final = 1 << (PRIORITY_SHIFT - 1)
_ENDS: Final = (
    "SELECT (SELECT min(rank) FROM jobs WHERE queue = ?1 AND state = ?2 AND rank BETWEEN ?3"
    " AND ?4), (SELECT max(rank) FROM jobs WHERE queue = ?1 AND state = ?2 AND rank BETWEEN ?3"
    " AND ?4)"
)
_MOVE: Final = Repetition(
    "UPDATE jobs SET state = ?, rank = ?, delay = coalesce(?, delay), lock_token = NULL,"
    " lock_until = NULL, finished_on = NULL WHERE id = ?"
)
_ALL_RANKS: Final = (-(2**62), 2**62)


class Movable(NamedTuple):
    """What has to be known of a job to move it."""

    queue: int
    id: int
    job_id: str
    priority: int


def place(
    transaction: Transaction, queue: int, priority: int, *, front: bool = False
) -> tuple[int, int]:
    """The state and rank of a job that becomes ready; `front` is before those of its priority."""
    if not 0 < priority <= MAX_PRIORITY:
        state, priority, first, last, middle = WAITING, 0, *_ALL_RANKS, 0
    else:
        state = PRIORITIZED
        first = priority << PRIORITY_SHIFT
        last, middle = first + (1 << PRIORITY_SHIFT) - 1, first + _MIDDLE
    key = (queue, state, "ready", priority)
    ends = transaction.ends.get(key)
    if ends is None:
        low, high = transaction.one(_ENDS, queue, state, first, last) or (None, None)
        ends = [middle, middle - 1] if low is None or high is None else [int(low), int(high)]
        transaction.ends[key] = ends
    if front:
        ends[0] -= 1
        return state, ends[0]
    ends[1] += 1
    return state, ends[1]


def make_runnable(
    transaction: Transaction,
    job: Movable,
    *,
    prev: str | None,
    front: bool = False,
    delay: int | None = None,
) -> None:
    """A job may be claimed from now on; `delay` is its new delay, None leaves it."""
    state, rank = place(transaction, job.queue, _priority(job), front=front)
    transaction.later(_MOVE, (state, rank, delay, job.id))
    transaction.emit(job.queue, EventKind.WAITING, job.job_id, prev=prev)
    transaction.hear(job.queue)


def make_delayed(
    transaction: Transaction, job: Movable, delay_ms: int, *, delay: int | None = None
) -> None:
    """A job may be claimed in `delay_ms`."""
    make_delayed_until(transaction, job, transaction.now_ms + delay_ms, delay=delay)


def make_delayed_until(
    transaction: Transaction, job: Movable, due_ms: int, *, delay: int | None = None
) -> None:
    """A job may be claimed at a time."""
    due_ms = min(due_ms, LATEST_MS)
    rank = transaction.next_rank_at(job.queue, DELAYED, due_ms)
    transaction.later(_MOVE, (DELAYED, rank, delay, job.id))
    transaction.emit(job.queue, EventKind.DELAYED, job.job_id, str(due_ms))
    transaction.hear(job.queue)


def place_new(
    transaction: Transaction,
    queue: int,
    job_id: str,
    name: str,
    *,
    due_ms: int | None,
    priority: int,
    lifo: bool,
) -> tuple[int, int]:
    """The state and rank of a new job that waits for no children; its events are written."""
    transaction.emit(queue, EventKind.ADDED, job_id, name)
    transaction.hear(queue)
    if due_ms is not None:
        transaction.emit(queue, EventKind.DELAYED, job_id, str(due_ms))
        return DELAYED, transaction.next_rank_at(queue, DELAYED, due_ms)
    transaction.emit(queue, EventKind.WAITING, job_id)
    return place(transaction, queue, priority, front=lifo and not priority)


def make_waiting_children(
    transaction: Transaction, job: Movable, *, prev: str | None = None
) -> None:
    """A job waits for its pending children."""
    rank = transaction.next_rank(job.queue, WAITING_CHILDREN)
    transaction.later(_MOVE, (WAITING_CHILDREN, rank, None, job.id))
    transaction.emit(job.queue, EventKind.WAITING_CHILDREN, job.job_id, prev=prev)


def _priority(job: Movable) -> int:
    # The column of a damaged row may hold anything.
    return job.priority if isinstance(job.priority, int) else 0
