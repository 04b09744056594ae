"""A finished child runs again: its parents wait for it anew, and it fails them no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.engines.sqlite.codes import COMPLETED, FAILED, PRIORITIZED, WAITING
from oxherd.engines.sqlite.transitions.enqueue import Movable, make_waiting_children
from oxherd.engines.sqlite.transitions.settle_parent import child_failed

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction

_SETTLED_EDGES: Final = (
    "SELECT edges.id, child_key, jobs.queue, jobs.id, jobs.job_id, jobs.priority, jobs.state,"
    " jobs.deferred_failure FROM edges JOIN jobs ON jobs.id = edges.parent"
    " WHERE edges.child = ? AND edges.status <> 0 ORDER BY edges.place"
)
_WAIT_ANEW: Final = (
    "UPDATE edges SET status = 0, settled_on = NULL, value = NULL, failure = NULL WHERE id = ?"
)
_LAST_FAILED: Final = (
    "SELECT child_key FROM edges WHERE parent = ? AND status = 3"
    " ORDER BY settled_on DESC, child_key DESC LIMIT 1"
)
_DEFER: Final = "UPDATE jobs SET deferred_failure = ? WHERE id = ?"


def withdraw_failure(transaction: Transaction, child: int) -> None:
    """Make the edges of the child in this row pending again, but for completed parents."""
    for edge, key, *parent, state, deferred in transaction.all(_SETTLED_EDGES, child):
        if state == COMPLETED:
            continue
        transaction.run(_WAIT_ANEW, edge)
        job = Movable(*parent)
        if state == FAILED or deferred != child_failed(key):
            continue
        failure = standing_failure(transaction, job.id)
        transaction.run(_DEFER, failure, job.id)
        if failure is None and state in (WAITING, PRIORITIZED):
            make_waiting_children(transaction, job)


def standing_failure(transaction: Transaction, parent: int) -> str | None:
    """The deferred failure that names the last of the children that failed the parent."""
    row = transaction.one(_LAST_FAILED, parent)
    return None if row is None else child_failed(row[0])
