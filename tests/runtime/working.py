"""Short ways to a running worker, and to what became of a job."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from oxherd import JobFailed, Queue, Worker, WorkerOptions
from tests.timing import deadline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from oxherd import Job, Store

SOON = 5.0
"""Seconds within which anything that is due must have come, on a busy machine."""


@asynccontextmanager
async def working(
    store: Store | str,
    processor: Callable[..., Any] | Mapping[str, Callable[..., Any]],
    *,
    queue: str = "q",
    **options: Any,
) -> AsyncIterator[Worker]:
    """A worker that runs meanwhile."""
    async with Worker(queue, processor, store=store, options=WorkerOptions(**options)) as worker:
        yield worker


async def run_one(
    store: Store,
    processor: Callable[..., Any] | Mapping[str, Callable[..., Any]],
    data: Any = None,
    options: Any = None,
    **worker_options: Any,
) -> Any:
    """The result of one job, run by a worker that is closed then."""
    queue = Queue("q", store=store)
    async with working(store, processor, **worker_options):
        job = await queue.add("job", data, options)
        return await job.result(SOON)


async def failure_of(job: Job[Any, Any], within: float = SOON) -> JobFailed:
    """The error with which a job fails."""
    try:
        value = await job.result(within)
    except JobFailed as error:
        return error
    raise AssertionError(f"the job did not fail; it returned {value!r}")


async def until(condition: Callable[[], object], within: float = SOON) -> None:
    """Return when the condition, plain or asynchronous, holds; look every few milliseconds."""
    async with deadline(within):
        while True:
            holds = condition()
            if await holds if inspect.isawaitable(holds) else holds:
                return
            await asyncio.sleep(0.005)


async def echo(job: Job[Any, Any]) -> Any:
    """A processor that returns its data."""
    return job.data
