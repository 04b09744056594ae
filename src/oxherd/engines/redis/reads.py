"""What is only read: records, states, lists, counts, children, logs, queues."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from oxherd.domain.lifecycle import State
from oxherd.domain.rate_limit import RateLimit
from oxherd.domain.record import ChildLink, ChildStatus, JobRecord
from oxherd.engines.redis import schedule_wire, wire
from oxherd.engines.redis.calls import Calls
from oxherd.engines.redis.keys import job_part, queue_key, queue_of_settings, settings_pattern
from oxherd.store import ChildPage, Limits, LogPage, Metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.schedule import Schedule

_SCAN_COUNT: Final = "1000"


class RedisInspect(Calls):
    """The port's `Inspect`."""

    async def jobs(self, queue: str, job_ids: Sequence[str]) -> list[JobRecord | None]:
        found = await self._read("records", queue, list(job_ids))
        return [wire.listed_record(queue, job) if job else None for job in found]

    async def states(self, queue: str, job_ids: Sequence[str]) -> list[State | None]:
        found = await self._read("states", queue, list(job_ids))
        return [wire.STATES.get(name) for name in found]

    async def list_jobs(
        self, queue: str, state: State, start: int = 0, end: int = -1, *, ascending: bool = True
    ) -> list[JobRecord]:
        structure = wire.STRUCTURES[state]
        found = await self._read("page", queue, structure, start, end, int(ascending))
        return [wire.listed_record(queue, job) for job in found]

    async def counts(self, queue: str) -> dict[State, int]:
        states = list(wire.STRUCTURES)
        names = [wire.STRUCTURES[state] for state in states]
        found = await self._read("counts", queue, names)
        return dict(zip(states, found, strict=True))

    async def children(
        self, queue: str, job_id: str, start: int = 0, count: int | None = None
    ) -> ChildPage:
        total, *found = await self._read(
            "children", queue, job_id, start, -1 if count is None else count
        )
        return ChildPage(tuple(_link(*child) for child in found), total)

    async def logs(self, queue: str, job_id: str, start: int = 0, end: int = -1) -> LogPage:
        key = job_part(self._base(queue), job_id, "logs")
        lines = await self._client.ask("LRANGE", key, str(start), str(end))
        return LogPage(tuple(lines), await self._client.ask("LLEN", key))

    async def metrics(self, queue: str, state: State, start: int = 0, end: int = -1) -> Metrics:
        base, name = self._base(queue), wire.STRUCTURES[state]
        counts, points = queue_key(base, f"{name}_count"), queue_key(base, f"{name}_points")
        found, newest, total = await asyncio.gather(
            self._client.ask("HMGET", counts, "count", "prevTS", "prevCount"),
            self._client.ask("LRANGE", points, str(start), str(end)),
            self._client.ask("LLEN", points),
        )
        count, previous_ms, previous_count = (int(each or 0) for each in found)
        return Metrics(count, previous_ms, previous_count, tuple(map(int, newest)), total)

    async def counts_by_priority(self, queue: str, priorities: Sequence[int]) -> list[int]:
        return list(await self._read("counts_by_priority", queue, list(priorities)))

    async def limits(self, queue: str) -> Limits:
        concurrency, most, duration, used, window_ms = await self._read("limits", queue)
        return Limits(
            concurrency=int(concurrency) if concurrency else None,
            rate=RateLimit(int(most), int(duration) / 1000) if most and duration else None,
            used=int(used) if window_ms > 0 else 0,
            window_ms=max(0, window_ms),
        )

    async def deduplication_job_id(self, queue: str, deduplication_id: str) -> str | None:
        owner: str | None = await self._read("deduplication_owner", queue, deduplication_id)
        return owner

    async def schedules(
        self, queue: str, start: int = 0, end: int = -1, *, ascending: bool = True
    ) -> list[Schedule]:
        found = await self._read("schedules", queue, start, end, int(ascending))
        return [schedule for one in found if (schedule := _schedule(*one)) is not None]

    async def schedule(self, queue: str, schedule_id: str) -> Schedule | None:
        _, one = await self._read("schedules_known", queue, self._now(), [schedule_id])
        return _schedule(schedule_id, one[0], one[2]) if one else None

    async def count_schedules(self, queue: str) -> int:
        return int(await self._client.ask("ZCARD", queue_key(self._base(queue), "schedulers")))

    async def is_paused(self, queue: str) -> bool:
        key = queue_key(self._base(queue), "meta")
        return bool(await self._client.ask("HEXISTS", key, wire.SETTINGS["paused"]))

    async def queues(self) -> list[str]:
        names: set[str] = set()
        cursor = "0"
        while True:
            answer: Any = await self._client.ask(
                "SCAN", cursor, "MATCH", settings_pattern(self._prefix), "COUNT", _SCAN_COUNT
            )
            cursor, keys = answer
            names |= {name for key in keys if (name := queue_of_settings(self._prefix, key))}
            if cursor == "0":
                return sorted(names)


def _schedule(schedule_id: str, due: str, fields: Sequence[str]) -> Schedule | None:
    named = dict(zip(fields[::2], fields[1::2], strict=True))
    return schedule_wire.read_schedule(schedule_id, due, named)


def _link(key: str, status: str, value: str) -> ChildLink:
    match ChildStatus(status):
        case ChildStatus.PROCESSED:
            return ChildLink(key, ChildStatus.PROCESSED, value=value)
        case ChildStatus.IGNORED:
            return ChildLink(key, ChildStatus.IGNORED, failure=value)
        case other:
            return ChildLink(key, other)
