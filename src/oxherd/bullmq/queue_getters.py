"""QueueGetters: what a queue is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from oxherd.bullmq import dependencies
from oxherd.bullmq.job import Job
from oxherd.bullmq.job_data import STATES
from oxherd.bullmq.queue_base import QueueBase
from oxherd.domain.lifecycle import State
from oxherd.domain.record import JobKey, JobRecord

_ALL_TYPES: Final = (
    "active", "completed", "delayed", "failed", "prioritized", "waiting", "waiting-children",
)  # fmt: skip
_PAGES: Final = 5
"""How often a page is filled up whose ids have no jobs any more."""

_NO_WINDOW: Final = -2
"""What the server tells of a key that is not there."""

_HALF: Final = 2**31
_SETTINGS: Final = {"opts.maxLenEvents": "maxLenEvents"}
_NUMBERS: Final = frozenset({"concurrency", "max", "duration", "maxLenEvents"})


class QueueGetters(QueueBase):
    """The part of a queue that only reads."""

    async def getJob(self, job_id: str) -> Job | None:
        """The job with that id, None when there is none."""
        return await Job.fromId(self, job_id)

    async def getJobs(
        self,
        types: Sequence[str] | str = (),
        start: int = 0,
        end: int = -1,
        asc: bool = False,
    ) -> list[Job]:
        """Jobs of the states, `start` to `end` of each, both included; the latest first.

        Args:
            types: states; all unless given.
            start: the first rank.
            end: the last rank, -1 for the very last.
            asc: the earliest first.
        """
        found: dict[str, Job] = {}
        for name in self.sanitizeJobTypes([types] if isinstance(types, str) else types):
            for record in await self._records(name, start, end, asc):
                found.setdefault(record.id, Job.of(self, record))
        return list(found.values())

    async def getRanges(
        self, types: Sequence[str], start: int = 0, end: int = -1, asc: bool = False
    ) -> list[str]:
        """The ids of `getJobs`."""
        return [job.id for job in await self.getJobs(types, start, end, asc)]

    async def getActive(self, start: int = 0, end: int = -1) -> list[Job]:
        """Jobs that workers have; the longest claimed first."""
        return await self.getJobs(["active"], start, end, asc=True)

    async def getCompleted(self, start: int = 0, end: int = -1) -> list[Job]:
        """Jobs that ended well; the latest first."""
        return await self.getJobs(["completed"], start, end, asc=False)

    async def getDelayed(self, start: int = 0, end: int = -1) -> list[Job]:
        """Jobs that wait for their time; the next due first."""
        return await self.getJobs(["delayed"], start, end, asc=True)

    async def getFailed(self, start: int = 0, end: int = -1) -> list[Job]:
        """Jobs that ended badly; the latest first."""
        return await self.getJobs(["failed"], start, end, asc=False)

    async def getPrioritized(self, start: int = 0, end: int = -1) -> list[Job]:
        """Jobs that are ready, with a priority; the next to run first."""
        return await self.getJobs(["prioritized"], start, end, asc=True)

    async def getWaiting(self, start: int = 0, end: int = -1) -> list[Job]:
        """Jobs that are ready, without a priority; the next to run first."""
        return await self.getJobs(["waiting"], start, end, asc=True)

    async def getWaitingChildren(self, start: int = 0, end: int = -1) -> list[Job]:
        """Jobs that wait for their children; the longest waiting first."""
        return await self.getJobs(["waiting-children"], start, end, asc=True)

    def sanitizeJobTypes(self, types: Iterable[str]) -> list[str]:
        """Each of the states once; all when there is none."""
        return list(dict.fromkeys(types)) or list(_ALL_TYPES)

    # Counts

    async def getJobCounts(self, *types: str) -> dict[str, int]:
        """How many jobs are in each of the states (all unless given), by the given names."""
        counts = await self._store.counts(self.name)
        return {
            name: counts[STATES[name]] if name in STATES else 0
            for name in QueueGetters.sanitizeJobTypes(self, types)
        }

    async def recordJobCountsMetric(self, *types: str) -> dict[str, int]:
        """The same: nothing is told to a meter."""
        return await self.getJobCounts(*types)

    async def getJobCountByTypes(self, *types: str) -> int:
        """How many jobs are in the states together."""
        return sum((await self.getJobCounts(*types)).values())

    async def count(self) -> int:
        """How many jobs no worker has had yet, whatever they wait for."""
        return await self.getJobCountByTypes(
            "waiting", "delayed", "prioritized", "waiting-children"
        )

    async def getCompletedCount(self) -> int:
        """How many jobs ended well."""
        return await self.getJobCountByTypes("completed")

    async def getFailedCount(self) -> int:
        """How many jobs ended badly."""
        return await self.getJobCountByTypes("failed")

    async def getDelayedCount(self, timestamp: int | None = None) -> int:
        """How many jobs wait for their time; with `timestamp` those that are due before it."""
        if timestamp is None:
            return await self.getJobCountByTypes("delayed")
        records = await self._store.list_jobs(self.name, State.DELAYED)
        return sum(record.timestamp + record.delay < timestamp for record in records)

    async def getActiveCount(self) -> int:
        """How many jobs workers have."""
        return await self.getJobCountByTypes("active")

    async def getPrioritizedCount(self) -> int:
        """How many jobs are ready, with a priority."""
        return await self.getJobCountByTypes("prioritized")

    async def getWaitingCount(self) -> int:
        """How many jobs are ready, without a priority."""
        return await self.getJobCountByTypes("waiting")

    async def getWaitingChildrenCount(self) -> int:
        """How many jobs wait for their children."""
        return await self.getJobCountByTypes("waiting-children")

    async def getCountsPerPriority(self, priorities: Sequence[int]) -> dict[str, int]:
        """How many jobs are ready with each of the priorities, 0 being none."""
        asked = list(dict.fromkeys(priorities))
        counts = await self._store.counts_by_priority(self.name, asked)
        return {str(priority): count for priority, count in zip(asked, counts, strict=True)}

    # Single facts

    async def getJobState(self, job_id: str) -> str:
        """Where a job is; "unknown" when there is none."""
        state = (await self._store.states(self.name, [str(job_id)]))[0]
        return "unknown" if state is None else state.value

    async def getJobLogs(
        self, job_id: str, start: int = 0, end: int = -1, asc: bool = True
    ) -> dict[str, Any]:
        """A job's log lines from `start` to `end` as `logs`, and how many there are as `count`.

        Args:
            job_id: the job.
            start: the first line, counted from the newest unless `asc`.
            end: the last line, included.
            asc: the oldest line first.
        """
        first, last = (start, end) if asc else (-(end + 1), -(start + 1))
        page = await self._store.logs(self.name, str(job_id), first, last)
        return {"logs": list(page.lines) if asc else list(page.lines)[::-1], "count": page.total}

    async def getDependencies(
        self, parentId: str, type: str, start: int, end: int
    ) -> dict[str, Any]:
        """Some children of a job.

        Args:
            parentId: the job.
            type: `processed` or `pending`.
            start: the first one.
            end: the last one, included; -1 for the very last.

        Returns:
            `items` ({id, v}), `jobs` (those that are still there, as dictionaries), `total`.
        """
        kind = "unprocessed" if type == "pending" else type
        links = (await self._store.children(self.name, str(parentId))).links
        found = dependencies.page(links, None).get(kind, [])
        keys = list(found)[start : None if end == -1 else end + 1]
        items = [
            {"id": key, "v": found[key]} if isinstance(found, dict) else {"id": key} for key in keys
        ]
        jobs: list[dict[str, Any]] = []
        for key in map(JobKey.parse, keys):
            store = self.connection.store_of(key.prefix)
            record = (await store.jobs(key.queue, [key.id]))[0]
            if record is not None:
                jobs.append(Job.of(self, record).asJSON())
        return {"items": items, "jobs": jobs, "total": len(found)}

    async def getDeduplicationJobId(self, id: str) -> str | None:
        """The job that owns a deduplication id."""
        return await self._store.deduplication_job_id(self.name, id)

    async def getDebounceJobId(self, id: str) -> str | None:
        """The same, under the older name."""
        return await self.getDeduplicationJobId(id)

    async def getGlobalConcurrency(self) -> int | None:
        """How many jobs may be active at once, None without a limit."""
        return (await self._store.limits(self.name)).concurrency

    async def getGlobalRateLimit(self) -> dict[str, int] | None:
        """The queue's own rate limit, {max, duration}, None without one."""
        rate = (await self._store.limits(self.name)).rate
        return None if rate is None else {"max": rate.max, "duration": rate.duration_ms}

    async def getRateLimitTtl(self, maxJobs: int | None = None) -> int:
        """For how many milliseconds the rate limit's window is open; -2 when it is not.

        With `maxJobs` for how long no job may start under such a limit: 0 when one may.
        """
        limits = await self._store.limits(self.name)
        if maxJobs is not None:
            return limits.window_ms if limits.used >= maxJobs else 0
        return limits.window_ms or _NO_WINDOW

    async def isPaused(self) -> bool:
        """Whether the queue gives no jobs."""
        return await self._store.is_paused(self.name)

    async def isMaxed(self) -> bool:
        """Whether as many jobs are active as may be at once."""
        most = await self.getGlobalConcurrency()
        return most is not None and await self.getActiveCount() >= most

    async def getMeta(self) -> dict[str, Any]:
        """The settings of the queue."""
        stored = await self.connection.server.settings(self.prefix, self.name)
        named = {_SETTINGS.get(name, name): value for name, value in stored.items()}
        numbers = {name: int(named[name]) for name in _NUMBERS if named.get(name)}
        return {**named, **numbers, "paused": named.get("paused") == "1"}

    async def getVersion(self) -> str | None:
        """The library, and its version, that last wrote the settings of the queue."""
        return (await self.getMeta()).get("version")

    async def getMetrics(self, type: str, start: int = 0, end: int = -1) -> dict[str, Any]:
        """How many jobs completed or failed by minutes, the newest first.

        Args:
            type: `completed` or `failed`.
            start: the first minute.
            end: the last minute, included; -1 for the very last.
        """
        found = await self._store.metrics(self.name, State(type), start, end)
        meta = {
            "count": found.count, "prevTS": found.previous_ms, "prevCount": found.previous_count,
        }  # fmt: skip
        return {"meta": meta, "data": list(found.points), "count": found.total}

    async def exportPrometheusMetrics(
        self, globalVariables: Mapping[str, str] | None = None
    ) -> str:
        """The counts of the queue as text for Prometheus.

        Args:
            globalVariables: further labels.
        """
        labels = {"queue": self.name}
        more = dict(globalVariables or {})
        lines = [
            "# HELP bullmq_job_count Number of jobs in the queue by state",
            "# TYPE bullmq_job_count gauge",
        ]
        for state, number in (await self.getJobCounts()).items():
            lines.append(f"bullmq_job_count{_labels({**labels, 'state': state, **more})} {number}")
        for type in ("completed", "failed"):
            total = (await self.getMetrics(type))["meta"]["count"]
            name = f"bullmq_job_{type}_total"
            lines += [
                f"# HELP {name} Total number of {type} jobs",
                f"# TYPE {name} counter",
                f"{name}{_labels({**labels, **more})} {total}",
            ]
        return "\n".join(lines)

    # Who is about

    async def getWorkers(self) -> list[dict[str, Any]]:
        """The connections of the workers that are waiting for, or running, jobs of the queue."""
        plain = f"{self.qualifiedName}:w:"
        name = self.connection.server.client_name(self.prefix, self.name)
        return await self._clients(
            lambda it: it in (name, self.qualifiedName) or it.startswith((f"{name}:w:", plain))
        )

    async def getWorkersCount(self) -> int:
        """How many workers the queue has."""
        return len(await self.getWorkers())

    async def get_workers(self) -> list[dict[str, Any]]:
        """The same as `getWorkers`."""
        return await self.getWorkers()

    async def get_workers_count(self) -> int:
        """The same as `getWorkersCount`."""
        return await self.getWorkersCount()

    async def getQueueEvents(self) -> list[dict[str, Any]]:
        """The connections of Node's listeners to the events of the queue."""
        name = self.connection.server.client_name(self.prefix, self.name)
        return await self._clients(lambda it: it == f"{name}:qe")

    async def _clients(self, is_wanted: Callable[[str], bool]) -> list[dict[str, Any]]:
        try:
            clients = await self.client.client_list()
        except Exception as error:
            if "unknown command" in str(error) and "CLIENT" in str(error):
                return [{"name": "CLIENT LIST not supported"}]
            raise
        return [
            {**client, "rawname": client.get("name"), "name": self.name}
            for client in clients
            if is_wanted(client.get("name") or "")
        ]

    async def _records(self, name: str, start: int, end: int, asc: bool) -> list[JobRecord]:
        state = STATES.get(name)
        if state is None:
            return []
        found = await self._store.list_jobs(self.name, state, start, end, ascending=asc)
        if end < 0 or start < 0:
            return found
        wanted = end - start + 1
        for _ in range(_PAGES):
            missing = wanted - len(found)
            if missing <= 0:
                break
            # An id may be listed whose job is gone: those behind it fill the page.
            more = await self._store.list_jobs(
                self.name, state, end + 1, end + missing, ascending=asc
            )
            if not more:
                break
            found += more
            end += missing
        return found


def _labels(labels: Mapping[str, str]) -> str:
    escaped = {
        name: value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        for name, value in labels.items()
    }
    return "{" + ", ".join(f'{name}="{value}"' for name, value in escaped.items()) + "}"


__all__ = ["QueueGetters"]
