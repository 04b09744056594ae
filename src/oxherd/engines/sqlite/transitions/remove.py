"""Removes jobs, and what is below them, in steps of which each is a transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from oxherd.domain.errors import JobNotFound, WrongState
from oxherd.domain.lifecycle import EventKind, State, Transition
from oxherd.engines.sqlite.codes import ACTIVE, CHILD_FAILED, NAMES
from oxherd.engines.sqlite.transitions.evict import delete
from oxherd.engines.sqlite.transitions.settle_parent import settle_parent
from oxherd.engines.sqlite.transitions.unlink import unlink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.engines.sqlite.transaction import Transaction
    from oxherd.store import Refusal

_STEP: Final = 1_000

_FIND: Final = (
    "SELECT queue, id, job_id, state, lock_until FROM jobs WHERE queue = ? AND job_id = ?"
)
_FIND_ROW: Final = "SELECT queue, id, job_id, state, lock_until FROM jobs WHERE id = ?"
_BELOW: Final = (
    "SELECT jobs.queue, jobs.id, jobs.job_id, jobs.state, jobs.lock_until,"
    " (SELECT count(*) FROM edges AS others WHERE others.child = jobs.id)"
    " FROM edges JOIN jobs ON jobs.id = edges.child WHERE edges.parent = ? ORDER BY edges.id"
)
# What a child gave its parents outlives it; that it was pending or failed does not.
_FORGETFUL_PARENTS: Final = (
    "SELECT id, parent FROM edges WHERE child = ? AND status IN (0, 3) ORDER BY place"
)
_FORGET: Final = "DELETE FROM edges WHERE id = ?"
_VERB: Final = Transition.REMOVE.value


class _Doomed(NamedTuple):
    """A job that goes; a row may be another job's by the time its turn comes."""

    queue: int
    id: int
    job_id: str
    state: int
    lock_until: int | None

    def is_locked(self, now_ms: int) -> bool:
        """A worker holds it."""
        return self.state == ACTIVE and self.lock_until is not None and self.lock_until >= now_ms


@dataclass(slots=True)
class Removal:
    """The removal of one job with all below it, under way."""

    left: list[_Doomed]
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
    step = removal.left[-_STEP:]
    found = [_Doomed(*row) for row in (transaction.one(_FIND_ROW, job.id) for job in step) if row]
    known = {job.id: job.job_id for job in step}
    # Others may have removed some since, and their rows may have been used again.
    found = [job for job in found if known[job.id] == job.job_id]
    for job in found:
        if job.is_locked(transaction.now_ms):
            return _locked(transaction, job)
    if len(removal.left) == 1 and found and _let_go(transaction, found[0], _STEP) == _STEP:
        return removal
    del removal.left[-_STEP:]
    for job in reversed(found):
        _remove_one(transaction, job, removal.rows)
    return removal if removal.left else None


def _begin(
    transaction: Transaction, queue: str, job_id: str, *, children: bool
) -> Refusal | Removal:
    number = transaction.queue(queue)
    row = None if number is None else transaction.one(_FIND, number, job_id)
    if row is None:
        return JobNotFound(job_id, queue)
    root = _Doomed(*row)
    doomed = _with_all_below(transaction, root) if children else [root]
    for job in doomed:
        if job.is_locked(transaction.now_ms):
            return _locked(transaction, job)
    removal = Removal(doomed, frozenset(job.id for job in doomed))
    return go_on(transaction, removal) if len(doomed) <= _STEP else removal


def _with_all_below(transaction: Transaction, root: _Doomed) -> list[_Doomed]:
    """The job and all that have no parent but those that go; parents before children."""
    doomed = [root]
    parents_left: dict[int, int] = {}
    for job in doomed:
        for *row, parents in transaction.all(_BELOW, job.id):
            child = _Doomed(*row)
            parents_left[child.id] = parents_left.get(child.id, int(parents or 0)) - 1
            if not parents_left[child.id]:
                doomed.append(child)
    return doomed


def _remove_one(transaction: Transaction, job: _Doomed, going: frozenset[int]) -> None:
    for edge, parent in transaction.all(_FORGETFUL_PARENTS, job.id):
        # A parent that goes too keeps the edge, so that no worker gets it between two steps.
        if parent not in going:
            transaction.run(_FORGET, edge)
            settle_parent(transaction, parent)
    _let_go(transaction, job)
    delete(transaction, job.id)
    transaction.emit(job.queue, EventKind.REMOVED, job.job_id, prev=NAMES[job.state])


def _let_go(transaction: Transaction, job: _Doomed, limit: int = -1) -> int:
    """Children that stay forget the job."""
    key = str(transaction.key_of(job.queue, job.job_id))
    return unlink(transaction, job.id, key, worst=CHILD_FAILED, limit=limit)


def _locked(transaction: Transaction, job: _Doomed) -> WrongState:
    queue = transaction.key_of(job.queue, job.job_id).queue
    return WrongState(job.job_id, queue, _VERB, State.ACTIVE)
