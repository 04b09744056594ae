"""One job: call its processor where it runs, within its time, and say what became of it."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import anyio
import anyio.to_thread
import msgspec

from oxherd.domain.checks import duration_ms
from oxherd.domain.errors import NotSerializable, OxherdError
from oxherd.domain.outcome import Held, Outcome, Released, completed, condemned, failed, raised
from oxherd.domain.signals import Settled
from oxherd.runtime.blocking_job import ASKABLE, BlockingJob
from oxherd.runtime.cancellation import Cancellation
from oxherd.runtime.job import Job
from oxherd.runtime.process_pool import Order, ProcessPool

if TYPE_CHECKING:
    from oxherd.domain.record import JobRecord
    from oxherd.runtime.processors import Processor, Processors
    from oxherd.runtime.worker_options import WorkerOptions
    from oxherd.store import Store

CLOSING: Final = "the worker is closing"
LOCK_LOST: Final = "the lock of the job was lost"


@dataclass(slots=True, eq=False)
class Run:
    """A claimed job on its way through a processor."""

    record: JobRecord
    token: str
    job: Job[Any, Any]
    cancellation: Cancellation = field(default_factory=Cancellation)
    task: asyncio.Task[None] | None = None
    """The one that runs it, from its first step on."""
    firing: asyncio.Task[None] | None = None
    """Has the next job of its schedule made; the job waits for it."""
    ended: bool = False
    """Its outcome was handed over."""
    in_doubt: bool = False
    """Its outcome was sent, and not answered."""
    held: Held = field(init=False)
    """The claim."""

    def __post_init__(self) -> None:
        self.held = Held(self.record.id, self.token)

    def cancel(self, reason: str) -> None:
        """Stop the processor; a plain function in a thread is only told."""
        self.cancellation.set(reason)
        # A task that is cancelled before its first step would never say what became of the job.
        if self.task is not None:
            self.task.cancel(reason)


class Runner:
    """Runs claimed jobs; whatever a processor raises becomes an outcome."""

    def __init__(self, processors: Processors, options: WorkerOptions, store: Store) -> None:
        self._processors = processors
        self._options = options
        self._rules = options.rules
        self._store = store
        self._threads = anyio.CapacityLimiter(options.concurrency)
        self._processes = ProcessPool()
        self._random = random.Random()  # noqa: S311 - jitter, not a secret

    async def run(self, run: Run) -> Outcome | None:
        """The outcome of a job; None when it is not this worker's to settle any more."""
        record, token = run.record, run.token
        run.task = asyncio.current_task()
        if run.cancellation.is_set():
            return self._after(run, asyncio.CancelledError())
        try:
            if run.firing is not None:
                await asyncio.shield(run.firing)
            reason = self._condemnation(run)
            if reason is not None:
                return condemned(record, token, reason, self._rules)
            value = await self._within_time(run, self._processors.pick(record.name))
            return completed(record, token, value, self._rules)
        except BaseException as error:  # noqa: BLE001 - a processor may raise anything at all
            return self._after(run, error)

    def _after(self, run: Run, error: BaseException) -> Outcome | None:
        """The outcome of what a processor raised."""
        record, token = run.record, run.token
        if isinstance(error, asyncio.CancelledError) and run.cancellation.is_set():
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
            reason = run.cancellation.reason
            if reason in (LOCK_LOST, CLOSING):
                return None if reason == LOCK_LOST else Released(record.id, token)
            error = OxherdError(reason)
        if isinstance(error, Settled):
            return None
        try:
            return raised(record, token, error, self._rules, self._random.random())
        except OxherdError as problem:  # the duration in a signal may be impossible
            return failed(record, token, problem, self._rules)

    def _condemnation(self, run: Run) -> str | None:
        """Why the job fails without running, or None."""
        record = run.record
        if record.deferred_failure is not None:
            return record.deferred_failure
        unreadable = record.unreadable or _unreadable_data(run.job)
        if unreadable is not None:
            return f"unreadable: {unreadable}"
        return self._rules.forbid(record)

    async def aclose(self) -> None:
        """End the processes."""
        await self._processes.aclose()

    async def _within_time(self, run: Run, processor: Processor) -> Any:
        timeout = run.record.options.timeout
        timeout = self._options.timeout if timeout is None else timeout
        if timeout is None:
            return await self._call(run, processor)
        seconds = duration_ms(timeout) / 1000
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await self._call(run, processor)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise TimeoutError(f"the attempt took longer than its {seconds:g} s") from error
        finally:
            if limit.expired():
                run.cancellation.set("the attempt took too long")

    async def _call(self, run: Run, processor: Processor) -> Any:
        if processor.place == "loop":
            given = (run.job, run.token, run.cancellation)[: processor.arguments]
            return await processor.function(*given)
        if processor.target is not None:
            ask = functools.partial(_answer, run.job)
            order = Order(
                target=processor.target,
                arguments=processor.arguments,
                record=run.record,
                token=run.token,
                prefix=self._store.prefix,
            )
            return await self._processes.run(order, ask)
        loop = asyncio.get_running_loop()

        def ask_loop(verb: str, arguments: list[Any]) -> Any:
            asking = asyncio.run_coroutine_threadsafe(_answer(run.job, verb, arguments), loop)
            return asking.result()

        job = BlockingJob[Any, Any](run.record, self._store.prefix, ask_loop)
        given_to_thread = (job, run.token, run.cancellation)[: processor.arguments]
        ended = await anyio.to_thread.run_sync(
            _call_in_thread,
            processor.function,
            given_to_thread,
            abandon_on_cancel=True,
            limiter=self._threads,
        )
        if ended.error is not None:
            raise ended.error
        return ended.value


@dataclass(frozen=True, slots=True)
class _Ended:
    value: Any = None
    error: BaseException | None = None


def _call_in_thread(function: Callable[..., Any], arguments: tuple[Any, ...]) -> _Ended:
    """The error travels as a value: a thread must not die of it, a future cannot hold them all."""
    try:
        return _Ended(value=function(*arguments))
    except BaseException as error:  # noqa: BLE001 - a processor may raise anything at all
        return _Ended(error=error)


async def _answer(job: Job[Any, Any], verb: str, arguments: list[Any]) -> Any:
    """Call a verb of a job for a function that is not on the event loop."""
    if verb not in ASKABLE:
        raise OxherdError(f"a job has no verb {verb!r} to call from a processor")
    return msgspec.to_builtins(await getattr(job, verb)(*arguments))


def _unreadable_data(job: Job[Any, Any]) -> str | None:
    try:
        _ = job.data
    except NotSerializable as error:
        return f"data is {error}"
    return None
