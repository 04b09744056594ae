"""Finding the job that a call is about, and whether the caller may touch it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from oxherd.domain.errors import JobNotFound, LockLost
from oxherd.engines.sqlite.batch import json_list
from oxherd.engines.sqlite.codes import ACTIVE, STATES
from oxherd.engines.sqlite.rows import UNREADABLE, read_options
from oxherd.engines.sqlite.transitions.enqueue import Movable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.options import JobOptions
    from oxherd.domain.outcome import Held
    from oxherd.engines.sqlite.transaction import Row, Transaction

_COLUMNS: Final = (
    "jobs.id, state, lock_token, lock_until, settled_token, settled_verb, priority,"
    " attempts_made, options, deduplication_id,"
    " EXISTS (SELECT 1 FROM edges WHERE parent = jobs.id AND status = 0),"
    " EXISTS (SELECT 1 FROM edges WHERE parent = jobs.id AND status = 3),"
    " EXISTS (SELECT 1 FROM edges WHERE child = jobs.id)"
)
_FIND: Final = f"SELECT {_COLUMNS} FROM jobs WHERE queue = ? AND job_id = ?"  # noqa: S608 - constant
_FIND_ALL: Final = (
    f"SELECT job_id, {_COLUMNS} FROM json_each(?) AS asked"  # noqa: S608 - constant
    " CROSS JOIN jobs ON jobs.queue = ? AND jobs.job_id = asked.value"
)
_MOVABLE: Final = (
    "SELECT queue, id, job_id, priority, state FROM jobs WHERE queue = ? AND job_id = ?"
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
    deduplication_id: str | None
    has_pending: int
    """Children are pending."""
    has_failed: int
    """Children have failed it."""
    has_parents: int


class HeldJobs:
    """The jobs of one call, which are found together: that is twice as quick as one by one."""

    def __init__(
        self, transaction: Transaction, queue: str, verb: str, items: Sequence[Held]
    ) -> None:
        self._transaction = transaction
        self.queue = queue
        self._verb = verb
        self._rows: dict[str, Row] = {}
        if len(items) > 1:
            ids = json_list(item.id for item in items)
            found = transaction.all(_FIND_ALL, ids, transaction.queue(queue))
            # What ends before it in the call may change a parent: it is looked at in its turn.
            self._rows = {row[0]: row[1:] for row in found if not (row[11] or row[12])}

    @property
    def children(self) -> list[int]:
        """The rows of those that were found together and have parents."""
        return [row[0] for row in self._rows.values() if row[-1]]

    def take(self, held: Held) -> HeldJob | JobNotFound | LockLost | None:
        """As `held_job`, once for each of the jobs."""
        row = self._rows.pop(held.id, None)
        if row is None:
            return held_job(self._transaction, self.queue, held, self._verb)
        return _judge(self._transaction, self.queue, held, self._verb, row)


def held_job(
    transaction: Transaction, queue: str, held: Held, verb: str
) -> HeldJob | JobNotFound | LockLost | None:
    """The job that is held under this token; None when this verb settled it under it before."""
    number = transaction.queue(queue)
    row = None if number is None else transaction.one(_FIND, number, held.id)
    if row is None:
        is_known = transaction.number(_GONE, number, held.id, held.token, verb)
        return None if is_known else JobNotFound(held.id, queue)
    return _judge(transaction, queue, held, verb, row)


def _judge(
    transaction: Transaction, queue: str, held: Held, verb: str, row: Row
) -> HeldJob | LockLost | None:
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


def movable_job(transaction: Transaction, queue: str, job_id: str) -> tuple[Movable, int] | None:
    """A job that somebody moves by hand, and its state."""
    number = transaction.queue(queue)
    row = None if number is None else transaction.one(_MOVABLE, number, job_id)
    return None if row is None else (Movable(*row[:4]), row[4])


def settle(transaction: Transaction, job: HeldJob, held: Held, verb: str) -> None:
    """Remember which verb ended the claim, so that the same call sent again is known."""
    transaction.run(_SETTLE, held.token, verb, job.id)


def options_of(text: str) -> JobOptions | None:
    """The options of a row; None when they cannot be read."""
    try:
        return read_options(text)
    except UNREADABLE:
        return None
