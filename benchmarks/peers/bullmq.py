"""BullMQ's Python package, or another one with its names."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any, Final

from benchmarks.peers.contest import JOB, QUEUE, Contest, Data, run

_BULK: Final = 10_000


async def add(contest: Contest) -> None:
    queue = await _queue(contest)
    contest.ready()
    for data in contest.jobs():
        await queue.add(JOB, data)
    contest.added()
    await queue.close()


async def together(contest: Contest) -> None:
    adders = contest.adders
    queue = await _queue(contest)

    async def adder() -> None:
        for data in contest.jobs(contest.count // adders):
            await queue.add(JOB, data)

    contest.ready()
    await asyncio.gather(*(adder() for _ in range(adders)))
    contest.added()
    await queue.close()


async def bulk(contest: Contest) -> None:
    queue = await _queue(contest)
    contest.ready()
    jobs = [{"name": JOB, "data": data} for data in contest.jobs()]
    for start in range(0, len(jobs), _BULK):
        await queue.addBulk(jobs[start : start + _BULK])
    contest.added()
    await queue.close()


async def trees(contest: Contest) -> None:
    children = contest.children
    flows = _flows(contest)
    contest.ready()
    for data in contest.jobs():
        below = [_node(child) for child in contest.jobs(children)]
        await flows.add(_node(data, below))
    contest.added()
    await flows.close()


async def chains(contest: Contest) -> None:
    flows = _flows(contest)
    for _ in contest.calls():
        await flows.addBulk([_chain(contest) for _ in range(contest.count)])


async def trickle(contest: Contest) -> None:
    queue = await _queue(contest)
    for data in contest.calls():
        await queue.add(JOB, data)


async def work(contest: Contest) -> None:
    worker = _worker(contest)
    contest.ready()
    running = asyncio.ensure_future(worker.run())
    await asyncio.to_thread(contest.hold)
    running.cancel()


async def idle(contest: Contest) -> None:
    queue = await _queue(contest)
    worker = _worker(contest)
    contest.ready()
    running = asyncio.ensure_future(worker.run())
    await contest.one_at_a_time_async(lambda at: queue.add(JOB, {"n": 0, "at": at}))
    await asyncio.to_thread(contest.hold)
    running.cancel()


async def idle_chains(contest: Contest) -> None:
    flows = _flows(contest)
    worker = _worker(contest)
    contest.ready()
    running = asyncio.ensure_future(worker.run())
    await contest.one_at_a_time_async(
        lambda at: flows.add(_chain(contest, at)), each=contest.length
    )
    await asyncio.to_thread(contest.hold)
    running.cancel()


def _package(contest: Contest) -> Any:
    return import_module(str(contest.arguments.get("package", "bullmq")))


def _options(contest: Contest) -> dict[str, Any]:
    return {"connection": contest.url}


async def _queue(contest: Contest) -> Any:
    queue = _package(contest).Queue(QUEUE, _options(contest))
    await queue.getJobCounts("waiting")
    return queue


def _flows(contest: Contest) -> Any:
    return _package(contest).FlowProducer(contest.url)


def _worker(contest: Contest) -> Any:
    async def noop(job: Any, token: str) -> None:  # noqa: ARG001 - what a worker calls
        contest.ended(job.data)

    options = {**_options(contest), "concurrency": contest.concurrency, "autorun": False}
    if not contest.keep:
        options["removeOnComplete"] = {"count": 0}
    return _package(contest).Worker(QUEUE, noop, options)


def _node(data: Data, children: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    node: dict[str, Any] = {"name": JOB, "queueName": QUEUE, "data": data}
    if children:
        node["children"] = children
    return node


def _chain(contest: Contest, at: float | None = None) -> dict[str, Any]:
    first, *others = contest.chain(at)
    node = _node(first)
    for data in others:
        node = _node(data, [node])
    return node


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
