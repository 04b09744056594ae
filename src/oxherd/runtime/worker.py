"""Worker: starts, runs jobs of one queue, and stops without losing any."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from oxherd.domain.codec import decode
from oxherd.domain.errors import Closed
from oxherd.domain.names import check_queue_name
from oxherd.domain.outcome import Completion, Failure, Held, Outcome, Released
from oxherd.runtime.callbacks import Callback, Callbacks
from oxherd.runtime.locks import LockRenewal
from oxherd.runtime.processors import Processors
from oxherd.runtime.pump import Pump
from oxherd.runtime.runner import CLOSING, LOCK_LOST, Run, Runner
from oxherd.runtime.tenancy import Tenancy
from oxherd.runtime.upkeep import keep_up
from oxherd.runtime.worker_options import WorkerOptions, milliseconds
from oxherd.store import no_failpoint

if TYPE_CHECKING:
    from oxherd.store import FailPoint, Store

_log: Final = logging.getLogger("oxherd.worker")

EVENTS: Final = (
    "active", "closed", "completed", "drained", "error", "failed", "paused", "resumed", "stalled",
)  # fmt: skip

_LAST_WORDS: Final = 5.0
"""Seconds that closing waits for the store to take the last outcomes, and for callbacks."""


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
        self.queue_name = check_queue_name(queue)
        self.options = options or WorkerOptions()
        self._processors = Processors(processor, self.options.run_in)
        self._tenancy = Tenancy(store, "worker")
        self._failpoint = failpoint
        self._callbacks = Callbacks(EVENTS)
        self._runs: dict[Held, Run] = {}
        self._task: asyncio.Task[None] | None = None
        self._pump: Pump | None = None
        self._closing: asyncio.Task[None] | None = None
        self._paused = False
        if self.options.autorun:
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                return
            self._start()

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

        `active` (job), `completed` (job, result), `failed` (job, reason), `stalled` (job id),
        `drained` (), `error` (error), `paused` (), `resumed` (), `closed` ().

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
            limit = milliseconds(self.options.grace if grace is None else grace) / 1000
            self._closing = asyncio.ensure_future(self._close(limit))
        elif grace is not None and not self._closing.done() and not milliseconds(grace):
            self._cancel_all()
        current = asyncio.current_task()
        inside = any(run.task is current for run in self._runs.values())
        if not inside and not self._callbacks.is_running(current):
            await asyncio.shield(self._closing)

    async def aclose(self) -> None:
        """The same as `close()`."""
        await self.close()

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
        )
        runner = Runner(self._processors, options, store)
        pump = self._pump = Pump(
            store,
            self.queue_name,
            options,
            start=lambda run: self._begin(run, runner, locks),
            on_settled=self._settled,
            on_freed=lambda run: self._forget(run, locks),
            on_error=self._error,
            on_idle=lambda: self._callbacks.emit("drained"),
            failpoint=self._failpoint,
        )
        if self._paused or self._closing is not None:
            pump.stop_claiming()
        upkeep = asyncio.ensure_future(
            keep_up(
                store,
                self.queue_name,
                options,
                on_stalled=lambda job_id: self._callbacks.emit("stalled", job_id),
                on_error=self._error,
            )
        )
        try:
            await pump.pump(until_stopped=lambda: self._closing is not None)
        finally:
            upkeep.cancel()
            await asyncio.wait([upkeep])
            await locks.aclose()
            await runner.aclose()

    async def _close(self, grace: float) -> None:
        if self._task is not None:
            if self._pump is not None:
                self._pump.stop_claiming()
            await asyncio.wait([self._task], timeout=grace)
            if not self._task.done():
                self._cancel_all()
                await asyncio.wait([self._task], timeout=_LAST_WORDS / 2)
            if not self._task.done():
                for run in list(self._runs.values()):
                    self._hand_over(run, Released(run.record.id, run.token))
                await asyncio.wait([self._task], timeout=_LAST_WORDS / 2)
            if not self._task.done():
                _log.warning(
                    "worker of queue %r closes with %d unsettled jobs; they stall and run again",
                    self.queue_name,
                    len(self._runs),
                )
                self._task.cancel()
            await asyncio.wait([self._task])
            if not self._task.cancelled() and (error := self._task.exception()) is not None:
                self._error(error)
        self._callbacks.emit("closed")
        await self._callbacks.settle(_LAST_WORDS)
        await self._tenancy.aclose()

    # The life of a job

    def _begin(self, run: Run, runner: Runner, locks: LockRenewal) -> None:
        self._runs[run.held] = run
        locks.hold(run.held, run.record.name)
        if self._callbacks.wanted("active"):
            self._callbacks.emit("active", run.job)
        run.task = asyncio.ensure_future(self._process(run, runner))

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

    def _settled(self, run: Run, outcome: Outcome) -> None:
        match outcome:
            case Completion():
                if self._callbacks.wanted("completed"):
                    self._callbacks.emit("completed", run.job, decode(outcome.result))
            case Failure():
                _log.warning(
                    "job %r (%s) of queue %r failed: %s",
                    run.record.id, run.record.name, self.queue_name, outcome.reason,
                    extra=_fields(run),
                )  # fmt: skip
                self._callbacks.emit("failed", run.job, outcome.reason)
            case _:
                pass

    def _lost(self, lost: Sequence[Held]) -> None:
        for held in lost:
            run = self._runs.get(held)
            if run is not None:
                _log.warning(
                    "the lock of job %r of queue %r was lost; its processor is stopped",
                    run.record.id, self.queue_name,
                    extra=_fields(run),
                )  # fmt: skip
                run.cancel(LOCK_LOST)

    def _cancel_all(self) -> None:
        for run in list(self._runs.values()):
            run.cancel(CLOSING)

    def _error(self, error: BaseException) -> None:
        _log.warning("worker of queue %r: %s", self.queue_name, error)
        self._callbacks.emit("error", error)


def _fields(run: Run) -> dict[str, Any]:
    """What a log record tells about a job."""
    return {
        "job_id": run.record.id,
        "queue": run.record.queue,
        "attempt": run.record.attempts_made + 1,
        "flow_id": run.record.flow_id,
    }
