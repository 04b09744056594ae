"""What becomes of a new job whose deduplication id another job owns, and of that id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from oxherd.domain.lifecycle import EventKind
from oxherd.engines.sqlite.codes import ACTIVE, DELAYED, NAMES
from oxherd.engines.sqlite.transitions.discard import Doomed, discard, doomed_job
from oxherd.engines.sqlite.transitions.enqueue import make_delayed_until
from oxherd.engines.sqlite.transitions.ownership import drop_kept, own, own_until, owner_of

if TYPE_CHECKING:
    from oxherd.domain.deduplication import Deduplication
    from oxherd.engines.sqlite.transaction import Transaction

_KEEP: Final = (
    "INSERT OR REPLACE INTO kept_jobs (queue, deduplication_id, job_id, name, data, options,"
    " parents, flow_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A new job that asks for a deduplication id."""

    queue: int
    id: str
    name: str
    data: str
    options: str
    timestamp: int
    delay_ms: int
    is_parent: bool
    """It has children in its group: then it neither takes a place nor moves another job."""
    parents: str | None
    flow_id: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to become of a newcomer."""

    dropped_for: str | None = None
    """The owner for which it is dropped; None when it is to be stored."""
    replaced: int | None = None
    """The row of the job whose place it takes."""


def deduplicate(transaction: Transaction, job: Newcomer, asked: Deduplication) -> Verdict:
    """Judge a new job, and do to the owner of its id what the job's options ask."""
    found = owner_of(transaction, job.queue, asked.id)
    if found is None:
        own(transaction, job.queue, job.id, asked)
        return Verdict()
    owner_id, until = found
    owner = doomed_job(transaction, job.queue, owner_id)
    may_replace = asked.replace and not job.is_parent
    if may_replace and owner is not None and owner.state == DELAYED:
        _replace(transaction, job, asked, owner, until)
        return Verdict(replaced=owner.id)
    if owner is None and until is None:
        # Nobody would ever free it.
        drop_kept(transaction, job.queue, asked.id)
        own(transaction, job.queue, job.id, asked)
        return Verdict()
    if asked.keep_last_if_active and owner is not None and owner.state == ACTIVE:
        _keep_for_later(transaction, job, asked.id, owner_id)
    elif may_replace:
        return Verdict(owner_id)
    elif asked.extend and asked.ttl_ms:
        own(transaction, job.queue, owner_id, asked)
    _tell(transaction, job.queue, owner_id, asked.id, job.id)
    moves = asked.reschedule and not may_replace and not job.is_parent
    if moves and owner is not None and owner.state == DELAYED:
        due_ms = job.timestamp + job.delay_ms
        make_delayed_until(transaction, owner.movable, due_ms, delay=job.delay_ms)
    return Verdict(owner_id)


def _replace(
    transaction: Transaction,
    job: Newcomer,
    asked: Deduplication,
    owner: Doomed,
    until: int | None,
) -> None:
    """A delayed owner makes way; the time runs on unless each job is to start it again."""
    discard(transaction, owner)
    drop_kept(transaction, job.queue, asked.id)
    if asked.ttl_ms and not asked.extend and not asked.keep_last_if_active:
        own_until(transaction, job.queue, job.id, asked.id, until)
    else:
        own(transaction, job.queue, job.id, asked)
    transaction.emit(job.queue, EventKind.REMOVED, owner.job_id, prev=NAMES[DELAYED])
    _tell(transaction, job.queue, job.id, asked.id, owner.job_id)


def _keep_for_later(transaction: Transaction, job: Newcomer, name: str, owner: str) -> None:
    """The newest job that is dropped while the owner runs follows it."""
    transaction.run(
        _KEEP, job.queue, name, job.id, job.name, job.data, job.options, job.parents, job.flow_id
    )
    own_until(transaction, job.queue, owner, name, None)


def _tell(transaction: Transaction, queue: int, stays: str, name: str, dropped: str) -> None:
    transaction.emit(queue, EventKind.DEDUPLICATED, stays, name, dropped)
