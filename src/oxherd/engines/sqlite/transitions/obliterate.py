"""Removes all that a queue has, in steps of which each is a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import WrongState
from oxherd.domain.lifecycle import State, Transition
from oxherd.engines.sqlite.codes import ACTIVE
from oxherd.engines.sqlite.transitions.discard import DOOMED, STEP, Doomed, discard
from oxherd.engines.sqlite.transitions.pause import pause

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction

_ACTIVE: Final = "SELECT job_id FROM jobs WHERE queue = ? AND state = ? ORDER BY rank LIMIT 1"
_SOME: Final = f"SELECT {DOOMED} FROM jobs WHERE queue = ? LIMIT ?"  # noqa: S608 - constant
_PARENTS_HERE: Final = (
    "SELECT edges.parent FROM edges JOIN jobs ON jobs.id = edges.parent"
    " WHERE edges.child = ? AND jobs.queue = ?"
)
_DELETE: Final = tuple(
    f"DELETE FROM {table} WHERE queue = ?"  # noqa: S608 - constants
    for table in (
        "schedules", "deduplications", "kept_jobs", "metrics", "metric_points", "gone",
    )
)  # fmt: skip
_NEWEST_EVENT: Final = "SELECT max(id) FROM events WHERE queue = ?"
_RESET: Final = (
    "UPDATE queues SET obliterated = 1, paused = 0, concurrency = NULL, rate_max = NULL,"
    " rate_ms = NULL, rate_used = 0, rate_until = 0 WHERE id = ?"
)


def obliterate(transaction: Transaction, queue: str, *, force: bool) -> WrongState | bool:
    """The beginning of `Control.obliterate`; True when there is something to remove."""
    number = transaction.queue(queue)
    if number is None:
        return False
    pause(transaction, queue)
    row = transaction.one(_ACTIVE, number, ACTIVE)
    if row is not None and not force:
        return WrongState(row[0], queue, Transition.OBLITERATE.value, State.ACTIVE)
    return True


def obliterate_on(transaction: Transaction, queue: str) -> bool:
    """The next step; False when it was the last."""
    number = transaction.used_queue(queue)
    found = [Doomed(*row) for row in transaction.all(_SOME, number, STEP)]
    for job in found:
        # Parents in this queue go as well, and must not run before.
        here = {row for (row,) in transaction.all(_PARENTS_HERE, job.id, number) if job.has_parents}
        discard(transaction, job, here)
    if len(found) == STEP:
        return True
    for statement in _DELETE:
        transaction.run(statement, number)
    transaction.trim(number, transaction.number(_NEWEST_EVENT, number) or 0)
    transaction.restart_numbers(number)
    transaction.run(_RESET, number)
    return False
