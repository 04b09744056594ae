"""What a scene asks of a side; and of the server, whoever plays."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from base64 import b64encode
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from tests.interop.goldens.dump import Dump, dump

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

START_MS: Final = 1_800_000_000_445
"""When every scene starts."""

_PAUSE_SECONDS: Final = 0.004
_PATIENCE: Final = 2_000
"""So many pauses, and a scene is stuck."""


class Side(ABC):
    """Plays a scene under a prefix of its own, at a time that stands still, and takes dumps."""

    def __init__(self, server: Any, prefix: str) -> None:
        self.server = server
        self.prefix = prefix
        self.now_ms = START_MS
        self.dumps: list[Dump] = []
        self._names: dict[str, str] = {}

    # Adding; everything in BullMQ's form

    @abstractmethod
    async def add(self, queue: str, job_id: str | None = None, **job: Any) -> str:
        """Add a job: `name`, `data` and options."""

    @abstractmethod
    async def add_bulk(self, queue: str, jobs: Sequence[Mapping[str, Any]]) -> list[str]:
        """Add jobs in one call."""

    @abstractmethod
    async def add_flow(self, flow: dict[str, Any]) -> None:
        """Add a flow."""

    @abstractmethod
    async def schedule(
        self, queue: str, schedule_id: str, repeat: dict[str, Any], template: dict[str, Any]
    ) -> str | None:
        """Put a job scheduler; answers the id of its next job."""

    # Steering

    @abstractmethod
    async def queue(self, queue: str, verb: str, *arguments: Any) -> None:
        """Call a method of a queue's, by BullMQ's name and with its arguments."""

    @abstractmethod
    async def job(self, queue: str, job_id: str, verb: str, *arguments: Any) -> None:
        """Call a method of a job's, by BullMQ's name and with its arguments."""

    @abstractmethod
    async def set_time(self, now_ms: int) -> None:
        """Let it be so late."""

    @abstractmethod
    async def start(self, queue: str, options: dict[str, Any]) -> Any:
        """A running worker."""

    @abstractmethod
    async def held(self) -> int:
        """How many processors hold a job."""

    @abstractmethod
    async def let_go(self) -> None:
        """Jobs that are held go on."""

    @abstractmethod
    async def stop(self, worker: Any) -> None:
        """End a worker in order."""

    # What is the same for both

    async def advance(self, milliseconds: int) -> None:
        """Time passes."""
        self.now_ms += milliseconds
        await self.set_time(self.now_ms)

    def look(self) -> None:
        """Take a dump."""
        self.dumps.append(dump(self.server, self.prefix, self._names))

    def call(self, job_id: str, name: str) -> None:
        """In dumps, an id that a side made itself is called so."""
        self._names[job_id] = name

    @asynccontextmanager
    async def working(self, queue: str, *, left: int = 0, **options: Any) -> AsyncGenerator[None]:
        """A worker of one queue, with one job at a time, from its first claim until it is idle.

        Held back by a limit it is never idle; then it works until so many jobs are `left`.
        """
        worker = await self.start(queue, options)
        try:
            yield
            if left:
                await self._until(lambda: self._has_left(queue, left), queue)
            else:
                await self._until(lambda: self._is_idle(queue), queue)
        finally:
            await self.stop(worker)

    @asynccontextmanager
    async def holding(self, queue: str, **options: Any) -> AsyncGenerator[None]:
        """The same, and the block runs while the worker has a job that holds."""
        async with self.working(queue, **options):
            await self._until(self.held, queue)
            yield
            await self.let_go()

    async def work(self, *queues: str, **options: Any) -> None:
        """Work each of the queues off, one after the other."""
        for queue in queues:
            async with self.working(queue, **options):
                pass

    async def crash(self, queue: str, job_id: str) -> None:
        """What a worker leaves that took a job and died; its lock has expired since."""
        key = self._key(queue, job_id)
        assert self.server.lrem(self._key(queue, "wait"), 1, job_id)
        self.server.lpush(self._key(queue, "active"), job_id)
        self.server.hset(key, "processedOn", self.now_ms)
        self.server.hincrby(key, "ats", 1)

    async def forget_the_check(self, queue: str) -> None:
        """Wait until the throttle of the checks for stalled jobs has expired."""

        async def is_gone() -> bool:
            return not self.server.exists(self._key(queue, "stalled-check"))

        await self._until(is_gone, queue)

    async def _until(self, condition: Callable[[], Awaitable[bool | int]], queue: str) -> None:
        for _ in range(_PATIENCE):
            if await condition():
                return
            await asyncio.sleep(_PAUSE_SECONDS)
        found = dump(self.server, self.prefix, self._names)
        raise AssertionError(f"queue {queue} does not come to rest: {found}")

    async def _has_left(self, queue: str, left: int) -> bool:
        ready = self.server.llen(self._key(queue, "wait"))
        ready += self.server.zcard(self._key(queue, "prioritized"))
        is_held = self.server.exists(self._key(queue, "limiter"))
        return bool(is_held and ready == left and not self.server.llen(self._key(queue, "active")))

    async def _is_idle(self, queue: str) -> bool:
        """Nothing is ready or active, and a worker waits for more."""
        paused = self.server.hexists(self._key(queue, "meta"), "paused")
        ready = not paused and (
            self.server.llen(self._key(queue, "wait"))
            or self.server.zcard(self._key(queue, "prioritized"))
            or self.server.zcount(self._key(queue, "delayed"), 0, (self.now_ms + 1) * 4096 - 1)
        )
        if ready or self.server.llen(self._key(queue, "active")):
            return False
        return bool(self.server.exists(self._key(queue, "stalled-check"))) and self._waits(queue)

    def _waits(self, queue: str) -> bool:
        name = f"{self.prefix}:{b64encode(queue.encode()).decode()}"
        return any(
            client["name"].split(":w:")[0] == name and "b" in client["flags"]
            for client in self.server.client_list()
        )

    def _key(self, queue: str, name: str) -> str:
        return f"{self.prefix}:{queue}:{name}"


def task(job_id: str, data: Any = None, **opts: Any) -> dict[str, Any]:
    """A job of a bulk."""
    return {"name": "task", "data": data or {}, "opts": {"jobId": job_id, **opts}}


def node(
    queue: str, job_id: str, *children: dict[str, Any], data: Any = None, **opts: Any
) -> dict[str, Any]:
    """A job of a flow."""
    return {"queueName": queue, **task(job_id, data, **opts), "children": list(children)}
