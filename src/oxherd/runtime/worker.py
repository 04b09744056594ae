"""Worker: starts, runs jobs of one queue, and stops without losing any."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from oxherd.domain.checks import duration_ms
from oxherd.domain.errors import Closed
from oxherd.domain.names import check_queue_name
from oxherd.domain.outcome import Held, Outcome, Released
from oxherd.runtime.callbacks import Callback, Callbacks
from oxherd.runtime.locks import LockRenewal
from oxherd.runtime.processors import Processors
from oxherd.runtime.pump import Pump
from oxherd.runtime.reports import Reports
from oxherd.runtime.runner import CLOSING, LOCK_LOST, Run, Runner
from oxherd.runtime.tenancy import Tenancy
from oxherd.runtime.upkeep import keep_up
from oxherd.runtime.worker_options import WorkerOptions
from oxherd.store import no_failpoint

if TYPE_CHECKING:
    from oxherd.store import FailPoint, Store

_log: Final = logging.getLogger("oxherd.worker")

EVENTS: Final = (
    "active", "closed", "completed", "drained", "error", "failed", "locks_lost", "locks_renewed",
    "paused", "resumed", "retrying", "stalled",
)  # fmt: skip

_LAST_WORDS: Final = 5.0
"""Seconds that closing waits for processors that were cancelled, and for callbacks."""

_LAST_ANSWER: Final = 0.5
"""Seconds that closing waits for a store that does not answer, besides the running jobs' grace."""


