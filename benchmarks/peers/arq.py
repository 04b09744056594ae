"""arq."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Worker, func

from benchmarks.peers.contest import JOB, Contest, Data, run

_POLL_SECONDS: Final = 0.001
_KEPT_SECONDS: Final = 3_600


async def add(contest: Contest) -> None:
    pool = await _pool(contest)
    contest.ready()
    for data in contest.jobs():
        await pool.enqueue_job(JOB, data)
    contest.added()


async def together(contest: Contest) -> None:
    pool = await _pool(contest)
    adders = contest.adders

    async def adder() -> None:
        for data in contest.jobs(contest.count // adders):
            await pool.enqueue_job(JOB, data)

    contest.ready()
    await asyncio.gather(*(adder() for _ in range(adders)))
    contest.added()


async def trickle(contest: Contest) -> None:
    pool = await _pool(contest)
    for data in contest.calls():
        await pool.enqueue_job(JOB, data)


async def work(contest: Contest) -> None:
    worker = _worker(contest)
    contest.ready()
    running = asyncio.ensure_future(worker.async_run())
    await asyncio.to_thread(contest.hold)
    running.cancel()


async def idle(contest: Contest) -> None:
    pool = await _pool(contest)
    worker = _worker(contest)
    contest.ready()
    running = asyncio.ensure_future(worker.async_run())
    await contest.one_at_a_time_async(lambda at: pool.enqueue_job(JOB, {"n": 0, "at": at}))
    await asyncio.to_thread(contest.hold)
    running.cancel()


async def _pool(contest: Contest) -> Any:
    return await create_pool(RedisSettings.from_dsn(contest.url))


def _worker(contest: Contest) -> Any:
    async def noop(_context: Any, data: Data) -> int:
        contest.ended(data)
        return int(data["n"])

    return Worker(
        [func(noop, name=JOB)],
        redis_settings=RedisSettings.from_dsn(contest.url),
        max_jobs=contest.concurrency,
        poll_delay=_POLL_SECONDS,
        keep_result=_KEPT_SECONDS if contest.keep else 0,
        handle_signals=False,
    )


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
