"""streaQ."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from streaq import Worker

from benchmarks.peers.contest import JOB, QUEUE, Contest, Data, run

_KEPT_SECONDS: Final = 300
_BULK: Final = 10_000


async def add(contest: Contest) -> None:
    worker, noop = _worker(contest)
    async with worker:
        contest.ready()
        for data in contest.jobs():
            await noop.enqueue(data)
        contest.added()


async def together(contest: Contest) -> None:
    worker, noop = _worker(contest)
    adders = contest.adders

    async def adder() -> None:
        for data in contest.jobs(contest.count // adders):
            await noop.enqueue(data)

    async with worker:
        contest.ready()
        await asyncio.gather(*(adder() for _ in range(adders)))
        contest.added()


async def bulk(contest: Contest) -> None:
    worker, noop = _worker(contest)
    async with worker:
        contest.ready()
        for start in range(0, contest.count, _BULK):
            some = contest.jobs(min(_BULK, contest.count - start))
            await worker.enqueue_many([noop.enqueue(data) for data in some])
        contest.added()


async def trees(contest: Contest) -> None:
    worker, noop = _worker(contest)
    children = contest.children
    async with worker:
        contest.ready()
        for data in contest.jobs():
            below = [noop.enqueue(child) for child in contest.jobs(children)]
            await worker.enqueue_many(below)
            await noop.enqueue(data).start(after=[child.id for child in below])
        contest.added()


async def chains(contest: Contest) -> None:
    worker, noop = _worker(contest)
    async with worker:
        for _ in contest.calls():
            for _ in range(contest.count):
                await _chain(noop, contest)


async def trickle(contest: Contest) -> None:
    worker, noop = _worker(contest)
    async with worker:
        for data in contest.calls():
            await noop.enqueue(data)


async def work(contest: Contest) -> None:
    worker, _ = _worker(contest)
    contest.ready()
    running = asyncio.ensure_future(worker.run_async())
    await asyncio.to_thread(contest.hold)
    running.cancel()


async def idle(contest: Contest) -> None:
    worker, _ = _worker(contest)
    adder, noop = _worker(contest)
    contest.ready()
    running = asyncio.ensure_future(worker.run_async())
    async with adder:
        await contest.one_at_a_time_async(lambda at: _await(noop.enqueue({"n": 0, "at": at})))
        await asyncio.to_thread(contest.hold)
    running.cancel()


async def idle_chains(contest: Contest) -> None:
    worker, _ = _worker(contest)
    adder, noop = _worker(contest)
    contest.ready()
    running = asyncio.ensure_future(worker.run_async())
    async with adder:
        await contest.one_at_a_time_async(lambda at: _chain(noop, contest, at), each=contest.length)
        await asyncio.to_thread(contest.hold)
    running.cancel()


def _worker(contest: Contest) -> tuple[Any, Any]:
    worker: Any = Worker(
        contest.url, queue_name=QUEUE, concurrency=contest.concurrency, handle_signals=False
    )

    @worker.task(name=JOB, silent=True, ttl=_KEPT_SECONDS if contest.keep else 0)
    async def noop(data: Data | int, then: Data | None = None) -> int:
        # The first argument of a step is what the one before returned.
        mine = then if isinstance(data, int) else data
        assert mine is not None
        contest.ended(mine)
        return int(mine["n"])

    return worker, noop


async def _await(task: Any) -> None:
    await task


async def _chain(noop: Any, contest: Contest, at: float | None = None) -> None:
    first, *others = contest.chain(at)
    task = noop.enqueue(first)
    for data in others:
        task = task.then(noop, then=data)
    await task


if __name__ == "__main__":
    run(
        {
            "add": add,
            "together": together,
            "bulk": bulk,
            "load": bulk,
            "trees": trees,
            "chains": chains,
            "trickle": trickle,
            "work": work,
            "idle": idle,
            "idle_chains": idle_chains,
        }
    )
