"""Oxherd plays, through its public interface."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from oxherd import FlowProducer, Job, Keep, Queue, Worker, WorkerOptions
from tests.interop.goldens.processing import perform
from tests.interop.goldens.side import Side
from tests.interop.sides import waiting_by_default

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from oxherd.store import Store
    from tests.timing import FakeClock

    Call = Callable[..., Awaitable[Any]]


class OxherdSide(Side):
    """Us."""

    def __init__(self, store: Store, clock: FakeClock, server: Any) -> None:
        super().__init__(server, store.prefix)
        self._store = store
        self._clock = clock
        self._queues: dict[str, Queue] = {}
        self._go_on = asyncio.Event()
        self._held = 0

    async def aclose(self) -> None:
        for queue in self._queues.values():
            await queue.aclose()

    async def add(self, queue: str, job_id: str | None = None, **job: Any) -> str:
        name, data = job.pop("name", "task"), job.pop("data", {})
        opts = job if job_id is None else {"jobId": job_id, **job}
        return (await self._queue(queue).add(name, data, opts)).id

    async def add_bulk(self, queue: str, jobs: Sequence[Mapping[str, Any]]) -> list[str]:
        return [job.id for job in await self._queue(queue).add_bulk(jobs)]

    async def add_flow(self, flow: dict[str, Any]) -> None:
        async with FlowProducer(store=self._store) as flows:
            await flows.add(waiting_by_default(flow, is_root=True))

    async def schedule(
        self, queue: str, schedule_id: str, repeat: dict[str, Any], template: dict[str, Any]
    ) -> str | None:
        timing = {_REPEAT_NAMES[name]: repeat[name] for name in repeat.keys() & _REPEAT_NAMES}
        for name in repeat.keys() & _REPEAT_SECONDS:
            timing[_REPEAT_SECONDS[name]] = repeat[name] / 1000
        job = await self._queue(queue).upsert_job_scheduler(
            schedule_id,
            **timing,
            name=template.get("name"),
            data=template.get("data"),
            options=template.get("opts"),
        )
        return None if job is None else job.id

    async def queue(self, queue: str, verb: str, *arguments: Any) -> None:
        await _QUEUE_CALLS[verb](self._queue(queue), *arguments)

    async def job(self, queue: str, job_id: str, verb: str, *arguments: Any) -> None:
        found = await self._queue(queue).get_job(job_id)
        assert found is not None
        await _JOB_CALLS[verb](found, *arguments)

    async def set_time(self, now_ms: int) -> None:
        self._clock.now_ms = now_ms

    async def start(self, queue: str, options: dict[str, Any]) -> Any:
        self._go_on.clear()

        async def process(job: Job[Any, Any]) -> Any:
            return await perform(job, self._hold)

        given: dict[str, Any] = {}
        for name, value in options.items():
            own_name, convert = _WORKER_OPTIONS[name]
            given[own_name] = convert(value)
        return Worker(
            queue, process, store=self._store, options=WorkerOptions(drain_delay=1, **given)
        )

    async def held(self) -> int:
        return self._held

    async def let_go(self) -> None:
        self._go_on.set()

    async def stop(self, worker: Any) -> None:
        await worker.close()

    async def _hold(self) -> None:
        self._held += 1
        try:
            await self._go_on.wait()
        finally:
            self._held -= 1

    def _queue(self, name: str) -> Queue:
        if name not in self._queues:
            self._queues[name] = Queue(name, store=self._store)
        return self._queues[name]


def _keep(value: Any) -> Any:
    return Keep(**value) if isinstance(value, dict) else value


_WORKER_OPTIONS: Final[dict[str, tuple[str, Callable[[Any], Any]]]] = {
    "name": ("name", str),
    "removeOnComplete": ("remove_on_complete", _keep),
    "removeOnFail": ("remove_on_fail", _keep),
    "limiter": ("limiter", dict),
    "metrics": ("metrics", lambda metrics: metrics["maxDataPoints"]),
    "stalledInterval": ("stalled_interval", lambda interval: interval / 1000),
    "maxStalledCount": ("max_stalled_count", int),
}

_QUEUE_CALLS: Final[dict[str, Call]] = {
    "pause": lambda queue: queue.pause(),
    "resume": lambda queue: queue.resume(),
    "remove": lambda queue, job_id, options=None: queue.remove(
        job_id, remove_children=(options or {}).get("removeChildren", True)
    ),
    "retryJobs": lambda queue, options: queue.retry_jobs(options["state"]),
    "promoteJobs": lambda queue: queue.promote_jobs(),
    "drain": lambda queue, delayed=False: queue.drain(delayed=delayed),
    "clean": lambda queue, grace, limit, state: queue.clean(
        grace / 1000, limit, "waiting" if state == "wait" else state
    ),
    "obliterate": lambda queue, options: queue.obliterate(force=options["force"]),
    "setGlobalConcurrency": lambda queue, most: queue.set_global_concurrency(most),
    "removeGlobalConcurrency": lambda queue: queue.remove_global_concurrency(),
    "setGlobalRateLimit": lambda queue, most, duration: queue.set_global_rate_limit(
        most, duration / 1000
    ),
    "removeGlobalRateLimit": lambda queue: queue.remove_global_rate_limit(),
    "rateLimit": lambda queue, duration: queue.rate_limit(duration / 1000),
    "removeJobScheduler": lambda queue, schedule_id: queue.remove_job_scheduler(schedule_id),
    "removeDeduplicationKey": lambda queue, name: queue.remove_deduplication_key(name),
}

_JOB_CALLS: Final[dict[str, Call]] = {
    "promote": lambda job: job.promote(),
    "remove": lambda job, options=None: job.remove(
        remove_children=(options or {}).get("removeChildren", True)
    ),
    "retry": lambda job, state, options=None: job.retry(
        state,
        reset_attempts_made=bool(options),
        reset_attempts_started=bool(options),
    ),
    "updateData": lambda job, data: job.update_data(data),
    "updateProgress": lambda job, progress: job.update_progress(progress),
    "log": lambda job, line: job.log(line),
    "clearLogs": lambda job, keep=0: job.clear_logs(keep),
    "changeDelay": lambda job, delay: job.change_delay(delay / 1000),
    "changePriority": lambda job, options: job.change_priority(
        options.get("priority", 0), lifo=options.get("lifo", False)
    ),
    "removeChildDependency": lambda job: job.remove_child_dependency(),
    "removeUnprocessedChildren": lambda job: job.remove_unprocessed_children(),
    "removeDeduplicationKey": lambda job: job.remove_deduplication_key(),
}

_REPEAT_NAMES: Final = {
    "pattern": "pattern", "tz": "tz", "limit": "limit", "startDate": "start", "endDate": "end",
    "immediately": "immediately",
}  # fmt: skip
_REPEAT_SECONDS: Final = {"every": "every", "offset": "offset"}
