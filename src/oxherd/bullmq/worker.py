"""Worker: the official package's worker, over `runtime.Worker`."""

from __future__ import annotations

import asyncio
import functools
import inspect
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from oxherd.bullmq.errors import (
    DelayedError,
    RateLimitError,
    UnrecoverableError,
    WaitingChildrenError,
    WaitingError,
    is_connection_error,
)
from oxherd.bullmq.job import Job
from oxherd.bullmq.job_fetcher import JobFetcher
from oxherd.bullmq.lock_manager import LockManager
from oxherd.bullmq.options import keep_of, rate_limit_of
from oxherd.domain.signals import Release, Settled, Unrecoverable
from oxherd.runtime.clock import wall_ms
from oxherd.runtime.worker import Worker as RuntimeWorker
from oxherd.runtime.worker_options import WorkerOptions

if TYPE_CHECKING:
    from oxherd.domain.record import JobRecord
    from oxherd.runtime.cancellation import Cancellation
    from oxherd.runtime.job import Job as RuntimeJob

Processor = Callable[..., Awaitable[Any]]

DEFAULTS: Final[Mapping[str, Any]] = {
    "drainDelay": 5,
    "concurrency": 1,
    "lockDuration": 30_000,
    "maxStalledCount": 1,
    "stalledInterval": 30_000,
    "runRetryDelay": 15_000,
}
_SETTLED_BY_PROCESSOR: Final = (DelayedError, WaitingChildrenError, WaitingError)
_FOREVER: Final = 100 * 365 * 86_400.0
_WITH_SIGNAL: Final = 3


