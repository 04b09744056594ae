"""Deletes a job with all that is known of it: what every verb that removes jobs has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from oxherd.engines.sqlite.codes import ACTIVE, CHILD_FAILED
from oxherd.engines.sqlite.transitions.enqueue import Movable
from oxherd.engines.sqlite.transitions.evict import delete
from oxherd.engines.sqlite.transitions.ownership import drop_kept, free
from oxherd.engines.sqlite.transitions.settle_parent import settle_parent
from oxherd.engines.sqlite.transitions.unlink import unlink

if TYPE_CHECKING:
    from collections.abc import Container

    from oxherd.engines.sqlite.transaction import Transaction

STEP: Final = 1_000
"""The most jobs that one transaction removes."""

DOOMED: Final = (
    "jobs.queue, jobs.id, jobs.job_id, jobs.state, jobs.lock_until, jobs.priority,"
    " jobs.schedule_id, jobs.deduplication_id,"
    " EXISTS (SELECT 1 FROM edges WHERE child = jobs.id),"
    " EXISTS (SELECT 1 FROM edges WHERE parent = jobs.id)"
)
"""The columns of which a `Doomed` is made, in its order."""

NOT_NEXT_OF_SCHEDULE: Final = (
    "(jobs.state >= 5 OR NOT EXISTS (SELECT 1 FROM schedules WHERE schedules.queue = jobs.queue"
    " AND schedules.id = jobs.schedule_id"
    " AND jobs.job_id = 'repeat:' || schedules.id || ':' || schedules.next_ms))"
)
"""Is true of a job that no schedule waits for."""

_FIND: Final = f"SELECT {DOOMED} FROM jobs WHERE queue = ? AND job_id = ?"  # noqa: S608 - constant
_FIND_ROW: Final = f"SELECT {DOOMED} FROM jobs WHERE id = ?"  # noqa: S608 - constant
# What a child gave its parents outlives it; that it was pending or failed does not.
_FORGETFUL_PARENTS: Final = (
    "SELECT id, parent FROM edges WHERE child = ? AND status IN (0, 3) ORDER BY place"
)
_FORGET: Final = "DELETE FROM edges WHERE id = ?"


class Doomed(NamedTuple):
    """A job that goes; a row may be another job's by the time its turn comes."""

    queue: int
    id: int
    job_id: str
    state: int
    lock_until: int | None
    priority: int
    schedule_id: str | None
    deduplication_id: str | None
    has_parents: int
    has_children: int

    @property
    def movable(self) -> Movable:
        """What has to be known to move it."""
        return Movable(self.queue, self.id, self.job_id, self.priority)

    def is_locked(self, now_ms: int) -> bool:
        """A worker holds it."""
        return self.state == ACTIVE and self.lock_until is not None and self.lock_until >= now_ms


def doomed_job(transaction: Transaction, queue: int | None, job_id: str) -> Doomed | None:
    """The job of this id, if any."""
    row = None if queue is None else transaction.one(_FIND, queue, job_id)
    return None if row is None else Doomed(*row)


def still_there(transaction: Transaction, jobs: list[Doomed]) -> list[Doomed]:
    """Those that exist still, as they are now; others may have removed some meanwhile."""
    rows = ((job, transaction.one(_FIND_ROW, job.id)) for job in jobs)
    # A row may have been used again.
    return [Doomed(*row) for job, row in rows if row is not None and row[2] == job.job_id]


def discard(transaction: Transaction, job: Doomed, going: Container[int] = ()) -> None:
    """Delete a job. Its parents forget it and, unless they are `going` too, may be released.

    Its children let go of it, and the deduplication id that it owns is free.
    """
    if job.has_parents:
        for edge, parent in transaction.all(_FORGETFUL_PARENTS, job.id):
            # A parent that goes too keeps the edge, so that no worker gets it between two steps.
            if parent not in going:
                transaction.run(_FORGET, edge)
                settle_parent(transaction, parent)
    if job.has_children:
        let_go(transaction, job)
    name = job.deduplication_id
    if name is not None and free(transaction, job.queue, job.job_id, name):
        drop_kept(transaction, job.queue, name)
    delete(transaction, job.id)
    if job.state == ACTIVE:
        # There may be a limit of which it used up a part.
        transaction.hear(job.queue)


def let_go(transaction: Transaction, job: Doomed, limit: int = -1) -> int:
    """Children that stay forget the job; answers how many."""
    key = str(transaction.key_of(job.queue, job.job_id))
    return unlink(transaction, job.id, key, worst=CHILD_FAILED, limit=limit)