class Worker:
    """Runs the jobs of a queue.

    Args:
        queue: the queue's name.
        processor: a function of (job), (job, token) or (job, token, cancellation), `async def` or
            plain; or a mapping from job names to such functions.
        store: a store, its URL, or nothing for the default.
        options: `WorkerOptions`.
        failpoint: for tests.

    Raises:
        InvalidOption: an option or a processor is impossible.
    """

    def __init__(
        self,
        queue: str,
        processor: Callable[..., Any] | Mapping[str, Callable[..., Any]],
        *,
        store: Store | str | None = None,
        options: WorkerOptions | None = None,
        failpoint: FailPoint = no_failpoint,
    ) -> None:
        self.queue_name = self._checked_name(queue)
        self.options = options or WorkerOptions()
        self._processors = Processors(processor, self.options.run_in)
        self._tenancy = Tenancy(store, "worker")
        self._failpoint = failpoint
        self._callbacks = Callbacks(EVENTS)
        self._reports = Reports(self.queue_name, self._callbacks)
        self._runs: dict[Held, Run] = {}
        self._task: asyncio.Task[None] | None = None
        self._pump: Pump | None = None
        self._closing: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._end: asyncio.Future[None] | None = None
        self._paused = False
        self._giving_back = asyncio.Event()
        if self.options.autorun:
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                return
            self._start()

    def _checked_name(self, queue: str) -> str:
        return check_queue_name(queue)

    async def __aenter__(self) -> Self:
        self._start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def on(self, event: str, callback: Callback) -> None:
        """Call `callback` when something happens; plain or `async def`.

        `active` (job), `completed` (job, result), `failed` (job, reason), `retrying` (job,
        reason), `stalled` (job id), `drained` (), `error` (error), `paused` (), `resumed` (),
        `closed` (), `locks_renewed` (job ids), `locks_lost` (job ids).

        Raises:
            InvalidOption: there is no such event.
        """
        self._callbacks.on(event, callback)

    @property
    def store(self) -> Store:
        """The store it works on.

        Raises:
            Closed: the worker was closed.
        """
        return self._tenancy.store

    @property
    def running(self) -> int:
        """How many jobs this worker has now."""
        return len(self._runs)

    async def run(self) -> None:
        """Run until the worker is closed or this call is cancelled, which closes it.

        It joins a worker that runs already.

        Raises:
            Closed: the worker was closed before.
        """
        self._start()
        assert self._task is not None
        try:
            await asyncio.shield(self._task)
        except asyncio.CancelledError:
            await self.close()
            task = asyncio.current_task()
            if not self._task.cancelled() or (task is not None and task.cancelling()):
                raise
        if self._closing is not None:
            await asyncio.shield(self._closing)

    def pause(self) -> None:
        """Claim no more jobs for now; running ones run on."""
        if not self._paused:
            self._paused = True
            if self._pump is not None:
                self._pump.stop_claiming()
            self._callbacks.emit("paused")

    def resume(self) -> None:
        """Claim jobs again."""
        if self._paused:
            self._paused = False
            if self._pump is not None:
                self._pump.resume_claiming()
            self._callbacks.emit("resumed")

    async def close(self, grace: float | timedelta | None = None) -> None:
        """Claim no more, let running jobs run up to `grace` seconds, then give them back.

        A job that is given back spends no attempt. Harmless when repeated. A processor or a
        callback of this worker may call it too; there it only begins to close, and does not wait.
        """
        if self._closing is None:
            limit = duration_ms(self.options.grace if grace is None else grace) / 1000
            if self._pump is not None:
                self._pump.stop()
            self._closing = asyncio.ensure_future(self._close(limit))
        elif grace is not None and not self._closing.done() and not duration_ms(grace):
            self._cancel_all()
        current = asyncio.current_task()
        inside = any(run.task is current for run in self._runs.values())
        if not inside and not self._callbacks.is_running(current):
            await asyncio.shield(self._closing)

    async def aclose(self) -> None:
        """The same as `close()`."""
        await self.close()

    async def abandon(self) -> None:
        """Stop at once and leave the running jobs as they are: they stall, and run again."""
        for run in list(self._runs.values()):
            run.ended = True
        if self._task is not None:
            self._task.cancel()
        await self.close(0)

    def cancel_job(self, job_id: str, reason: str = "the job was cancelled") -> bool:
        """Cancel the processor of a job that this worker has; False when it has no such job.

        A coroutine ends there, which is a failed attempt with that reason; a plain function is
        only told, and its slot is free at once.
        """
        runs = [run for run in list(self._runs.values()) if run.record.id == job_id]
        for run in runs:
            run.cancel(reason)
        return bool(runs)

    def cancel_running(self) -> None:
        """Cancel all processors and leave their jobs as they are: they stall, and run again."""
        for run in list(self._runs.values()):
            self._hand_over(run, None)
            run.cancel(CLOSING)

    async def extend_locks(self) -> None:
        """Renew the locks of all running jobs now; the worker does it in time by itself."""
        held = list(self._runs)
        if held:
            answers = await self.store.extend_locks(self.queue_name, held, self.options.lock_ms)
            pairs = list(zip(held, answers, strict=True))
            self._reports.renewed([item for item, refusal in pairs if refusal is None])
            self._lost([item for item, refusal in pairs if refusal is not None])

    async def wait_for_end(self) -> None:
        """Return when one of the running jobs has ended; at once when none is running."""
        if self._runs:
            if self._end is None:
                self._end = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._end)

    # The life of the worker

    def _start(self) -> None:
        if self._closing is not None:
            raise Closed("this worker is closed; make a new one")
        if self._task is None:
            self._task = asyncio.ensure_future(self._work(self._tenancy.store))

    async def _work(self, store: Store) -> None:
        options = self.options
        locks = LockRenewal(
            store,
            self.queue_name,
            lock_ms=options.lock_ms,
            renew_ms=options.renew_ms,
            on_lost=self._lost,
            on_renewed=self._reports.renewed,
        )
        runner = Runner(self._processors, options, store)
        pump = self._pump = Pump(
            store,
            self.queue_name,
            options,
            start=lambda run: self._begin(run, runner, locks),
            on_settled=self._reports.settled,
            on_freed=lambda run: self._forget(run, locks),
            on_error=self._reports.error,
            on_idle=lambda: self._callbacks.emit("drained"),
            failpoint=self._failpoint,
        )
        if self._paused:
            pump.stop_claiming()
        if self._closing is not None:
            pump.stop()
        upkeep = asyncio.ensure_future(
            keep_up(
                store,
                self.queue_name,
                options,
                on_stalled=lambda job_id: self._callbacks.emit("stalled", job_id),
                on_error=self._reports.error,
            )
        )
        try:
            # The first look for lost jobs goes out before the first claim, as in BullMQ.
            await asyncio.sleep(0)
            await pump.pump()
        finally:
            # Closing may cancel this task, but must not leave a process or a thread behind.
            self._ending = asyncio.ensure_future(_end(upkeep, locks, runner))
            await asyncio.shield(self._ending)

    async def _close(self, grace: float) -> None:
        if self._task is not None:
            if not grace:
                self._cancel_all()
            if not self._runs:
                # A claim may be under way, and bring jobs.
                await asyncio.wait([self._task], timeout=_LAST_ANSWER)
            if self._runs:
                await self._wait(self._task, grace)
            if self._runs:
                await self._give_back(self._task)
            if not self._task.done():
                if self._runs:
                    _log.warning(
                        "worker of queue %r closes with %d unsettled jobs;"
                        " they stall and run again",
                        self.queue_name,
                        len(self._runs),
                    )
                self._task.cancel()
            await asyncio.wait([self._task])
            if self._ending is not None:
                await self._ending
            if not self._task.cancelled() and (error := self._task.exception()) is not None:
                self._reports.error(error)
        self._tell_end()
        self._callbacks.emit("closed")
        await self._callbacks.settle(_LAST_WORDS)
        await self._tenancy.aclose()

    async def _wait(self, working: asyncio.Task[None], grace: float) -> None:
        """Let running jobs run, unless somebody who closes as well has no time."""
        hurry = asyncio.ensure_future(self._giving_back.wait())
        await asyncio.wait([working, hurry], timeout=grace, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()

    async def _give_back(self, working: asyncio.Task[None]) -> None:
        """Cancel what runs; what ignores that is given back all the same."""
        self._cancel_all()
        running = [run.task for run in self._runs.values() if run.task is not None]
        if running:
            await asyncio.wait(running, timeout=_LAST_WORDS / 2)
        for run in list(self._runs.values()):
            self._hand_over(run, Released(run.record.id, run.token))
        await asyncio.wait([working], timeout=_LAST_ANSWER)

    # The life of a job

    def _begin(self, run: Run, runner: Runner, locks: LockRenewal) -> None:
        self._runs[run.held] = run
        locks.hold(run.held, run.record.name)
        if self._giving_back.is_set():
            self._hand_over(run, Released(run.record.id, run.token))
            return
        if self._callbacks.wanted("active"):
            self._callbacks.emit("active", run.job)
        _start_task(self._process(run, runner))

    async def _process(self, run: Run, runner: Runner) -> None:
        outcome = await runner.run(run)
        self._failpoint("worker.before_settle")
        self._hand_over(run, outcome)

    def _hand_over(self, run: Run, outcome: Outcome | None) -> None:
        """Only the first outcome counts: a processor that ignores its cancellation may be late."""
        if not run.ended and self._pump is not None:
            run.ended = True
            self._pump.settle(run, outcome)

    def _forget(self, run: Run, locks: LockRenewal) -> None:
        """The store has answered: until then the lock is renewed, for the store may be down."""
        locks.drop(run.held)
        self._runs.pop(run.held, None)
        self._tell_end()

    def _tell_end(self) -> None:
        if self._end is not None:
            self._end.set_result(None)
            self._end = None

    def _lost(self, lost: Sequence[Held]) -> None:
        runs = [run for run in map(self._runs.get, lost) if run is not None]
        if runs:
            self._reports.lost(runs)
        for run in runs:
            run.cancel(LOCK_LOST)

    def _cancel_all(self) -> None:
        self._giving_back.set()
        for run in list(self._runs.values()):
            run.cancel(CLOSING)


if sys.version_info >= (3, 12):

    def _start_task(work: Coroutine[Any, Any, None]) -> None:
        """Run `work` as a task, its first step at once: many a processor needs no second."""
        asyncio.Task(work, loop=asyncio.get_running_loop(), eager_start=True)

else:

    def _start_task(work: Coroutine[Any, Any, None]) -> None:
        """Run `work` as a task, from the next turn of the loop."""
        asyncio.get_running_loop().create_task(work)


async def _end(upkeep: asyncio.Task[None], locks: LockRenewal, runner: Runner) -> None:
    upkeep.cancel()
    await asyncio.wait([upkeep])
    await locks.aclose()
    await runner.aclose()
