"""The loop between a worker and its store: one round trip settles what ended and claims more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from oxherd.domain.checks import duration_ms
from oxherd.domain.errors import (
    HasFailedChildren,
    HasPendingChildren,
    JobNotFound,
    OxherdError,
    StoreFull,
    StoreUnavailable,
)
from oxherd.domain.outcome import (
    AwaitingChildren,
    Completion,
    Failure,
    Held,
    Outcome,
    Postponement,
    Released,
    Retrial,
    Throttled,
    failed,
    raised,
)
from oxherd.runtime.begun import all_done, begun
from oxherd.runtime.clock import monotonic
from oxherd.runtime.ear import Ear
from oxherd.runtime.firing import fire
from oxherd.runtime.ids import TokenSource
from oxherd.runtime.job import Job
from oxherd.runtime.runner import Run

if TYPE_CHECKING:
    from oxherd.domain.record import JobRecord
    from oxherd.runtime.worker_options import WorkerOptions
    from oxherd.store import Claimed, FailPoint, Store

_log: Final = logging.getLogger("oxherd.pump")

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0
_ASK_AGAIN: Final = 0.02
"""Seconds after which free slots ask again for when the next job is due, if nothing happened."""

Settled = Callable[[Run, Outcome], None]
Ended = tuple[Run, Outcome | None]


class Pump:
    """Keeps a worker's slots full, with one round trip at a time.

    Each trip carries every outcome that gathered since the last one, and claims jobs for half of
    the slots at most: one half is on its way while the other runs. Outcomes are kept, and sent
    again, until the store has answered.

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
        on_settled: Settled,
        on_freed: Callable[[Run], None],
        on_error: Callable[[BaseException], None],
        on_idle: Callable[[], None],
        failpoint: FailPoint,
    ) -> None:
        self._store = store
        self._queue = queue
        self._options = options
        self._start = start
        self._on_settled = on_settled
        self._on_freed = on_freed
        self._on_error = on_error
        self._on_idle = on_idle
        self._failpoint = failpoint
        self._tokens = TokenSource()
        self._outcomes: list[Ended] = []
        self._claimed: list[Run] = []
        self._running = 0
        self._hungry = True
        self._pause = 0.0
        self._look_again = 0.0
        self._held_until = 0.0
        self._idle = False
        self._rules = options.rules
        self._metrics = options.metrics or 0
        self._verbs = self._verbs_by_kind()
        self._concurrency = options.concurrency
        self._most = (options.concurrency + 1) // 2
        self._rate = options.rate
        self._lock_ms = options.lock_ms
        self._drain_ms = duration_ms(options.drain_delay)
        self._claiming = True
        self._news: asyncio.Future[None] | None = None
        self._heard = False
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
        self._tell()

    def stop_claiming(self) -> None:
        """Claim no more; the loop ends when everything that runs is settled."""
        self._claiming = False
        self._tell()

    def resume_claiming(self) -> None:
        """Claim again after `stop_claiming`."""
        self._claiming = True
        self._hungry = True
        self._tell()

    async def pump(self, *, until_stopped: Callable[[], bool]) -> None:
        """Go round until `until_stopped()` and everything is settled."""
        self._ear.attend()
        try:
            while self._running or self._outcomes or not until_stopped():
                await self._round()
        finally:
            for firing in self._firings:
                firing.cancel()
            await self._ear.aclose()

    def _hold(self, duration_ms: int) -> None:
        """Claim nothing for so long."""
        self._held_until = max(self._held_until, monotonic() + duration_ms / 1000)
        self._hungry = True

    async def _round(self) -> None:
        free = self._concurrency - self._running + len(self._outcomes)
        able = self._claiming and free > 0
        held = self._held_until - monotonic() if self._held_until else 0.0
        if held <= 0:
            self._held_until = held = 0.0
        asking = able and not held and (self._hungry or bool(self._outcomes))
        if not self._outcomes and not asking:
            if self._claimed:
                self._start_claimed()
            else:
                await self._listen(able=able, held=held)
            return
        try:
            await self._trip(min(free, self._most) if asking else 0)
            self._pause = 0.0
        except Exception as error:  # noqa: BLE001 - a loop that dies would be silent
            self._on_error(error)
            if not isinstance(error, (StoreUnavailable, StoreFull)):
                _log.exception("a round trip for queue %r failed", self._queue)
            self._start_claimed()
            self._pause = min(_LONGEST_PAUSE, self._pause * 2 or _FIRST_PAUSE)
            await asyncio.sleep(self._pause)

    async def _trip(self, limit: int) -> None:
        """Settle and claim: the verbs are called in one tick, the engine groups them."""
        gathered, self._outcomes = self._outcomes, []
        settling = self._settling(gathered)
        token = self._tokens.new_token()
        claiming = begun(partial(self._claim, limit, token)) if limit else None
        if self._claimed:
            # Let the trip go out first: the store works while these do.
            await asyncio.sleep(0)
            self._start_claimed()
        self._failpoint("pump.before_answer")
        calls: list[asyncio.Future[Any]] = [call for _, call in settling]
        await all_done(calls if claiming is None else [*calls, claiming])
        self._failpoint("pump.after_answer")
        problem: BaseException | None = None
        for items, call in settling:
            error = call.exception()
            if error is None:
                self._answered(items, call.result())
            else:
                problem = error
                # Kept: what was sent may have happened, and sending it again is harmless.
                self._outcomes[:0] = items
        for run, outcome in gathered:
            if outcome is None:
                self._free(run)
        if claiming is not None:
            error = claiming.exception()
            if error is None:
                self._take(claiming.result(), token, limit)
            else:
                problem = error
                self._hungry = True
        if problem is not None:
            raise problem

    def _claim(self, limit: int, token: str) -> Awaitable[Claimed]:
        return self._store.claim(
            self._queue,
            limit,
            token=token,
            lock_ms=self._lock_ms,
            worker=self._options.name,
            rate=self._rate,
        )

    def _settling(
        self, gathered: Sequence[Ended]
    ) -> list[tuple[list[Ended], asyncio.Future[list[Any]]]]:
        """One call for each kind of outcome that there is."""
        kinds: dict[type, list[Ended]] = {}
        for ended in gathered:
            if ended[1] is not None:
                kinds.setdefault(type(ended[1]), []).append(ended)
        return [
            (items, begun(partial(self._verbs[kind], [outcome for _, outcome in items])))
            for kind, items in kinds.items()
        ]

    def _verbs_by_kind(self) -> dict[type, Callable[[list[Any]], Awaitable[list[Any]]]]:
        store, queue = self._store, self._queue
        return {
            Completion: lambda items: store.complete(queue, items, metrics=self._metrics),
            Failure: lambda items: store.fail(queue, items, metrics=self._metrics),
            Retrial: lambda items: store.retry(queue, items),
            Postponement: lambda items: store.postpone(queue, items),
            AwaitingChildren: lambda items: store.await_children(queue, _held(items)),
            Released: lambda items: store.release(queue, _held(items)),
            Throttled: self._throttle,
        }

    async def _throttle(self, items: Sequence[Throttled]) -> list[Any]:
        """Hold the queue first: nobody may claim a job that is given back too soon."""
        await self._store.hold(self._queue, max(item.duration_ms for item in items))
        return await self._store.release(self._queue, _held(items))

    def _answered(self, items: Sequence[Ended], answers: Sequence[Any]) -> None:
        for (run, outcome), answer in zip(items, answers, strict=True):
            if outcome is None:
                continue
            again = self._judge(run, outcome, answer)
            if again is not None:
                self._outcomes.append((run, again))
                continue
            self._free(run)

    def _judge(self, run: Run, outcome: Outcome, answer: object) -> Outcome | None:
        """What to send next for an answered outcome, or None when the job is settled."""
        if answer is False:
            # Nothing to wait for: the job runs again at once.
            return Released(outcome.id, outcome.token)
        if isinstance(answer, HasPendingChildren):
            return raised(run.record, run.token, answer, self._rules, 0.0)
        if isinstance(answer, HasFailedChildren):
            return failed(run.record, run.token, answer, self._rules)
        if isinstance(answer, JobNotFound) and self._pause:
            # Sent again after a lost answer: it was done, and retention removed the job.
            answer = None
        if isinstance(answer, OxherdError):
            self._on_error(answer)
        else:
            self._on_settled(run, outcome)
        return None

    def _free(self, run: Run) -> None:
        self._running -= 1
        self._on_freed(run)

    def _take(self, claimed: Claimed, token: str, limit: int) -> None:
        firing = self._fire([job for job in claimed.jobs if job.schedule_id is not None])
        self._running += len(claimed.jobs)
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
        if not self._running and not kept_back and not self._idle:
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

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _hear(self) -> None:
        self._heard = True
        self._tell()

    def _look(self) -> None:
        self._hungry = True
        self._tell()

    async def _listen(self, *, able: bool, held: float) -> None:
        """Wait for an outcome, or with free slots for a sign that there may be jobs.

        Args:
            able: there are free slots to fill.
            held: for how many seconds no job may be claimed all the same.
        """
        if self._heard:
            self._heard = False
            self._hungry = self._hungry or able
            if not able or held:
                await self._pass_on()
            return
        if able and not held:
            self._ear.listen()
        loop = asyncio.get_running_loop()
        self._news = loop.create_future()
        seconds = held or max(0.0, self._look_again - monotonic())
        timer = loop.call_later(seconds, self._look) if able else None
        try:
            await self._news
        finally:
            if timer is not None:
                timer.cancel()

    async def _pass_on(self) -> None:
        """A wake-up heard with full hands is another worker's."""
        try:
            await self._store.claim(
                self._queue, 0, token=self._tokens.new_token(), lock_ms=self._lock_ms
            )
        except OxherdError as error:
            self._on_error(error)


def _held(items: Sequence[Held]) -> list[Held]:
    """Outcomes as no more than what they settle."""
    return [Held(item.id, item.token) for item in items]
