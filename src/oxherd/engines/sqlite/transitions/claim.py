"""Takes the next jobs for a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from oxherd.domain.lifecycle import EventKind
from oxherd.engines.sqlite.batch import json_list
from oxherd.engines.sqlite.codes import ACTIVE, DELAYED, NAMES, PRIORITIZED, TIME_SHIFT, WAITING
from oxherd.engines.sqlite.rows import RECORD, read_record
from oxherd.engines.sqlite.transitions.promote_due import promote_due
from oxherd.store import Claimed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.rate_limit import RateLimit
    from oxherd.engines.sqlite.transaction import Row, Transaction

_SETTINGS: Final = (
    "SELECT paused, concurrency, rate_max, rate_ms, rate_used, rate_until FROM queues WHERE id = ?"
)
_COUNT_ACTIVE: Final = "SELECT count(*) FROM jobs WHERE queue = ? AND state = ?"
_USE: Final = "UPDATE queues SET rate_used = ?, rate_until = ? WHERE id = ?"
_READY: Final = f"SELECT id, {RECORD} FROM jobs WHERE queue = ? AND state <= ?"  # noqa: S608 - constant
_NEXT: Final = f"{_READY} ORDER BY state, rank, id LIMIT ?"
_HAS_READY: Final = "SELECT EXISTS (SELECT 1 FROM jobs WHERE queue = ? AND state <= ?)"
_CLAIM: Final = (
    "UPDATE jobs SET state = ?, rank = ?{}, lock_token = ?, lock_until = ?,"
    " processed_on = ?, processed_by = coalesce(?, processed_by),"
    " attempts_started = attempts_started + 1"
)
_CLAIM_ONE: Final = _CLAIM.format("") + " WHERE id = ?"
_CLAIM_ALL: Final = (
    _CLAIM.format(" + taken.key") + " FROM json_each(?) AS taken WHERE jobs.id = taken.value"
)
_EARLIEST: Final = "SELECT min(rank) FROM jobs WHERE queue = ? AND state = ?"

_COLUMNS: Final = [name.strip() for name in RECORD.split(",")]
_ATTEMPTS_STARTED: Final = _COLUMNS.index("attempts_started")
_PROCESSED_ON: Final = _COLUMNS.index("processed_on")
_PROCESSED_BY: Final = _COLUMNS.index("processed_by")
_DEFERRED_FAILURE: Final = _COLUMNS.index("deferred_failure") + 1


@dataclass(slots=True)
class _Window:
    """A rate limit as it is now: how many jobs started since it opened, and until when."""

    most: int
    duration_ms: int
    used: int
    until: int

    def retry_after_ms(self, now_ms: int) -> int:
        """How long no job may start; 0 while there are tokens."""
        return self.until - now_ms if self.used >= self.most else 0

    def admit(self, rows: list[Row], now_ms: int) -> list[Row]:
        """The first of these jobs, for as long as there are tokens; a condemned one costs none."""
        admitted: list[Row] = []
        for row in rows:
            if self.used >= self.most:
                break
            admitted.append(row)
            if row[_DEFERRED_FAILURE] is None:
                self.used += 1
                if self.used == 1:
                    self.until = now_ms + self.duration_ms
        return admitted


@dataclass(frozen=True, slots=True)
class _Brakes:
    """What holds a queue back now."""

    paused: bool
    """Also when it has all the active jobs that it may have."""
    limit: int
    """How many jobs may be taken, but for the rate."""
    window: _Window | None


def claim(
    transaction: Transaction,
    queue: str,
    limit: int,
    *,
    token: str,
    lock_ms: int,
    worker: str | None,
    rate: RateLimit | None,
) -> Claimed:
    """As `Work.claim`."""
    number = transaction.queue(queue)
    if number is None:
        return Claimed(())
    promote_due(transaction, queue)
    brakes = _brakes(transaction, number, limit, rate)
    now_ms, window = transaction.now_ms, brakes.window
    retry_after_ms = 0 if window is None else window.retry_after_ms(now_ms)
    if retry_after_ms or brakes.limit <= 0:
        is_paused = brakes.paused and not retry_after_ms
        if not retry_after_ms and not is_paused:
            _pass_on(transaction, number)
        return Claimed((), _due_in_ms(transaction, number), retry_after_ms, is_paused)
    rows = transaction.all(_NEXT, number, PRIORITIZED, brakes.limit)
    if not rows:
        return Claimed((), _due_in_ms(transaction, number))
    if window is not None:
        rows = window.admit(rows, now_ms)
        transaction.run(_USE, window.used, window.until, number)
        retry_after_ms = window.retry_after_ms(now_ms)
    until = now_ms + lock_ms
    rank = transaction.next_ranks(number, ACTIVE, len(rows))
    statement, taken = _CLAIM_ONE, rows[0][0]
    if len(rows) > 1:
        statement, taken = _CLAIM_ALL, json_list(row[0] for row in rows)
    transaction.run(statement, ACTIVE, rank, token, until, now_ms, worker, taken)
    transaction.emit_all(number, EventKind.ACTIVE, [row[1] for row in rows], NAMES[WAITING])
    jobs = tuple(read_record(queue, _started(row[1:], now_ms, worker)) for row in rows)
    return Claimed(jobs, retry_after_ms=retry_after_ms)


def _brakes(transaction: Transaction, queue: int, limit: int, rate: RateLimit | None) -> _Brakes:
    row = transaction.one(_SETTINGS, queue)
    assert row is not None
    paused, concurrency, *rates = row
    if concurrency is not None:
        slots = concurrency - (transaction.number(_COUNT_ACTIVE, queue, ACTIVE) or 0)
        paused = paused or slots <= 0
        limit = min(limit, slots)
    window = _window(rates, rate, transaction.now_ms)
    return _Brakes(bool(paused), 0 if paused else limit, window)


def _pass_on(transaction: Transaction, queue: int) -> None:
    """The worker heard a wake-up with its hands full: if there is work, let another hear it."""
    if transaction.number(_HAS_READY, queue, PRIORITIZED):
        transaction.hear(queue)


def _window(rates: Sequence[Any], rate: RateLimit | None, now_ms: int) -> _Window | None:
    """The rate limit that holds: the queue's number, the worker's window, else the other's."""
    most, duration_ms, used, until = rates
    if rate is not None:
        most, duration_ms = (rate.max if most is None else most), rate.duration_ms
    if most is None:
        return None
    return (
        _Window(most, duration_ms, used, until)
        if until > now_ms
        else _Window(most, duration_ms, 0, 0)
    )


def _started(row: Sequence[Any], now_ms: int, worker: str | None) -> list[Any]:
    """The columns as they are since the claim."""
    values = list(row)
    if isinstance(values[_ATTEMPTS_STARTED], int):
        values[_ATTEMPTS_STARTED] += 1
    values[_PROCESSED_ON] = now_ms
    if worker is not None:
        values[_PROCESSED_BY] = worker
    return values


def _due_in_ms(transaction: Transaction, queue: int) -> int | None:
    rank = transaction.number(_EARLIEST, queue, DELAYED)
    return None if rank is None else max(0, (rank >> TIME_SHIFT) - transaction.now_ms)
