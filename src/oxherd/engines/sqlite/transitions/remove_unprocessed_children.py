"""Removes a job's pending children and those below them, in bounded steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import JobNotFound
from oxherd.domain.lifecycle import EventKind
from oxherd.engines.sqlite.codes import FAILED, NAMES
from oxherd.engines.sqlite.transitions.discard import (
    DOOMED,
    STEP,
    Doomed,
    discard,
    doomed_job,
    still_there,
)
from oxherd.engines.sqlite.transitions.settle_parent import settle_parent
from oxherd.engines.sqlite.transitions.unlink import forget_parent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oxherd.engines.sqlite.transaction import Transaction
    from oxherd.store import Refusal

_BELOW: Final = (
    f"SELECT {DOOMED},"  # noqa: S608 - constant
    " (SELECT count(*) FROM edges AS others WHERE others.child = jobs.id)"
    " FROM edges JOIN jobs ON jobs.id = edges.child"
    " WHERE edges.parent = ? AND edges.status = 0 ORDER BY edges.id"
)
_FORGET: Final = "DELETE FROM edges WHERE child = ? AND parent = ? AND status = 0"


@dataclass(slots=True)
class Pruning:
    """A removal of children under way."""

    root: Doomed
    """The job whose children go."""
    left: list[Doomed]
    """Those that still go, parents before children."""
    rows: frozenset[int]
    """The rows of all that go or went."""


def remove_unprocessed_children(
    transaction: Transaction, queue: str, job_id: str
) -> Refusal | Pruning:
    """As `Tend.remove_unprocessed_children`, up to the first step."""
    root = doomed_job(transaction, transaction.queue(queue), job_id)
    if root is None:
        return JobNotFound(job_id, queue)
    doomed, shared = _below(transaction, root)
    key = str(transaction.key_of(root.queue, root.job_id))
    for row in shared:
        transaction.run(_FORGET, row, root.id)
        forget_parent(transaction, row, key)
    pruning = Pruning(root, doomed, frozenset(job.id for job in doomed))
    return prune_on(transaction, pruning) if len(doomed) <= STEP else pruning


def prune_on(transaction: Transaction, pruning: Pruning) -> Refusal | Pruning:
    """The next step."""
    for job in reversed(still_there(transaction, pruning.left[-STEP:])):
        if _may_go(job, transaction.now_ms):
            discard(transaction, job, pruning.rows)
            transaction.emit(job.queue, EventKind.REMOVED, job.job_id, prev=NAMES[job.state])
    del pruning.left[-STEP:]
    if pruning.left:
        return pruning
    settle_parent(transaction, pruning.root.id)
    return None


def _below(transaction: Transaction, root: Doomed) -> tuple[list[Doomed], list[int]]:
    """What goes, and the rows of pending children that stay since they have other parents."""
    doomed: list[Doomed] = []
    parents_left: dict[int, int] = {}
    shared: dict[int, None] = {}
    for job in _and(root, doomed):
        for *row, parents in transaction.all(_BELOW, job.id) if job.has_children else ():
            child = Doomed(*row)
            if not _may_go(child, transaction.now_ms):
                continue
            parents_left[child.id] = parents_left.get(child.id, int(parents or 0)) - 1
            if job is root:
                shared[child.id] = None
            if not parents_left[child.id]:
                doomed.append(child)
                shared.pop(child.id, None)
    return doomed, list(shared)


def _and(root: Doomed, doomed: list[Doomed]) -> Iterator[Doomed]:
    """The root, and then what is in a list that grows meanwhile."""
    yield root
    yield from doomed


def _may_go(job: Doomed, now_ms: int) -> bool:
    return job.state != FAILED and not job.is_locked(now_ms)
