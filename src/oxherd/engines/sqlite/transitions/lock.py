"""Finding the job that a call is about, and whether the caller may touch it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from oxherd.domain.errors import JobNotFound, LockLost
from oxherd.engines.sqlite.codes import ACTIVE, STATES
from oxherd.engines.sqlite.rows import UNREADABLE, read_options

if TYPE_CHECKING:
    from oxherd.domain.options import JobOptions
    from oxherd.domain.outcome import Held
    from oxherd.engines.sqlite.transaction import Transaction

_FIND: Final = (
    "SELECT id, state, lock_token, lock_until, settled_token, settled_verb, priority,"
    " attempts_made, options, EXISTS (SELECT 1 FROM edges WHERE parent = jobs.id),"
    " EXISTS (SELECT 1 FROM edges WHERE child = jobs.id)"
    " FROM jobs WHERE queue = ? AND job_id = ?"
)
_GONE: Final = (
    "SELECT EXISTS (SELECT 1 FROM gone WHERE queue = ? AND job_id = ? AND settled_token = ?"
    " AND settled_verb = ?)"
)
_SETTLE: Final = "UPDATE jobs SET settled_token = ?, settled_verb = ? WHERE id = ?"


class HeldJob(NamedTuple):
    """An active job whose lock the caller has."""

    id: int
    """Its row."""
    priority: int
    attempts_made: int
    options: str
    has_children: int
    has_parents: int


def held_job(
    transaction: Transaction, queue: str, held: Held, verb: str
) -> HeldJob | JobNotFound | LockLost | None:
    """The job that is held under this token; None when this verb settled it under it before."""
    number = transaction.queue(queue)
    row = None if number is None else transaction.one(_FIND, number, held.id)
    if row is None:
        is_known = transaction.number(_GONE, number, held.id, held.token, verb)
        return None if is_known else JobNotFound(held.id, queue)
    row_id, state, token, until, settled_token, settled_verb, *known = row
    if state == ACTIVE and token == held.token and until >= transaction.now_ms:
        return HeldJob(row_id, *known)
    if settled_token == held.token and settled_verb == verb:
        return None
    return LockLost(held.id, queue, verb, STATES[state])


def tended_job(
    transaction: Transaction, queue: str, job_id: str, token: str | None, verb: str
) -> int | JobNotFound | LockLost:
    """The row of a job that a processor (with its token) or an administrator tends."""
    number = transaction.queue(queue)
    row = None if number is None else transaction.one(_FIND, number, job_id)
    if row is None:
        return JobNotFound(job_id, queue)
    row_id: int = row[0]
    state, holder, until = row[1:4]
    held = state == ACTIVE and holder == token and until >= transaction.now_ms
    if token is not None and not held:
        return LockLost(job_id, queue, verb, STATES[state])
    return row_id


def settle(transaction: Transaction, job: HeldJob, held: Held, verb: str) -> None:
    """Remember which verb ended the claim, so that the same call sent again is known."""
    transaction.run(_SETTLE, held.token, verb, job.id)


def options_of(text: str) -> JobOptions | None:
    """The options of a row; None when they cannot be read."""
    try:
        return read_options(text)
    except UNREADABLE:
        return None
