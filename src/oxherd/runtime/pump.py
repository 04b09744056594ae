"""Between a worker and its store: one round trip settles what ended and claims more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from oxherd.domain.checks import duration_ms
from oxherd.domain.errors import JobNotFound, OxherdError, StoreFull, StoreUnavailable
from oxherd.domain.outcome import Outcome, Throttled
from oxherd.runtime.clock import monotonic
from oxherd.runtime.ear import Ear
from oxherd.runtime.firing import fire
from oxherd.runtime.ids import TokenSource
from oxherd.runtime.job import Job
from oxherd.runtime.runner import Run
from oxherd.runtime.settling import Ended, Settler, Settling
from oxherd.runtime.trip import Trip, begun

if TYPE_CHECKING:
    from oxherd.domain.record import JobRecord
    from oxherd.runtime.worker_options import WorkerOptions
    from oxherd.store import Claimed, FailPoint, Store

_log: Final = logging.getLogger("oxherd.pump")

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0
_MOST_TRIPS: Final = 2
_ASK_AGAIN: Final = 0.02
"""Seconds after which free slots ask again for when the next job is due, if nothing happened."""


class Pump:
    """Keeps a worker's slots full, in round trips.

    Each trip carries every outcome that gathered since the last one, and claims jobs for half of
    the slots at most: one half is on its way while the other runs. When half of them have ended
    before a trip is back, a second one leaves: a busy store never waits for the worker. Outcomes
    are kept, and sent again, until the store has answered.

    Args:
        store: where the jobs are.
        queue: the queue to take them from.
        options: the worker's.
        start: called with each claimed job; it runs the job and hands the outcome to `settle`.
        on_settled: called when the store has taken an outcome.
        on_freed: called when a job takes up no slot any more, settled or lost.
        on_error: called with what went wrong.
        on_idle: called once when a claim finds nothing and nothing runs, until a job is claimed.
        failpoint: for tests.
    """

    def __init__(
        self,
        store: Store,
        queue: str,
        options: WorkerOptions,
        *,
        start: Callable[[Run], None],
        on_settled: Callable[[Run, Outcome], None],
        on_freed: Callable[[Run], None],
        on_error: Callable[[BaseException], None],
        on_idle: Callable[[], None],
        failpoint: FailPoint,
    ) -> None:
        self._store = store
        self._queue = queue
        self._concurrency = options.concurrency
        self._lock_ms = options.lock_ms
        self._rate = options.rate
        self._name = options.name
        self._start = start
        self._on_settled = on_settled
        self._on_freed = on_freed
        self._on_error = on_error
        self._on_idle = on_idle
        self._failpoint = failpoint
        self._loop = asyncio.get_running_loop()
        self._tokens = TokenSource()
        self._settler = Settler(store, queue, options)
        self._outcomes: list[Ended] = []
        self._claimed: list[Run] = []
        self._busy = 0
        self._asked = 0
        self._trips: set[Trip] = set()
        self._woken = False
        self._claiming = True
        self._stopping = False
        self._over = self._loop.create_future()
        self._hungry = True
        self._heard = False
        self._idle = False
        self._pause = 0.0
        self._resting = False
        self._look_again = 0.0
        self._held_until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._passing: asyncio.Future[Claimed] | None = None
        self._most = (options.concurrency + 1) // 2
        self._drain_ms = duration_ms(options.drain_delay)
        self._ear = Ear(
            store.wakeup(queue, options.name),
            longest_ms=self._drain_ms,
            on_sign=self._hear,
            on_error=on_error,
        )
        self._firings: set[asyncio.Task[None]] = set()

    def settle(self, run: Run, outcome: Outcome | None) -> None:
        """Hand over what became of a job; None when it is lost and only frees its slot."""
        if isinstance(outcome, Throttled):
            # Also where no limit gives a number: there the store's hold holds nobody.
            self._hold(outcome.duration_ms)
        self._outcomes.append((run, outcome))
        self._busy -= 1
        if not self._busy:
            # There is no other end to wait for.
            self._go()
        else:
            self._wake()

    def stop_claiming(self) -> None:
        """Claim no more for now."""
        self._claiming = False

    def resume_claiming(self) -> None:
        """Claim again after `stop_claiming`."""
        self._claiming = True
        self._hungry = True
        self._wake()

    def stop(self) -> None:
        """Claim no more; `pump` ends when everything that runs is settled."""
        self._claiming = False
        self._stopping = True
        self._wake()

    async def pump(self) -> None:
        """Go on until it is stopped and everything is settled."""
        self._ear.attend()
        self._go()
        try:
            await self._over
        finally:
            self._stop_timer()
            for trip in self._trips:
                trip.cancel()
            for firing in self._firings:
                firing.cancel()
            await self._ear.aclose()

    def _hold(self, duration_ms: int) -> None:
        """Claim nothing for so long."""
        self._held_until = max(self._held_until, monotonic() + duration_ms / 1000)
        self._hungry = True

    # What happens next

    def _wake(self) -> None:
        """Look what is to be done, after all that is ready now."""
        if not self._woken:
            self._woken = True
            self._loop.call_soon(self._wake_up)

    def _wake_up(self) -> None:
        self._woken = False
        self._go()

    def _go(self) -> None:
        """Send what there is to send; otherwise wait for something to happen."""
        if self._over.done():
            return
        if self._resting or (self._trips and not self._may_follow()):
            self._start_claimed()
            return
        self._stop_timer()
        try:
            self._next()
        except Exception as error:  # noqa: BLE001 - a loop that dies would be silent
            self._rest(error)

    def _may_follow(self) -> bool:
        """Whether there is enough for a trip beside the one on its way."""
        return len(self._trips) < _MOST_TRIPS and len(self._outcomes) >= self._most

    def _next(self) -> None:
        free = self._concurrency - self._busy - self._asked
        able = self._claiming and free > 0
        held = max(0.0, self._held_until - monotonic()) if self._held_until else 0.0
        if not held:
            self._held_until = 0.0
        if self._heard and not self._outcomes and not (able and self._hungry):
            self._take_sign(able=able, held=held)
        asking = able and not held and (self._hungry or bool(self._outcomes))
        if self._outcomes or asking:
            self._depart(min(free, self._most) if asking else 0)
            return
        self._start_claimed()
        if self._stopping and not self._busy:
            self._over.set_result(None)
        elif able:
            if not held:
                self._ear.listen()
            seconds = held or max(0.0, self._look_again - monotonic())
            self._timer = self._loop.call_later(seconds, self._look)

    def _take_sign(self, *, able: bool, held: float) -> None:
        """A wake-up that is heard with full hands is another worker's."""
        self._heard = False
        self._hungry = self._hungry or able
        if not able or held:
            self._passing = begun(self._claim_nothing)
            self._passing.add_done_callback(self._passed)

    def _claim_nothing(self) -> Awaitable[Claimed]:
        return self._claim(0, self._tokens.new_token())

    def _passed(self, passing: asyncio.Future[Claimed]) -> None:
        error = None if passing.cancelled() else passing.exception()
        if error is not None:
            self._on_error(error)

    def _hear(self) -> None:
        self._heard = True
        self._wake()

    def _look(self) -> None:
        self._hungry = True
        self._go()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _rest(self, error: BaseException) -> None:
        """Try again after a pause, a longer one each time."""
        self._on_error(error)
        if not isinstance(error, (StoreUnavailable, StoreFull)):
            _log.error("a round trip for queue %r failed", self._queue, exc_info=error)
        self._start_claimed()
        if self._resting:
            return
        self._pause = min(_LONGEST_PAUSE, self._pause * 2 or _FIRST_PAUSE)
        self._resting = True
        self._timer = self._loop.call_later(self._pause, self._resume)

    def _resume(self) -> None:
        self._resting = False
        self._go()

    # A round trip

    def _depart(self, limit: int) -> None:
        """Settle and claim: the verbs are called in one tick, the engine groups them."""
        gathered, self._outcomes = self._outcomes, []
        token = self._tokens.new_token()
        load = _Load(
            settling=self._settler.settle(gathered),
            lost=[run for run, outcome in gathered if outcome is None],
            claiming=begun(lambda: self._claim(limit, token)) if limit else None,
            token=token,
            limit=limit,
        )
        if self._claimed:
            # Let the trip go out first: the store works while these do.
            self._loop.call_soon(self._start_claimed)
        trip = Trip(load.calls(), on_back=lambda: self._return(trip, load))
        self._trips.add(trip)
        self._asked += limit
        self._failpoint("pump.before_answer")

    def _claim(self, limit: int, token: str) -> Awaitable[Claimed]:
        return self._store.claim(
            self._queue,
            limit,
            token=token,
            lock_ms=self._lock_ms,
            worker=self._name,
            rate=self._rate,
        )

    def _return(self, trip: Trip, load: _Load) -> None:
        self._trips.discard(trip)
        self._asked -= load.limit
        try:
            self._failpoint("pump.after_answer")
            problem = self._unload(load)
        except Exception as error:  # noqa: BLE001 - a loop that dies would be silent
            problem = error
        if problem is not None:
            self._rest(problem)
        else:
            self._pause = 0.0
            self._go()

    def _unload(self, load: _Load) -> BaseException | None:
        """Take every answer; the error, if one of them is one."""
        problem: BaseException | None = None
        for items, call in load.settling:
            error = call.exception()
            if error is None:
                self._answered(items, call.result())
            else:
                problem = error
                # Kept: what was sent may have happened, and sending it again is harmless.
                self._outcomes[:0] = items
                for run, _ in items:
                    run.in_doubt = True
        for run in load.lost:
            self._free(run)
        if load.claiming is not None:
            error = load.claiming.exception()
            if error is None:
                self._take(load.claiming.result(), load.token, load.limit)
            else:
                problem = error
                self._hungry = True
        return problem

    def _answered(self, items: Sequence[Ended], answers: Sequence[object]) -> None:
        for (run, outcome), answer in zip(items, answers, strict=True):
            if outcome is None:
                continue
            again = self._settler.judge(run, outcome, answer)
            if again is not None:
                self._outcomes.append((run, again))
                continue
            # Sent again after a lost answer, it was done if retention has removed the job since.
            was_done = run.in_doubt and isinstance(answer, JobNotFound)
            if isinstance(answer, OxherdError) and not was_done:
                self._on_error(answer)
            else:
                self._on_settled(run, outcome)
            self._free(run)

    def _free(self, run: Run) -> None:
        self._on_freed(run)

    def _take(self, claimed: Claimed, token: str, limit: int) -> None:
        firing = self._fire([job for job in claimed.jobs if job.schedule_id is not None])
        self._busy += len(claimed.jobs)
        for record in claimed.jobs:
            run = Run(record, token, Job(record, self._store, token))
            if record.schedule_id is not None:
                run.firing = firing
            self._claimed.append(run)
        self._hungry = len(claimed.jobs) >= limit
        if claimed.retry_after_ms:
            # Not for longer: the limit may be lifted meanwhile, which nobody hears.
            self._hold(min(claimed.retry_after_ms, self._drain_ms))
        if claimed.jobs:
            # Not at once: an outcome may come any moment, and its trip asks as well.
            if self._look_again <= monotonic():
                self._look_again = monotonic() + _ASK_AGAIN
            self._idle = False
            return
        wait_ms = self._drain_ms if claimed.due_in_ms is None else max(0, claimed.due_in_ms)
        self._look_again = monotonic() + min(wait_ms, self._drain_ms) / 1000
        kept_back = claimed.paused or claimed.retry_after_ms
        if not (kept_back or self._busy or self._outcomes or self._trips or self._idle):
            self._idle = True
            self._on_idle()

    def _fire(self, records: Sequence[JobRecord]) -> asyncio.Task[None] | None:
        """Have the followers of scheduled jobs made; the jobs wait for this task."""
        if not records:
            return None
        task = asyncio.ensure_future(
            fire(self._store, self._queue, records, on_error=self._on_error)
        )
        self._firings.add(task)
        task.add_done_callback(self._firings.discard)
        return task

    def _start_claimed(self) -> None:
        claimed, self._claimed = self._claimed, []
        for run in claimed:
            self._start(run)


@dataclass(frozen=True, slots=True)
class _Load:
    """What a trip carries."""

    settling: list[Settling]
    lost: list[Run]
    claiming: asyncio.Future[Claimed] | None
    token: str
    limit: int

    def calls(self) -> list[asyncio.Future[Any]]:
        calls: list[asyncio.Future[Any]] = [call for _, call in self.settling]
        return calls if self.claiming is None else [*calls, self.claiming]
