"""What becomes of a new job whose deduplication id another job owns, and of that id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from oxherd.domain.lifecycle import EventKind
from oxherd.engines.sqlite.codes import ACTIVE, DELAYED, NAMES
from oxherd.engines.sqlite.transitions.discard import Doomed, discard, doomed_job
from oxherd.engines.sqlite.transitions.enqueue import make_delayed_until

if TYPE_CHECKING:
    from oxherd.domain.deduplication import Deduplication
    from oxherd.engines.sqlite.transaction import Transaction

_OWNER: Final = (
    "SELECT job_id, until FROM deduplications WHERE queue = ? AND id = ?"
    " AND (until IS NULL OR until > ?)"
)
_OWN: Final = "INSERT OR REPLACE INTO deduplications (queue, id, job_id, until) VALUES (?, ?, ?, ?)"
_CLEAR_AWAY: Final = (
    "DELETE FROM deduplications WHERE (queue, id) IN"
    " (SELECT queue, id FROM deduplications WHERE until <= ? LIMIT 100)"
)
_KEEP: Final = (
    "INSERT OR REPLACE INTO kept_jobs (queue, deduplication_id, job_id, name, data, options,"
    " parents, flow_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_DROP_KEPT: Final = "DELETE FROM kept_jobs WHERE queue = ? AND deduplication_id = ?"


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


def owner_of(transaction: Transaction, queue: int, name: str) -> tuple[str, int | None] | None:
    """Who owns an id, and until when."""
    row = transaction.one(_OWNER, queue, name, transaction.now_ms)
    return None if row is None else (row[0], row[1])


def own(transaction: Transaction, queue: int, job_id: str, asked: Deduplication) -> None:
    """Let a job own an id for as long as its options say."""
    is_timed = asked.ttl_ms > 0 and not asked.keep_last_if_active
    until = transaction.now_ms + asked.ttl_ms if is_timed else None
    if is_timed:
        # Nobody else does it for ids whose time has run out.
        transaction.run(_CLEAR_AWAY, transaction.now_ms)
    transaction.run(_OWN, queue, asked.id, job_id, until)


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
        transaction.run(_DROP_KEPT, job.queue, asked.id)
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
    transaction.run(_DROP_KEPT, job.queue, asked.id)
    if asked.ttl_ms and not asked.extend and not asked.keep_last_if_active:
        transaction.run(_OWN, job.queue, asked.id, job.id, until)
    else:
        own(transaction, job.queue, job.id, asked)
    transaction.emit(job.queue, EventKind.REMOVED, owner.job_id, prev=NAMES[DELAYED])
    _tell(transaction, job.queue, job.id, asked.id, owner.job_id)


def _keep_for_later(transaction: Transaction, job: Newcomer, name: str, owner: str) -> None:
    """The newest job that is dropped while the owner runs follows it."""
    transaction.run(
        _KEEP, job.queue, name, job.id, job.name, job.data, job.options, job.parents, job.flow_id
    )
    transaction.run(_OWN, job.queue, name, owner, None)


def _tell(transaction: Transaction, queue: int, stays: str, name: str, dropped: str) -> None:
    transaction.emit(queue, EventKind.DEDUPLICATED, stays, name, dropped)
