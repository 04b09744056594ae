"""Running the flows of the seed documents, and writing down the order in which jobs start."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from oxherd import (
    Event,
    FlowJob,
    FlowProducer,
    Job,
    JobNode,
    Queue,
    QueueEvents,
    Store,
    Worker,
    WorkerOptions,
)
from oxherd.domain.flow import as_flow_job
from tests.timing import deadline

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping

    Processor = Callable[[Job[Any, Any]], Awaitable[Any]]

WITHIN = 15.0
"""Seconds within which a whole flow must have run."""


@dataclass
class Ran:
    """What became of a flow."""

    node: JobNode
    order: list[str] = field(default_factory=list[str])
    """The names of jobs in the order in which they were started."""
    timeline: list[str] = field(default_factory=list[str])
    """The same with `+`, and with `-` when their processors returned."""
    result: Any = None

    def before(self, first: str, second: str) -> bool:
        """Whether the last run of `first` ended before the first run of `second` began."""
        last = len(self.timeline) - 1 - self.timeline[::-1].index(f"-{first}")
        return last < self.timeline.index(f"+{second}")


async def name_of(job: Job[Any, Any]) -> Any:
    """A processor that returns the job's name."""
    return job.name


async def fails(job: Job[Any, Any]) -> None:
    """A processor that fails with the job's name."""
    raise ValueError(f"{job.name} failed")


async def hangs(job: Job[Any, Any]) -> None:
    """A processor that never ends by itself."""
    await asyncio.Event().wait()


async def first_value(job: Job[Any, Any]) -> Any:
    """The first of the children's values, as all seeds read it."""
    return next(iter((await job.get_children_values()).values()))


async def all_values(job: Job[Any, Any]) -> list[Any]:
    """The children's values, in the order in which they come."""
    return list((await job.get_children_values()).values())


class Gate:
    """A processor that holds its jobs until it is opened, and knows how many it has at once."""

    def __init__(self) -> None:
        self.held = self.most = 0
        self._open = asyncio.Event()

    def open(self) -> None:
        self._open.set()

    async def __call__(self, job: Job[Any, Any]) -> Any:
        self.held += 1
        self.most = max(self.most, self.held)
        await self._open.wait()
        self.held -= 1
        return job.name


def every_queue(flow: FlowJob | Mapping[str, Any]) -> set[str]:
    """The queues of a flow."""
    return {job.queue for job in _jobs(flow)}


def _jobs(flow: FlowJob | Mapping[str, Any]) -> Iterator[FlowJob]:
    todo: list[FlowJob | Mapping[str, Any]] = [flow]
    seen: set[int] = set()
    while todo:
        source = todo.pop()
        if id(source) in seen:
            continue
        seen.add(id(source))
        job = as_flow_job(source)
        yield job
        todo.extend(job.children)


@asynccontextmanager
async def workers(
    store: Store,
    queues: set[str],
    processor: Processor | Mapping[str, Processor] = name_of,
    *,
    concurrency: int = 5,
    **options: Any,
) -> AsyncGenerator[None, None]:
    """A worker for each queue."""
    async with AsyncExitStack() as stack:
        for queue in queues:
            given = WorkerOptions(concurrency=concurrency, **options)
            worker = Worker(queue, processor, store=store, options=given)
            await stack.enter_async_context(worker)
        yield


@asynccontextmanager
async def heard(store: Store, queues: set[str], *kinds: str) -> AsyncGenerator[list[Event], None]:
    """The events of some kinds, of several queues, as they come."""
    events: list[Event] = []
    async with AsyncExitStack() as stack:
        for queue in queues:
            reader = QueueEvents(queue, store=store)
            for kind in kinds:
                reader.on(kind, events.append)
            await stack.enter_async_context(reader)
        yield events


async def run(
    store: Store,
    flow: FlowJob | Mapping[str, Any],
    processors: Mapping[str, Processor] | None = None,
    *,
    concurrency: int = 5,
) -> Ran:
    """Add a flow, run all of it, and tell how it went; raises what `result()` raises."""
    own = processors or {}
    async with FlowProducer(store=store) as flows:
        ran = Ran(await flows.add(flow))

    async def process(job: Job[Any, Any]) -> Any:
        ran.order.append(job.name)
        ran.timeline.append(f"+{job.name}")
        value = await own.get(job.name, name_of)(job)
        ran.timeline.append(f"-{job.name}")
        return value

    async with workers(store, every_queue(flow), process, concurrency=concurrency):
        ran.result = await ran.node.flow.result(WITHIN)
    return ran


async def run_a_job(store: Store, queue: str) -> None:
    """Have the queue's worker run a job of its own: it has asked for all that was ready before."""
    async with deadline(WITHIN):
        await (await Queue(queue, store=store).add("after all the others")).result()
