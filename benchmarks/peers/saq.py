"""SAQ on Redis."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from saq import Queue, Worker

from benchmarks.peers.contest import JOB, QUEUE, Contest, Data, run

_KEPT_SECONDS: Final = 600
_NOT_KEPT: Final = -1


async def add(contest: Contest) -> None:
    queue = await _queue(contest)
    contest.ready()
    for data in contest.jobs():
        await _enqueue(queue, contest, data)
    contest.added()


async def together(contest: Contest) -> None:
    queue = await _queue(contest)
    adders = contest.adders

    async def adder() -> None:
        for data in contest.jobs(contest.count // adders):
            await _enqueue(queue, contest, data)

    contest.ready()
    await asyncio.gather(*(adder() for _ in range(adders)))
    contest.added()


async def trickle(contest: Contest) -> None:
    queue = await _queue(contest)
    for data in contest.calls():
        await _enqueue(queue, contest, data)


async def work(contest: Contest) -> None:
    worker = _worker(await _queue(contest), contest)
    contest.ready()
    running = asyncio.ensure_future(worker.start())
    await asyncio.to_thread(contest.hold)
    running.cancel()


async def idle(contest: Contest) -> None:
    queue = await _queue(contest)
    worker = _worker(queue, contest)
    contest.ready()
    running = asyncio.ensure_future(worker.start())
    await contest.one_at_a_time_async(lambda at: _enqueue(queue, contest, {"n": 0, "at": at}))
    await asyncio.to_thread(contest.hold)
    running.cancel()


async def _queue(contest: Contest) -> Any:
    queue = Queue.from_url(contest.url, name=QUEUE)
    await queue.connect()
    await queue.count("queued")
    return queue


async def _enqueue(queue: Any, contest: Contest, data: Data) -> Any:
    return await queue.enqueue(JOB, data=data, ttl=_KEPT_SECONDS if contest.keep else _NOT_KEPT)


def _worker(queue: Any, contest: Contest) -> Any:
    async def noop(_context: Any, *, data: Data) -> int:
        contest.ended(data)
        return int(data["n"])

    return Worker(queue, [(JOB, noop)], concurrency=contest.concurrency)


if __name__ == "__main__":
    run(
        {
            "add": add,
            "together": together,
            "load": together,
            "trickle": trickle,
            "work": work,
            "idle": idle,
        }
    )
