"""The two sides of the wire, with the same verbs."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from oxherd import FlowProducer, Queue, Worker, WorkerOptions
from tests.interop.processing import backoff, perform

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from oxherd.store import Store
    from tests.interop.node import NodeProgram

_PAUSE: Final = 0.01
_POLICIES: Final = frozenset(
    {
        "failParentOnFailure", "continueParentOnFailure", "ignoreDependencyOnFailure",
        "removeDependencyOnFailure",
    }
)  # fmt: skip


class Works(Protocol):
    """Processes jobs."""

    def working(
        self, queue: str, concurrency: int = 5, **options: Any
    ) -> AbstractAsyncContextManager[None]:
        """A worker of a queue while the block runs; what a job does is in its data.

        `options` are BullMQ's: `limiter`, `metrics`.
        """
        ...


class Side(Works, Protocol):
    """Adds and processes jobs."""

    async def add(self, queue: str, jobs: Sequence[Mapping[str, Any]]) -> list[str]:
        """Add jobs one after the other; answers their ids."""
        ...

    async def add_bulk(self, queue: str, jobs: Sequence[Mapping[str, Any]]) -> list[str]:
        """Add jobs in one call; answers their ids."""
        ...

    async def add_flow(self, flow: dict[str, Any]) -> None:
        """Add a flow."""
        ...


class NodeSide:
    """BullMQ."""

    def __init__(self, client: NodeProgram, workers: NodeProgram, prefix: str) -> None:
        self._client = client
        self._workers = workers
        self._prefix = prefix

    async def add(self, queue: str, jobs: Sequence[Mapping[str, Any]]) -> list[str]:
        return [
            await self._client.ask("add", prefix=self._prefix, queue=queue, **job) for job in jobs
        ]

    async def add_bulk(self, queue: str, jobs: Sequence[Mapping[str, Any]]) -> list[str]:
        answer: list[str] = await self._client.ask(
            "addBulk", prefix=self._prefix, queue=queue, jobs=list(jobs)
        )
        return answer

    async def add_flow(self, flow: dict[str, Any]) -> None:
        await self._client.ask("addFlow", prefix=self._prefix, flow=flow)

    @asynccontextmanager
    async def working(
        self, queue: str, concurrency: int = 5, **options: Any
    ) -> AsyncGenerator[None]:
        worker = await self._workers.ask(
            "start",
            prefix=self._prefix,
            queue=queue,
            options={"concurrency": concurrency, **options},
        )
        try:
            yield
        finally:
            await self._workers.ask("stop", worker=worker)


class OxherdSide:
    """Us."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, queue: str, jobs: Sequence[Mapping[str, Any]]) -> list[str]:
        async with Queue(queue, store=self._store) as owner:
            return [(await owner.add(job["name"], job["data"], job["opts"])).id for job in jobs]

    async def add_bulk(self, queue: str, jobs: Sequence[Mapping[str, Any]]) -> list[str]:
        async with Queue(queue, store=self._store) as owner:
            return [job.id for job in await owner.add_bulk(jobs)]

    async def add_flow(self, flow: dict[str, Any]) -> None:
        async with FlowProducer(store=self._store) as flows:
            await flows.add(waiting_by_default(flow, is_root=True))

    @asynccontextmanager
    async def working(
        self, queue: str, concurrency: int = 5, **options: Any
    ) -> AsyncGenerator[None]:
        metrics = options.get("metrics", {}).get("maxDataPoints")
        own = WorkerOptions(
            concurrency=concurrency,
            drain_delay=1,
            limiter=options.get("limiter"),
            metrics=metrics,
            backoffs={"ours": backoff},
        )
        async with Worker(queue, perform, store=self._store, options=own):
            yield


class BothSides:
    """A worker of each side on the same queue; adding is not its business."""

    def __init__(self, one: Side, other: Side) -> None:
        self._sides = one, other

    @asynccontextmanager
    async def working(
        self, queue: str, concurrency: int = 5, **options: Any
    ) -> AsyncGenerator[None]:
        one, other = self._sides
        async with (
            one.working(queue, concurrency, **options),
            other.working(queue, concurrency, **options),
        ):
            yield


async def until(condition: Any, what: str, seconds: float = 12.0) -> Any:
    """What `condition` answers once it is true."""
    for _ in range(int(seconds / _PAUSE)):
        answer = await condition()
        if answer:
            return answer
        await asyncio.sleep(_PAUSE)
    raise AssertionError(f"{what} did not come about within {seconds} s")


def waiting_by_default(node: dict[str, Any], *, is_root: bool) -> dict[str, Any]:
    """Oxherd's parents fail with their children unless told otherwise; BullMQ's wait."""
    options = dict(node["opts"])
    if not is_root and not _POLICIES & options.keys():
        options["onFailure"] = "block"
    children = [waiting_by_default(x, is_root=False) for x in node.get("children", [])]
    return {**node, "opts": options, "children": children}
