"""Removes jobs, and what is below them, in steps of which each is a transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import BelongsToSchedule, JobNotFound, WrongState
from oxherd.domain.lifecycle import EventKind, State, Transition
from oxherd.engines.sqlite.codes import NAMES
from oxherd.engines.sqlite.transitions.discard import (
    DOOMED,
    STEP,
    Doomed,
    discard,
    doomed_job,
    let_go,
    still_there,
)
from oxherd.engines.sqlite.transitions.next_job import is_next_of_schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.engines.sqlite.transaction import Transaction
    from oxherd.store import Refusal

_BELOW: Final = (
    f"SELECT {DOOMED},"  # noqa: S608 - constant
    " (SELECT count(*) FROM edges AS others WHERE others.child = jobs.id)"
    " FROM edges JOIN jobs ON jobs.id = edges.child WHERE edges.parent = ? ORDER BY edges.id"
)
_VERB: Final = Transition.REMOVE.value


@dataclass(slots=True)
class Removal:
    """The removal of one job with all below it, under way."""

    left: list[Doomed]
    """Those that still go; the job itself is the first, and goes last."""
    rows: frozenset[int]
    """The rows of all that go or went: such a parent is not released."""


def remove(
    transaction: Transaction, queue: str, job_ids: Sequence[str], *, children: bool
) -> list[Refusal | Removal]:
    """As `Tend.remove`, up to the first step; a `Removal` answers for a job with steps left."""
    return [_begin(transaction, queue, job_id, children=children) for job_id in job_ids]


def go_on(transaction: Transaction, removal: Removal) -> Refusal | Removal:
    """The next step."""
    found = still_there(transaction, removal.left[-STEP:])
    for job in found:
        if job.is_locked(transaction.now_ms):
            return _locked(transaction, job)
    if len(removal.left) == 1 and found and let_go(transaction, found[0], STEP) == STEP:
        return removal
    del removal.left[-STEP:]
    for job in reversed(found):
        discard(transaction, job, removal.rows)
        transaction.emit(job.queue, EventKind.REMOVED, job.job_id, prev=NAMES[job.state])
    return removal if removal.left else None


def _begin(
    transaction: Transaction, queue: str, job_id: str, *, children: bool
) -> Refusal | Removal:
    root = doomed_job(transaction, transaction.queue(queue), job_id)
    if root is None:
        return JobNotFound(job_id, queue)
    doomed = _with_all_below(transaction, root) if children else [root]
    for job in doomed:
        if job.is_locked(transaction.now_ms):
            return _locked(transaction, job)
    if is_next_of_schedule(transaction, root):
        return BelongsToSchedule(job_id, queue)
    removal = Removal(doomed, frozenset(job.id for job in doomed))
    return go_on(transaction, removal) if len(doomed) <= STEP else removal


def _with_all_below(transaction: Transaction, root: Doomed) -> list[Doomed]:
    """The job and all that have no parent but those that go; parents before children."""
    doomed = [root]
    parents_left: dict[int, int] = {}
    for job in doomed:
        for *row, parents in transaction.all(_BELOW, job.id) if job.has_children else ():
            child = Doomed(*row)
            parents_left[child.id] = parents_left.get(child.id, int(parents or 0)) - 1
            if not parents_left[child.id]:
                doomed.append(child)
    return doomed


def _locked(transaction: Transaction, job: Doomed) -> WrongState:
    queue = transaction.key_of(job.queue, job.job_id).queue
    return WrongState(job.job_id, queue, _VERB, State.ACTIVE)