class Worker(JobFetcher):
    """Runs the jobs of a queue; begins at once unless `autorun` is false.

    Emits `active` (job, "waiting"), `completed` (job, result), `failed` (job, error) after each
    attempt that failed, `stalled` (job id), `drained` (), `error` (error), `paused` (),
    `resumed` (), `closing` (), `closed` (), `locksRenewed` ({count, jobIds}),
    `lockRenewalFailed` (ids).

    Args:
        name: the queue's name.
        processor: `async def` of (job, token) or (job, token, signal); None for a worker whose
            jobs are taken by hand with `getNextJob`.
        opts: the official package's options, in milliseconds.
    """

    def __init__(
        self, name: str, processor: Processor | None, opts: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(name, {**DEFAULTS, **(opts or {})})
        self.opts.setdefault("lockRenewTime", self.opts["lockDuration"] // 2)
        self.processor = processor
        self.id = uuid.uuid4().hex
        self.jobs: set[tuple[Job, str]] = set()
        self.forceClosing = False
        self.closed = False
        self.running = False
        self.paused = False
        self.lockManager = LockManager(
            self,
            self.opts["lockRenewTime"],
            self.opts["lockDuration"],
            self.id,
            self.workerName,
        )
        self._takes_signal = processor is not None and accepts_signal(processor)
        self._running: dict[RuntimeJob[Any, Any], Job] = {}
        self._ended: dict[RuntimeJob[Any, Any], Any] = {}
        """What the processor returned, or raised."""
        self._closed = asyncio.Lock()
        self._worker = self._make()
        self._task: asyncio.Task[None] | None = None
        if processor is not None and self.opts.get("autorun", True):
            self._task = asyncio.ensure_future(self.run())

    async def run(self) -> None:
        """Run until the worker is closed.

        Raises:
            Exception: it runs already.
        """
        if self.running:
            raise Exception("Worker is already running")  # noqa: TRY002 - the official class
        self.running = True
        self.lockManager.start()
        try:
            await self._worker.run()
        finally:
            self.running = False

    async def pause(self, do_not_wait_active: bool = False) -> None:
        """Take no more jobs, and wait for those that run unless told otherwise."""
        if not self.paused:
            self.paused = True
            self._worker.pause()
            while self._running and not do_not_wait_active:
                await asyncio.wait([asyncio.ensure_future(self._one_ends())])
        self.emit("paused")

    def resume(self) -> None:
        """Take jobs again."""
        if self.paused:
            self.paused = False
            self._worker.resume()
            self.emit("resumed")

    def isPaused(self) -> bool:
        """Whether the worker takes no jobs for now."""
        return self.paused

    def isRunning(self) -> bool:
        """Whether the worker runs."""
        return self.running

    @property
    def concurrency(self) -> int:
        """How many jobs run at once."""
        return int(self.opts["concurrency"])

    async def close(self, force: bool = False) -> None:
        """Take no more jobs and wait for those that run; with `force` leave them: they stall."""
        if not self.closing:
            self.closing = True
            self.paused = False
            self.emit("closing")
        if force:
            self.forceClosing = True
            self.lockManager.cancel_all_jobs("worker force-closed")
            await self._worker.abandon()
        async with self._closed:
            if self.closed:
                return
            await self._worker.close(grace=_FOREVER)
            if self._task is not None:
                await asyncio.wait([self._task])
            await self.lockManager.close()
            await self.connection.close()
            self.closed = True
            self.emit("closed")

    def cancelJob(self, job_id: str, reason: str | None = None) -> bool:
        """Ask a job's processor to stop, by its signal; False when it takes none."""
        return self.lockManager.cancel_job(job_id, reason)

    def cancelAllJobs(self, reason: str | None = None) -> None:
        """Ask all processors to stop that take a signal."""
        self.lockManager.cancel_all_jobs(reason)

    def cancelProcessing(self) -> None:
        """Cancel what runs; the jobs stall and run again."""
        self._worker.cancel_running()

    def isConnectionError(self, error: BaseException) -> bool:
        """Whether an error says that the server cannot be reached for now."""
        return is_connection_error(error, self.connection)

    async def extendLocks(self) -> None:
        """Renew the locks of all running jobs now."""
        await self._worker.extend_locks()

    async def runStalledJobsCheck(self) -> None:
        """Look for stalled jobs now."""
        rescued = await self.connection.store.rescue(
            self.name,
            max_stalled_count=self.opts["maxStalledCount"],
            interval_ms=self.opts["stalledInterval"],
        )
        for job_id in rescued.jobs:
            self.emit("stalled", job_id)

    # Over the runtime's worker

    def _make(self) -> RuntimeWorker:
        opts = self.opts
        options = WorkerOptions(
            concurrency=opts["concurrency"],
            run_in="loop",
            name=self.workerName,
            lock_duration=opts["lockDuration"] / 1000,
            lock_renew_time=opts["lockRenewTime"] / 1000 or None,
            stalled_interval=opts["stalledInterval"] / 1000,
            max_stalled_count=opts["maxStalledCount"],
            max_started_attempts=opts.get("maxStartedAttempts"),
            limiter=rate_limit_of(opts.get("limiter")),
            metrics=(opts.get("metrics") or {}).get("maxDataPoints"),
            drain_delay=opts["drainDelay"],
            remove_on_complete=keep_of(opts.get("removeOnComplete")),
            remove_on_fail=keep_of(opts.get("removeOnFail")),
            backoffs=_Strategies((opts.get("settings") or {}).get("backoffStrategy")),
            autorun=False,
        )
        worker = _AnyNameWorker(
            self.name, self._process, store=self.connection.store, options=options
        )
        worker.on("active", self._begin)
        worker.on("completed", self._complete)
        worker.on("failed", self._fail)
        worker.on("retrying", self._fail)
        for event in ("stalled", "drained", "error"):
            worker.on(event, functools.partial(self.emit, event))
        worker.on("locks_renewed", self.lockManager.renewed)
        worker.on("locks_lost", self.lockManager.lost)
        return worker

    def _begin(self, job: RuntimeJob[Any, Any]) -> None:
        self._running[job] = own = Job.of(self, job.record, job.token)
        self.jobs.add((own, own.token or ""))
        self.emit("active", own, "waiting")

    async def _process(
        self, job: RuntimeJob[Any, Any], token: str, cancellation: Cancellation
    ) -> Any:
        del cancellation
        assert self.processor is not None
        own = self._running[job]
        controller = self.lockManager.track_job(own.id, token, wall_ms(), self._takes_signal)
        given = (own, token) if controller is None else (own, token, controller.signal)
        try:
            self._ended[job] = await self.processor(*given)
        except _SETTLED_BY_PROCESSOR:
            self._let_go(job)
            raise Settled from None
        except RateLimitError:
            self._let_go(job)
            raise Release from None
        except Exception as error:
            self._ended[job] = error
            if own.discarded or isinstance(error, UnrecoverableError):
                raise Unrecoverable(str(error)).with_traceback(error.__traceback__) from None
            raise
        except BaseException:
            self._let_go(job)
            raise
        return self._ended[job]

    def _complete(self, job: RuntimeJob[Any, Any], result: Any) -> None:
        returned = self._ended.get(job, result)
        own = self._let_go(job)
        own.returnvalue = returned
        own.attemptsMade += 1
        self.emit("completed", own, returned)

    def _fail(self, job: RuntimeJob[Any, Any], reason: str) -> None:
        raised = self._ended.get(job)
        error = raised if isinstance(raised, Exception) else UnrecoverableError(reason)
        own = self._let_go(job)
        own.failedReason = reason
        own.attemptsMade += 1
        self.emit("failed", own, error)

    def _let_go(self, job: RuntimeJob[Any, Any]) -> Job:
        own = self._running.pop(job)
        self._ended.pop(job, None)
        self.jobs.discard((own, own.token or ""))
        self.lockManager.untrack_job(own.id)
        return own

    async def _one_ends(self) -> None:
        before = len(self._running)
        while self._running and len(self._running) >= before:
            await self._worker.wait_for_end()


class _AnyNameWorker(RuntimeWorker):
    """The official package lets a queue have any name, even none."""

    def _checked_name(self, queue: str) -> str:
        return queue


class _Strategies(Mapping[str, Callable[[int, BaseException, "JobRecord"], "float | None"]]):
    """One function of the user's for every name of a backoff that is not built in."""

    def __init__(self, strategy: Callable[..., Any] | None) -> None:
        self._strategy = strategy

    def __getitem__(self, name: str) -> Callable[[int, BaseException, JobRecord], float | None]:
        strategy = self._strategy
        if strategy is None:
            raise KeyError(name)

        def seconds(attempt: int, error: BaseException, record: JobRecord) -> float | None:
            delay = strategy(attempt, name, error, record)
            return None if delay == -1 else (delay or 0) / 1000

        return seconds

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def accepts_signal(processor: Callable[..., Any]) -> bool:
    """Whether a processor takes a third argument by its place."""
    try:
        parameters = inspect.signature(processor).parameters.values()
    except (TypeError, ValueError):
        return False
    kinds = inspect.Parameter
    by_place = [
        one
        for one in parameters
        if one.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)
    ]
    return len(by_place) >= _WITH_SIGNAL or any(
        one.kind is kinds.VAR_POSITIONAL for one in parameters
    )


__all__ = ["Worker"]
