"""What is only read: each runs its function of `reads`, beside the writer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from oxherd.engines.sqlite import reads
from oxherd.engines.sqlite.calls import Calls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.lifecycle import State
    from oxherd.domain.record import JobRecord
    from oxherd.domain.schedule import Schedule
    from oxherd.store import ChildPage, Limits, LogPage, Metrics


class SqliteInspect(Calls):
    """The port's `Inspect`."""

    async def jobs(self, queue: str, job_ids: Sequence[str]) -> list[JobRecord | None]:
        return await self._read(partial(reads.jobs, queue=queue, job_ids=job_ids))

    async def states(self, queue: str, job_ids: Sequence[str]) -> list[State | None]:
        return await self._read(partial(reads.states, queue=queue, job_ids=job_ids))

    async def list_jobs(
        self, queue: str, state: State, start: int = 0, end: int = -1, *, ascending: bool = True
    ) -> list[JobRecord]:
        work = partial(
            reads.list_jobs, queue=queue, state=state, start=start, end=end, ascending=ascending
        )
        return await self._read(work)

    async def counts(self, queue: str) -> dict[State, int]:
        return await self._read(partial(reads.counts, queue=queue))

    async def children(
        self, queue: str, job_id: str, start: int = 0, count: int | None = None
    ) -> ChildPage:
        work = partial(reads.children, queue=queue, job_id=job_id, start=start, count=count)
        return await self._read(work)

    async def logs(self, queue: str, job_id: str, start: int = 0, end: int = -1) -> LogPage:
        work = partial(reads.logs, queue=queue, job_id=job_id, start=start, end=end)
        return await self._read(work)

    async def counts_by_priority(self, queue: str, priorities: Sequence[int]) -> list[int]:
        work = partial(reads.counts_by_priority, queue=queue, priorities=priorities)
        return await self._read(work)

    async def limits(self, queue: str) -> Limits:
        return await self._read(partial(reads.limits, queue=queue))

    async def metrics(self, queue: str, state: State, start: int = 0, end: int = -1) -> Metrics:
        work = partial(reads.metrics, queue=queue, state=state, start=start, end=end)
        return await self._read(work)

    async def deduplication_job_id(self, queue: str, deduplication_id: str) -> str | None:
        work = partial(reads.deduplication_job_id, queue=queue, deduplication_id=deduplication_id)
        return await self._read(work)

    async def schedules(
        self, queue: str, start: int = 0, end: int = -1, *, ascending: bool = True
    ) -> list[Schedule]:
        work = partial(reads.schedules, queue=queue, start=start, end=end, ascending=ascending)
        return await self._read(work)

    async def schedule(self, queue: str, schedule_id: str) -> Schedule | None:
        return await self._read(partial(reads.schedule, queue=queue, schedule_id=schedule_id))

    async def count_schedules(self, queue: str) -> int:
        return await self._read(partial(reads.count_schedules, queue=queue))

    async def is_paused(self, queue: str) -> bool:
        return await self._read(partial(reads.is_paused, queue=queue))

    async def queues(self) -> list[str]:
        return await self._read(reads.queues)
