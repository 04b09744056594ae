"""What is measured: each function works on a fresh store and answers figures by name."""

from __future__ import annotations

import asyncio
import statistics
import uuid
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from oxherd import FlowJob, FlowProducer, Job, Queue, Worker, WorkerOptions, chain, connect

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from oxherd import Store

Figures = dict[str, float]
Measure = Callable[[str], Awaitable[Figures]]

QUEUE: Final = "bench"
_LIMIT: Final = 120.0


async def add_one_by_one(url: str) -> Figures:
    """Every add waits for its answer."""
    count = 3_000
    async with _queue(url) as queue:
        start = perf_counter()
        for number in range(count):
            await queue.add("noop", {"n": number})
        return {"add, one by one /s": count / (perf_counter() - start)}


async def add_together(url: str) -> Figures:
    """A hundred adders at a time."""
    adders, each = 100, 50
    async with _queue(url) as queue:

        async def adder() -> None:
            for number in range(each):
                await queue.add("noop", {"n": number})

        start = perf_counter()
        await asyncio.gather(*(adder() for _ in range(adders)))
        return {"add, 100 at once /s": adders * each / (perf_counter() - start)}


async def bulk_and_drain(url: str) -> Figures:
    """Ten thousand jobs in one call, then a worker of 50 and, over a part of them, one of 1."""
    count = 10_000
    async with _queue(url) as queue:
        start = perf_counter()
        await queue.add_bulk([("noop", {"n": number}) for number in range(count)])
        added = perf_counter() - start
        wide = await _drain(url, count, 50)
        await queue.add_bulk([("noop", {"n": number}) for number in range(count // 4)])
        narrow = await _drain(url, count // 4, 1)
    return {
        "add_bulk of 10,000 /s": count / added,
        "drain, concurrency 50 /s": count / wide,
        "drain, concurrency 1 /s": count / 4 / narrow,
    }


async def trees(url: str) -> Figures:
    """Parents of ten children, added one flow at a time, then all done."""
    count = 300
    async with _flows(url) as flows:
        start = perf_counter()
        for _ in range(count):
            children = [FlowJob("child", queue=QUEUE) for _ in range(10)]
            await flows.add(FlowJob("parent", queue=QUEUE, children=children))
        added = perf_counter() - start
        done = await _drain(url, count * 11, 50)
    return {"trees of 1+10 added /s": count / added, "trees of 1+10 done /s": count / done}


async def chains(url: str) -> Figures:
    """Chains of five, 500 at a time: steps that free one another."""
    count, live = 1_500, 500
    async with _flows(url) as flows:
        took = 0.0
        for _ in range(count // live):
            await flows.add_bulk(
                [chain([FlowJob("step", queue=QUEUE) for _ in range(5)]) for _ in range(live)]
            )
            took += await _drain(url, live * 5, 50)
    return {"chains of 5 done /s": count / took}


async def idle_latency(url: str) -> Figures:
    """From the call of `add` to the start of the processor, the worker being idle."""
    samples: list[float] = []
    started = asyncio.Event()

    async def note(job: Job[Any, Any]) -> None:  # noqa: ARG001 - what a worker calls
        samples.append(perf_counter())
        started.set()

    async with _queue(url) as queue, Worker(QUEUE, note, store=url):
        for number in range(320):
            await asyncio.sleep(0.005)
            started.clear()
            begin = perf_counter()
            await queue.add("noop", {"n": number})
            async with asyncio.timeout(_LIMIT):
                await started.wait()
            samples[-1] -= begin
    ordered = sorted(1_000 * sample for sample in samples[20:])
    return {
        "idle add→start p50 ms": statistics.median(ordered),
        "idle add→start p99 ms": ordered[int(len(ordered) * 0.99)],
    }


MEASURES: Final[tuple[Measure, ...]] = (
    add_one_by_one,
    add_together,
    bulk_and_drain,
    trees,
    chains,
    idle_latency,
)


def fresh(url: str) -> str:
    """The URL with a prefix that nobody used."""
    return f"{url}{'&' if '?' in url else '?'}prefix=b{uuid.uuid4().hex[:8]}"


async def _drain(url: str, count: int, concurrency: int) -> float:
    """Seconds that one worker takes for `count` jobs, until the last one is stored as done."""
    left = count
    empty = asyncio.Event()

    async def noop(job: Job[Any, Any]) -> None:  # noqa: ARG001 - what a worker calls
        nonlocal left
        left -= 1
        if not left:
            empty.set()

    options = WorkerOptions(concurrency=concurrency)
    start = perf_counter()
    async with Worker(QUEUE, noop, store=url, options=options):
        async with asyncio.timeout(_LIMIT):
            await empty.wait()
    return perf_counter() - start


@asynccontextmanager
async def _store(url: str) -> AsyncGenerator[Store]:
    store = connect(url)
    try:
        yield store
    finally:
        await store.aclose()


@asynccontextmanager
async def _queue(url: str) -> AsyncGenerator[Queue]:
    async with _store(url) as store, Queue(QUEUE, store=store) as queue:
        yield queue


@asynccontextmanager
async def _flows(url: str) -> AsyncGenerator[FlowProducer]:
    async with _store(url) as store, FlowProducer(store=store) as flows:
        yield flows
