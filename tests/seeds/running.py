"""Running the flows of the seed documents, and writing down the order in which jobs start."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from oxherd import FlowJob, FlowProducer, Job, JobNode, Store, Worker, WorkerOptions
from oxherd.domain.flow import as_flow_job

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    Processor = Callable[[Job[Any, Any]], Awaitable[Any]]

WITHIN = 15.0
"""Seconds within which a whole flow must have run."""


@dataclass
class Ran:
    """What became of a flow."""

    node: JobNode
    order: list[str] = field(default_factory=list[str])
    """The names of jobs in the order in which they were started."""
    ended: list[str] = field(default_factory=list[str])
    """The names of jobs in the order in which their processors returned."""
    result: Any = None

    def before(self, first: str, second: str) -> bool:
        """Whether the last run of `first` ended before the first run of `second` began."""
        return self.timeline.index(f"-{first}") < self.timeline.index(f"+{second}")

    timeline: list[str] = field(default_factory=list[str])


async def name_of(job: Job[Any, Any]) -> Any:
    """A processor that returns the job's name."""
    return job.name


def every_queue(flow: FlowJob | Mapping[str, Any]) -> set[str]:
    """The queues of a flow."""
    return {job.queue for job in _jobs(flow)}


def _jobs(flow: FlowJob | Mapping[str, Any]) -> Iterator[FlowJob]:
    todo: list[FlowJob | Mapping[str, Any]] = [flow]
    while todo:
        job = as_flow_job(todo.pop())
        yield job
        todo.extend(job.children)


@asynccontextmanager
async def workers(
    store: Store,
    queues: set[str],
    processor: Processor | Mapping[str, Processor] = name_of,
    *,
    concurrency: int = 5,
) -> AsyncIterator[None]:
    """A worker for each queue."""
    async with AsyncExitStack() as stack:
        for queue in queues:
            options = WorkerOptions(concurrency=concurrency)
            worker = Worker(queue, processor, store=store, options=options)
            await stack.enter_async_context(worker)
        yield


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
        ran.ended.append(job.name)
        ran.timeline.append(f"-{job.name}")
        return value

    async with workers(store, every_queue(flow), process, concurrency=concurrency):
        ran.result = await ran.node.flow.result(WITHIN)
    return ran


async def first_value(job: Job[Any, Any]) -> Any:
    """The first of the children's values, as all seeds read it."""
    return next(iter((await job.get_children_values()).values()))
