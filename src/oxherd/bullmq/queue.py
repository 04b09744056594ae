"""Queue: adds jobs to one queue, reads them, steers it; with the official package's names."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from functools import cached_property
from typing import Any

from oxherd.bullmq import options
from oxherd.bullmq.error_code import ErrorCode
from oxherd.bullmq.errors import official, with_code
from oxherd.bullmq.job import Job
from oxherd.bullmq.job_data import STATES
from oxherd.bullmq.job_scheduler import JobScheduler
from oxherd.bullmq.queue_getters import QueueGetters
from oxherd.domain.errors import BelongsToSchedule, JobNotFound, OxherdError, WrongState
from oxherd.domain.lifecycle import State
from oxherd.domain.rate_limit import RateLimit
from oxherd.runtime.bulk import AT_ONCE, in_steps
from oxherd.store import Refusal


class Queue(QueueGetters):
    """A named line of jobs.

    Emits `waiting` (job), `progress` (id, progress), `removed` (id), `cleaned` (ids, type),
    `paused` (), `resumed` ().

    Args:
        name: the queue's name.
        opts: `connection`, `prefix`, `defaultJobOptions`.
    """

    def __init__(self, name: str, opts: Mapping[str, Any] | None = None) -> None:
        super().__init__(name, opts)
        self.jobsOpts: dict[str, Any] = self.opts.get("defaultJobOptions") or {}

    @property
    def defaultJobOptions(self) -> dict[str, Any]:
        """The options of jobs that do not give their own."""
        return self.jobsOpts

    # Adding

    async def add(self, name: str, data: Any, opts: options.Options | None = None) -> Job:
        """Add a job.

        Args:
            name: its name.
            data: any JSON value.
            opts: its options, in milliseconds.

        Raises:
            TypeError: its parent does not exist, or JSON cannot carry the data.
            ValueError: an option or the data is impossible.
        """
        job = await Job.create(self, name, data, {**self.jobsOpts, **(opts or {})})
        self.emit("waiting", job)
        return job

    async def addBulk(self, jobs: Sequence[Mapping[str, Any]]) -> list[Job]:
        """Add jobs in one step, all or none: {name, data, opts}.

        Raises:
            TypeError, ValueError: as in `add`.
        """
        made = await Job.createBulk(
            self,
            [{**one, "opts": {**self.jobsOpts, **(one.get("opts") or {})}} for one in jobs],
        )
        for job in made:
            self.emit("waiting", job)
        return made

    # Single jobs

    async def remove(self, job_id: str, opts: options.Options | None = None) -> int:
        """Remove a job, and what is below it unless `removeChildren` is false.

        Answers 1, also when there was none; 0 when it, or one below it, is locked.

        Raises:
            TypeError: it is the next job of a scheduler.
        """
        below = bool((opts or {}).get("removeChildren", True))
        answer = (await self._store.remove(self.name, [str(job_id)], children=below))[0]
        match answer:
            case None | JobNotFound():
                self.emit("removed", job_id)
                return 1
            case BelongsToSchedule():
                raise await official(answer, self.connection, self.name, str(job_id), "removeJob")
            case WrongState():
                return 0
            case _:
                raise answer

    async def updateJobProgress(self, jobId: str, progress: Any) -> None:
        """Tell how far a job is.

        Raises:
            TypeError: there is no such job.
        """
        text = options.to_json(progress)
        answer = await self._store.update_progress(self.name, str(jobId), text)
        if isinstance(answer, OxherdError):
            raise await official(answer, self.connection, self.name, str(jobId), "updateProgress")
        self.emit("progress", jobId, progress)

    async def addJobLog(self, jobId: str, logRow: str, keepLogs: int = 0) -> int:
        """Add a line to a job's log, which keeps the newest `keepLogs` (0: all); how many.

        Raises:
            TypeError: there is no such job.
        """
        return await Job.addJobLog(self, jobId, logRow, keepLogs)

    async def removeDeduplicationKey(self, id: str) -> int:
        """Free a deduplication id; 1 if a job owned it, else 0."""
        return int(await self._store.remove_deduplication_key(self.name, id))

    async def removeDebounceKey(self, id: str) -> int:
        """The same, under the older name."""
        return await self.removeDeduplicationKey(id)

    # The whole queue

    async def pause(self) -> None:
        """Give no jobs to any worker; running ones run on."""
        await self._store.pause(self.name)
        self.emit("paused")

    async def resume(self) -> None:
        """Give jobs again."""
        await self._store.resume(self.name)
        self.emit("resumed")

    async def drain(self, delayed: bool = False) -> None:
        """Remove the jobs that are ready, with `delayed` those too."""
        await self._store.drain(self.name, delayed=delayed)

    async def clean(self, grace: int, limit: int, type: str = "completed") -> list[str]:
        """Remove up to `limit` jobs (0: all) of a state that are older than `grace` milliseconds.

        Answers their ids.
        """
        state = STATES.get(type)
        if state is None:
            return []
        ids = await self._store.clean(self.name, state, grace_ms=max(0, int(grace)), limit=limit)
        self.emit("cleaned", ids, type)
        return ids

    async def obliterate(self, force: bool | Mapping[str, Any] = False) -> None:
        """Pause the queue, and remove everything that it has.

        Args:
            force: although jobs are active; Node's {force, count} will do as well.

        Raises:
            Exception: jobs are active.
        """
        forced = bool(force.get("force")) if isinstance(force, Mapping) else force
        try:
            await self._store.obliterate(self.name, force=forced)
        except WrongState as error:
            raise with_code(
                Exception("Cannot obliterate queue with active jobs"), ErrorCode.JobLockNotExist
            ) from error

    async def retryJobs(self, opts: options.Options | None = None) -> None:
        """Run all failed jobs again.

        Args:
            opts: `state`: failed or completed; `timestamp`: only those that ended by then;
                `count`: how many to take at once.
        """
        asked, name = opts or {}, self.name
        state = State(asked.get("state") or "failed")

        def again(ids: list[str]) -> Awaitable[list[Refusal]]:
            return self._store.reprocess(
                name, ids, state, attempts_made=False, attempts_started=False
            )

        at_once, by = asked.get("count") or AT_ONCE, asked.get("timestamp")
        await in_steps(self._store, name, state, again, ended_by=by, at_once=at_once)

    async def promoteJobs(self, opts: options.Options | None = None) -> None:
        """Make all delayed jobs ready.

        Args:
            opts: `count`: how many to take at once.
        """
        name, at_once = self.name, (opts or {}).get("count") or AT_ONCE

        def promote(ids: list[str]) -> Awaitable[list[Refusal]]:
            return self._store.promote(name, ids)

        await in_steps(self._store, name, State.DELAYED, promote, at_once=at_once)

    async def trimEvents(self, maxLength: int) -> int:
        """Forget all events but about the newest `maxLength`; answers how many went."""
        return await self._store.trim_events(self.name, maxLength)

    async def removeDeprecatedPriorityKey(self) -> int:
        """Remove a key that old releases left; how many there were."""
        return int(await self.client.delete(self.toKey("priority")))

    # Limits

    async def setGlobalConcurrency(self, concurrency: int) -> int:
        """Let at most so many jobs of the queue be active at once; 1 if there was no limit."""
        had = await self.getGlobalConcurrency()
        await self._store.limit_concurrency(self.name, concurrency)
        return int(had is None)

    async def removeGlobalConcurrency(self) -> int:
        """Lift that limit; 1 if there was one."""
        had = await self.getGlobalConcurrency()
        await self._store.limit_concurrency(self.name, None)
        return int(had is not None)

    async def setGlobalRateLimit(self, max_jobs: int, duration_ms: int) -> int:
        """Let at most so many jobs start in a window of `duration_ms`; 2 if there was no limit."""
        had = await self.getGlobalRateLimit()
        await self._store.limit_rate(self.name, RateLimit(max_jobs, duration_ms / 1000))
        return 0 if had else 2

    async def removeGlobalRateLimit(self) -> int:
        """Lift that limit; 2 if there was one."""
        had = await self.getGlobalRateLimit()
        await self._store.limit_rate(self.name, None)
        return 2 if had else 0

    async def rateLimit(self, expire_time_ms: int) -> None:
        """Let workers with a limiter, or all if the queue has one, start no job for so long."""
        await self._store.hold(self.name, int(expire_time_ms))

    async def removeRateLimitKey(self) -> int:
        """Open the rate limit's window anew; 1 if one was open."""
        was_open = (await self._store.limits(self.name)).window_ms > 0
        await self._store.hold(self.name, 0)
        return int(was_open)

    # Schedulers

    @cached_property
    def jobScheduler(self) -> JobScheduler:
        """What makes jobs of this queue again and again."""
        return JobScheduler(self)

    async def upsertJobScheduler(
        self,
        job_scheduler_id: str,
        repeat_opts: options.Options,
        job_name: str | Mapping[str, Any] | None = None,
        job_data: Any = None,
        opts: options.Options | None = None,
        override: bool = True,
        producer_id: str | None = None,
    ) -> Job | None:
        """Have jobs made again and again; see `JobScheduler.upsertJobScheduler`.

        `job_name` may be Node's template, {name, data, opts}.
        """
        template: Mapping[str, Any] = {"name": job_name, "data": job_data, "opts": opts}
        if isinstance(job_name, Mapping):
            template = {**template, "name": None, **job_name}
        return await self.jobScheduler.upsertJobScheduler(
            job_scheduler_id,
            repeat_opts,
            template["name"] or job_scheduler_id,
            template["data"],
            {**self.jobsOpts, **(template["opts"] or {})},
            override=override,
            producer_id=producer_id,
        )

    async def removeJobScheduler(self, job_scheduler_id: str) -> int:
        """Remove a scheduler and its next job; 0 when it was there, else 1."""
        return await self.jobScheduler.removeJobScheduler(job_scheduler_id)

    async def isJobScheduler(self, job_scheduler_id: str) -> bool:
        """Whether there is such a scheduler."""
        return await self.jobScheduler.isJobScheduler(job_scheduler_id)

    async def getJobScheduler(self, job_scheduler_id: str) -> dict[str, Any] | None:
        """A scheduler as a dictionary, None when there is none."""
        return await self.jobScheduler.getScheduler(job_scheduler_id)

    async def getJobSchedulers(
        self, start: int = 0, end: int = -1, asc: bool = False
    ) -> list[dict[str, Any]]:
        """Schedulers from rank `start` to `end`; with `asc` the next due first."""
        return await self.jobScheduler.getJobSchedulers(start, end, asc)

    async def getJobSchedulersCount(self) -> int:
        """How many schedulers the queue has."""
        return await self.jobScheduler.getSchedulersCount()


__all__ = ["Queue"]
