"""Unlinks a job from one of its parents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import JobNotFound, OxherdError
from oxherd.engines.sqlite.transitions.locate import locate
from oxherd.engines.sqlite.transitions.lock import movable_job
from oxherd.engines.sqlite.transitions.settle_parent import settle_parent
from oxherd.engines.sqlite.transitions.unlink import forget_parent

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction

_FORGET: Final = "DELETE FROM edges WHERE child = ? AND parent = ? AND status = 0"


def remove_child_dependency(
    transaction: Transaction, queue: str, job_id: str, parent: str
) -> OxherdError | bool:
    """As `Tend.remove_child_dependency`."""
    found = movable_job(transaction, queue, job_id)
    if found is None:
        return JobNotFound(job_id, queue)
    above = locate(transaction, parent)
    if isinstance(above, OxherdError):
        return above
    job, _ = found
    if not transaction.run(_FORGET, job.id, above.row):
        return False
    forget_parent(transaction, job.id, parent)
    settle_parent(transaction, above.row)
    return True
