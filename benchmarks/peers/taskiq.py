"""Taskiq on a Redis stream, which acknowledges; chains by taskiq-pipelines."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from taskiq.api import run_receiver_task
from taskiq_pipelines import Pipeline, PipelineMiddleware
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from benchmarks.peers.contest import JOB, QUEUE, Contest, Data, run

_KEPT_SECONDS: Final = 600


async def add(contest: Contest) -> None:
    _, noop = await _broker(contest)
    contest.ready()
    for data in contest.jobs():
        await noop.kiq(data)
    contest.added()


async def together(contest: Contest) -> None:
    _, noop = await _broker(contest)
    adders = contest.adders

    async def adder() -> None:
        for data in contest.jobs(contest.count // adders):
            await noop.kiq(data)

    contest.ready()
    await asyncio.gather(*(adder() for _ in range(adders)))
    contest.added()


async def chains(contest: Contest) -> None:
    broker, noop = await _broker(contest)
    for _ in contest.calls():
        for _ in range(contest.count):
            await _chain(broker, noop, contest)


async def trickle(contest: Contest) -> None:
    _, noop = await _broker(contest)
    for data in contest.calls():
        await noop.kiq(data)


async def work(contest: Contest) -> None:
    broker, _ = await _broker(contest)
    contest.ready()
    running = asyncio.ensure_future(_receive(broker, contest))
    await asyncio.to_thread(contest.hold)
    running.cancel()


async def idle(contest: Contest) -> None:
    broker, noop = await _broker(contest)
    contest.ready()
    running = asyncio.ensure_future(_receive(broker, contest))
    await contest.one_at_a_time_async(lambda at: noop.kiq({"n": 0, "at": at}))
    await asyncio.to_thread(contest.hold)
    running.cancel()


async def idle_chains(contest: Contest) -> None:
    broker, noop = await _broker(contest)
    contest.ready()
    running = asyncio.ensure_future(_receive(broker, contest))
    await contest.one_at_a_time_async(
        lambda at: _chain(broker, noop, contest, at), each=contest.length
    )
    await asyncio.to_thread(contest.hold)
    running.cancel()


async def _broker(contest: Contest) -> tuple[Any, Any]:
    # From the stream's start: most jobs are there before the worker is.
    broker: Any = RedisStreamBroker(contest.url, queue_name=QUEUE, consumer_id="0")
    if contest.keep:
        backend: Any = RedisAsyncResultBackend(contest.url, result_ex_time=_KEPT_SECONDS)
        broker = broker.with_result_backend(backend)
    broker = broker.with_middlewares(PipelineMiddleware())

    @broker.task(task_name=JOB)
    async def noop(data: Data) -> int:
        contest.ended(data)
        return int(data["n"])

    await broker.startup()
    return broker, noop


async def _receive(broker: Any, contest: Contest) -> None:
    await run_receiver_task(
        broker, max_async_tasks=contest.concurrency, max_prefetch=contest.concurrency
    )


async def _chain(broker: Any, noop: Any, contest: Contest, at: float | None = None) -> None:
    first, *others = contest.chain(at)
    pipeline: Any = Pipeline(broker, noop)
    for data in others:
        pipeline = pipeline.call_after(noop, data=data)
    await pipeline.kiq(data=first)


if __name__ == "__main__":
    run(
        {
            "add": add,
            "together": together,
            "load": together,
            "chains": chains,
            "trickle": trickle,
            "work": work,
            "idle": idle,
            "idle_chains": idle_chains,
        }
    )
