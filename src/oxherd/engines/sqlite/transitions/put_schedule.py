"""Stores or replaces a schedule, and adds its next job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import WrongState
from oxherd.domain.schedule import has_ended, job_id_of, next_due
from oxherd.engines.sqlite.codes import DELAYED, STATES
from oxherd.engines.sqlite.rows import write_options
from oxherd.engines.sqlite.schedule_rows import write_repetition
from oxherd.engines.sqlite.transitions.discard import discard, doomed_job
from oxherd.engines.sqlite.transitions.next_job import (
    NextJob,
    add_next,
    decode_options,
    schedule_of,
    taken,
)

if TYPE_CHECKING:
    from oxherd.domain.errors import OxherdError
    from oxherd.domain.schedule import Repeat, Schedule
    from oxherd.engines.sqlite.transaction import Transaction
    from oxherd.engines.sqlite.transitions.discard import Doomed

MOST_SLOTS: Final = 33
"""How many times are tried until a free one is found (BullMQ protocol, 4.13)."""

_STORE: Final = (
    "INSERT OR REPLACE INTO schedules"
    " (queue, id, next_ms, count, name, data, options, repetition)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


def put_schedule(
    transaction: Transaction, queue: str, schedule: Schedule
) -> str | OxherdError | None:
    """As `Schedules.put_schedule`."""
    known = schedule_of(transaction, transaction.queue(queue), schedule.id)
    pending = _pending(transaction, queue, known)
    # A pending job gives its number to the one that takes its place.
    made = (known.count if known else 0) - (pending is not None)
    due_ms = _first_due(transaction, known, schedule.repeat, is_pending=pending is not None)
    if due_ms is None or has_ended(schedule.repeat, count=made, now_ms=transaction.now_ms):
        return None
    number = transaction.used_queue(queue)
    slot = _free_slot(transaction, number, schedule, due_ms, pending)
    if isinstance(slot, WrongState):
        return slot
    if pending is not None:
        discard(transaction, pending)
    offset_ms = _offset(schedule.repeat, known, due_ms, is_pending=pending is not None)
    text = write_options(schedule.options) if schedule.raw_options is None else schedule.raw_options
    transaction.run(
        _STORE,
        number, schedule.id, slot, made + 1, schedule.name, schedule.data, text,
        write_repetition(schedule.repeat, offset_ms),
    )  # fmt: skip
    job = NextJob(number, schedule, slot, made + 1, decode_options(text))
    return add_next(transaction, job)


def _pending(transaction: Transaction, queue: str, known: Schedule | None) -> Doomed | None:
    """The job that waits for its time or its turn, which makes way."""
    if known is None or known.next_ms is None:
        return None
    number = transaction.queue(queue)
    job = doomed_job(transaction, number, job_id_of(known.id, known.next_ms))
    return job if job is not None and job.state <= DELAYED else None


def _first_due(
    transaction: Transaction, known: Schedule | None, repeat: Repeat, *, is_pending: bool
) -> int | None:
    now_ms = transaction.now_ms
    if known is None or _is_other(repeat, known.repeat):
        return next_due(repeat, previous_ms=None, now_ms=now_ms)
    if is_pending:
        return known.next_ms
    return next_due(repeat, previous_ms=known.next_ms, now_ms=now_ms)


def _is_other(repeat: Repeat, stored: Repeat) -> bool:
    """Whether the times begin anew: `every` changed, or anything about a pattern."""
    if repeat.every_ms is not None:
        return repeat.every_ms != stored.every_ms
    return (repeat.pattern, repeat.tz, repeat.start_ms, repeat.end_ms) != (
        stored.pattern, stored.tz, stored.start_ms, stored.end_ms,
    )  # fmt: skip


def _free_slot(
    transaction: Transaction, queue: int, schedule: Schedule, due_ms: int, pending: Doomed | None
) -> int | WrongState:
    """The first time from `due_ms` on that no other job has."""
    slot: int | None = due_ms
    for _ in range(MOST_SLOTS):
        if slot is None:
            break
        due_ms = slot
        job_id = job_id_of(schedule.id, due_ms)
        if pending is not None and job_id == pending.job_id:
            return due_ms
        state = taken(transaction, queue, schedule.id, due_ms)
        if state is None:
            return due_ms
        slot = next_due(schedule.repeat, previous_ms=due_ms, now_ms=transaction.now_ms)
    job_id = job_id_of(schedule.id, due_ms)
    state = taken(transaction, queue, schedule.id, due_ms) or 0
    name = transaction.key_of(queue, job_id).queue
    return WrongState(job_id, name, "schedule", STATES[state])


def _offset(repeat: Repeat, known: Schedule | None, due_ms: int, *, is_pending: bool) -> int | None:
    """What is stored for it: where the times lie in their grid, unless it was given."""
    if repeat.every_ms is not None and repeat.offset_ms:
        return repeat.offset_ms
    if is_pending and known is not None:
        return known.repeat.offset_ms
    return 0 if repeat.every_ms is None else due_ms % repeat.every_ms
