"""What is only read: records, states, lists, counts, children, logs, queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from oxherd.domain.lifecycle import State
from oxherd.domain.record import ChildLink, ChildStatus, JobRecord
from oxherd.engines.redis import wire
from oxherd.engines.redis.keys import (
    job_part,
    queue_base,
    queue_key,
    queue_of_settings,
    settings_pattern,
)
from oxherd.engines.redis.scripts import SCRIPTS
from oxherd.store import ChildPage, LogPage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.engines.redis.connection import Client

_SCAN_COUNT: Final = "1000"


class Reads:
    """The reading half of the store."""

    def __init__(self, client: Client, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    async def jobs(self, queue: str, job_ids: Sequence[str]) -> list[JobRecord | None]:
        base = queue_base(self._prefix, queue)
        found = await self._client.run(SCRIPTS["records"], base, list(job_ids))
        return [wire.record(queue, job[-1], job[:-1]) if job else None for job in found]

    async def states(self, queue: str, job_ids: Sequence[str]) -> list[State | None]:
        base = queue_base(self._prefix, queue)
        found = await self._client.run(SCRIPTS["states"], base, list(job_ids))
        return [wire.STATES.get(name) for name in found]

    async def list_jobs(
        self, queue: str, state: State, start: int, end: int, *, ascending: bool
    ) -> list[JobRecord]:
        base = queue_base(self._prefix, queue)
        structure = wire.STRUCTURES[state]
        found = await self._client.run(SCRIPTS["page"], base, structure, start, end, int(ascending))
        return [wire.record(queue, job[-1], job[:-1]) for job in found]

    async def counts(self, queue: str) -> dict[State, int]:
        base = queue_base(self._prefix, queue)
        states = list(wire.STRUCTURES)
        names = [wire.STRUCTURES[state] for state in states]
        found = await self._client.run(SCRIPTS["counts"], base, names)
        return dict(zip(states, found, strict=True))

    async def children(self, queue: str, job_id: str, start: int, count: int | None) -> ChildPage:
        base = queue_base(self._prefix, queue)
        total, *found = await self._client.run(
            SCRIPTS["children"], base, job_id, start, -1 if count is None else count
        )
        return ChildPage(tuple(_link(*child) for child in found), total)

    async def logs(self, queue: str, job_id: str, start: int, end: int) -> LogPage:
        key = job_part(queue_base(self._prefix, queue), job_id, "logs")
        lines = await self._client.ask("LRANGE", key, str(start), str(end))
        return LogPage(tuple(lines), await self._client.ask("LLEN", key))

    async def is_paused(self, queue: str) -> bool:
        key = queue_key(queue_base(self._prefix, queue), "meta")
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


def _link(key: str, status: str, value: str) -> ChildLink:
    match ChildStatus(status):
        case ChildStatus.PROCESSED:
            return ChildLink(key, ChildStatus.PROCESSED, value=value)
        case ChildStatus.IGNORED:
            return ChildLink(key, ChildStatus.IGNORED, failure=value)
        case other:
            return ChildLink(key, other)
