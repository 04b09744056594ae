"""JobFetcher: takes the jobs of a queue by hand, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from oxherd.bullmq import options
from oxherd.bullmq.custom_errors import RateLimitError
from oxherd.bullmq.job import Job
from oxherd.bullmq.job_scheduler import JobScheduler
from oxherd.bullmq.queue_base import QueueBase
from oxherd.domain.errors import OxherdError
from oxherd.runtime.clock import wall_ms


class JobFetcher(QueueBase):
    """The part of a worker that takes jobs for whoever settles them with their own verbs."""

    def __init__(self, name: str, opts: Mapping[str, Any]) -> None:
        super().__init__(name, opts)
        self.workerName: str | None = self.opts.get("name")
        self.clientName: str = self.connection.server.client_name(
            self.prefix, name, self.workerName
        )
        self.drained = False
        self.limitUntil = 0
        self.blockUntil = 0

    async def getNextJob(self, token: str, opts: options.Options | None = None) -> Job | None:
        """The next job, to be settled by hand; waits for one once the queue was found empty.

        Args:
            token: the lock token that the job is claimed with.
            opts: `block`: False for never waiting.
        """
        waits = self.drained and (opts or {}).get("block", True)
        job = await self.moveToActive(token)
        if job is None and waits:
            ear = self.connection.store.wakeup(self.name, self.workerName)
            try:
                await ear.wait(round(self.opts["drainDelay"] * 1000))
            finally:
                await ear.aclose()
            job = await self.moveToActive(token)
        if job is not None:
            self.emit("active", job, "waiting")
        return job

    async def moveToActive(self, token: str) -> Job | None:
        """The next job if there is one now."""
        claimed = await self.connection.store.claim(
            self.name,
            1,
            token=token,
            lock_ms=self.opts["lockDuration"],
            worker=self.workerName,
            rate=options.rate_limit_of(self.opts.get("limiter")),
        )
        self.limitUntil = claimed.retry_after_ms
        self.blockUntil = 0 if claimed.due_in_ms is None else wall_ms() + claimed.due_in_ms
        self.drained = not claimed.jobs
        for record in claimed.jobs:
            job = Job.of(self, record, token)
            await self._fire(job)
            return job
        return None

    async def nextJobFromJobData(
        self,
        job_data: Mapping[str, Any] | None = None,
        job_id: str | None = None,
        limit_until: int = 0,
        delay_until: int = 0,
        token: str | None = None,
    ) -> Job | None:
        """The job that `moveToCompleted` or `moveToFailed` took along; None for none.

        Args:
            job_data: the fields of its hash.
            job_id: its id.
            limit_until: for how many milliseconds a rate limit holds the queue.
            delay_until: when the next delayed job is due.
            token: the lock token that it was claimed with.
        """
        self.limitUntil, self.blockUntil = max(0, limit_until or 0), max(0, delay_until or 0)
        self.drained = not job_data
        if not job_data:
            return None
        job = Job.fromJSON(self, job_data, job_id)
        job.token = token
        await self._fire(job)
        return job

    @cached_property
    def jobScheduler(self) -> JobScheduler:
        """What makes jobs of this queue again and again."""
        return JobScheduler(self)

    async def rateLimit(self, expire_time_ms: int) -> None:
        """Have workers with a limiter start no job for so long; raise `RateLimitError` after it."""
        await self.connection.store.hold(self.name, int(expire_time_ms))

    @staticmethod
    def RateLimitError() -> RateLimitError:
        """The error by which a processor gives its job back."""
        return RateLimitError()

    async def _fire(self, job: Job) -> None:
        """Have the job made that follows one of a scheduler."""
        if job.repeatJobKey is None:
            return
        try:
            records = [x for x in await self._store.jobs(self.name, [job.id]) if x is not None]
            await self._store.fire_schedule(self.name, records)
        except OxherdError as error:
            self.emit(
                "error",
                RuntimeError(f"Failed to add repeatable job for next iteration: {error}"),
            )


__all__ = ["JobFetcher"]
