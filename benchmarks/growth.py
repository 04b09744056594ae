"""What a job costs when there are many: waiting beside it, or under the same parent."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from benchmarks.contestants import Contestant
from benchmarks.peers.contest import JOB, QUEUE, now
from benchmarks.program import DONE_SECONDS
from oxherd import FlowJob, FlowProducer, Job, Queue, Store, Worker, WorkerOptions, connect
from oxherd.domain.outcome import Rules, completed

if TYPE_CHECKING:
    from benchmarks.arena import Arena
    from benchmarks.works import Load

_BATCH: Final = 10
_TIMES: Final = 200
_BULK: Final = 10_000
_LOCK_MS: Final = 30_000
_FEW: Final = 10
_TOGETHER: Final = 10_000
_CALL: Final = 1_000
_CONCURRENCY: Final = 100


def waiting(arena: Arena, contestant: Contestant, load: Load) -> Mapping[str, float]:
    """Batches of 10 are claimed and finished: with nothing else waiting, and with many."""

    async def measure() -> tuple[float, float]:
        async with _store(arena, contestant) as store, Queue(QUEUE, store=store) as queue:
            low = [await _once(store, queue) for _ in range(_TIMES)]
            await fill(queue, load.size)
            high = [await _once(store, queue) for _ in range(_TIMES)]
        return statistics.median(low), statistics.median(high)

    low, high = asyncio.run(measure())
    return {"growth_low": low, "growth_high": high, "growth": high / low}


async def _once(store: Store, queue: Queue) -> float:
    """Microseconds for each job; as many are added before, so that the number waiting stays."""
    await fill(queue, _BATCH)
    start = now()
    claimed = await store.claim(QUEUE, _BATCH, token="bench", lock_ms=_LOCK_MS)
    outcomes = [completed(job, "bench", None, Rules()) for job in claimed.jobs]
    await store.complete(QUEUE, outcomes)
    return 1e6 * (now() - start) / _BATCH


async def fill(queue: Queue, count: int) -> None:
    """Add so many jobs, in large calls."""
    for start in range(0, count, _BULK):
        size = min(_BULK, count - start)
        await queue.add_bulk([(JOB, {"n": number}) for number in range(size)])


def children(arena: Arena, contestant: Contestant, load: Load) -> Mapping[str, float]:
    """Parents of 10, 100, … children, added and done; of small ones as many as have 10,000."""
    costs: list[float] = []
    size = _FEW
    while size <= load.size:
        costs.append(asyncio.run(_family(arena, contestant, size)))
        size *= _FEW
    return {
        "children_low": costs[0],
        "children_high": costs[-1],
        "children": max(costs) / costs[0],
    }


async def _family(arena: Arena, contestant: Contestant, size: int) -> float:
    """Microseconds for each job; parents with few children are added several in a call."""
    parents = max(1, _TOGETHER // size)
    left = parents * (size + 1)
    done = asyncio.Event()

    async def noop(_: Job[Any, Any]) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    async with _store(arena, contestant) as store:
        start = now()
        async with FlowProducer(store=store) as flows:
            call = max(1, _CALL // size)
            for added in range(0, parents, call):
                await flows.add_bulk([_parent(size) for _ in range(min(call, parents - added))])
        options = WorkerOptions(concurrency=_CONCURRENCY)
        async with Worker(QUEUE, noop, store=store, options=options):
            await asyncio.wait_for(done.wait(), DONE_SECONDS)
            took = now() - start
    return 1e6 * took / (parents * (size + 1))


def _parent(size: int) -> FlowJob:
    below = [FlowJob(JOB, queue=QUEUE, data={"n": n}) for n in range(size)]
    return FlowJob(JOB, queue=QUEUE, children=below)


@asynccontextmanager
async def _store(arena: Arena, contestant: Contestant) -> AsyncGenerator[Store]:
    store = connect(arena.fresh(contestant))
    try:
        yield store
    finally:
        await store.aclose()
