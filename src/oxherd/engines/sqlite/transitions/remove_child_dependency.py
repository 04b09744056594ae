"""Unlinks a job from one of its parents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import InvalidOption, JobNotFound, OxherdError
from oxherd.domain.record import JobKey
from oxherd.engines.sqlite.transitions.lock import movable_job
from oxherd.engines.sqlite.transitions.settle_parent import settle_parent
from oxherd.engines.sqlite.transitions.unlink import forget_parent

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction

_FIND: Final = "SELECT id FROM jobs WHERE queue = ? AND job_id = ?"
_FORGET: Final = "DELETE FROM edges WHERE child = ? AND parent = ? AND status = 0"


def remove_child_dependency(
    transaction: Transaction, queue: str, job_id: str, parent: str
) -> OxherdError | bool:
    """As `Tend.remove_child_dependency`."""
    found = movable_job(transaction, queue, job_id)
    if found is None:
        return JobNotFound(job_id, queue)
    try:
        key = JobKey.parse(parent)
    except InvalidOption as error:
        return error
    number = transaction.queue(key.queue, key.prefix)
    above = None if number is None else transaction.number(_FIND, number, key.id)
    if above is None:
        return JobNotFound(key.id, key.queue)
    job, _ = found
    if not transaction.run(_FORGET, job.id, above):
        return False
    forget_parent(transaction, job.id, parent)
    settle_parent(transaction, above)
    return True
