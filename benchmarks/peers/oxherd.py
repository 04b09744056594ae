"""Oxherd on any of its stores."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, closing
from typing import Any, Final

from benchmarks.peers.contest import JOB, QUEUE, Contest, Data, run
from oxherd import FlowJob, FlowProducer, Job, Queue, Worker, WorkerOptions, chain

_BULK: Final = 10_000


async def add(contest: Contest) -> None:
    async with Queue(QUEUE, store=contest.url) as queue:
        await queue.get_job_counts()
        contest.ready()
        for data in contest.jobs():
            await queue.add(JOB, data)
        contest.added()


async def together(contest: Contest) -> None:
    adders = contest.adders
    async with Queue(QUEUE, store=contest.url) as queue:

        async def adder() -> None:
            for data in contest.jobs(contest.count // adders):
                await queue.add(JOB, data)

        await queue.get_job_counts()
        contest.ready()
        await asyncio.gather(*(adder() for _ in range(adders)))
        contest.added()


async def bulk(contest: Contest) -> None:
    async with Queue(QUEUE, store=contest.url) as queue:
        await queue.get_job_counts()
        contest.ready()
        jobs = [(JOB, data) for data in contest.jobs()]
        for start in range(0, len(jobs), _BULK):
            await queue.add_bulk(jobs[start : start + _BULK])
        contest.added()


async def trees(contest: Contest) -> None:
    children = contest.children
    async with FlowProducer(store=contest.url) as flows, Queue(QUEUE, store=contest.url) as queue:
        await queue.get_job_counts()
        contest.ready()
        for data in contest.jobs():
            below = [FlowJob(JOB, queue=QUEUE, data=child) for child in contest.jobs(children)]
            await flows.add(FlowJob(JOB, queue=QUEUE, data=data, children=below))
        contest.added()


async def chains(contest: Contest) -> None:
    async with FlowProducer(store=contest.url) as flows:
        for _ in contest.calls():
            await flows.add_bulk([_chain(contest) for _ in range(contest.count)])


async def trickle(contest: Contest) -> None:
    async with Queue(QUEUE, store=contest.url) as queue:
        await queue.get_job_counts()
        for data in contest.calls():
            await queue.add(JOB, data)


async def work(contest: Contest) -> None:
    async with AsyncExitStack() as stack:
        queue = await stack.enter_async_context(Queue(QUEUE, store=contest.url))
        await queue.get_job_counts()
        worker = _worker(contest)
        contest.ready()
        await stack.enter_async_context(worker)
        await asyncio.to_thread(contest.hold)


async def idle(contest: Contest) -> None:
    async with Queue(QUEUE, store=contest.url) as queue:
        worker = _worker(contest)
        contest.ready()
        async with worker:
            await contest.one_at_a_time_async(lambda at: queue.add(JOB, {"n": 0, "at": at}))
            await asyncio.to_thread(contest.hold)


async def idle_chains(contest: Contest) -> None:
    async with FlowProducer(store=contest.url) as flows:
        worker = _worker(contest)
        contest.ready()
        async with worker:
            await contest.one_at_a_time_async(
                lambda at: flows.add(_chain(contest, at)), each=contest.length
            )
            await asyncio.to_thread(contest.hold)


def commits(contest: Contest) -> None:
    """What the machine can do: one row in one durable transaction after the other."""
    import sqlite3  # noqa: PLC0415 - a worker on Redis does without, and its memory is measured

    path = contest.url.partition("///")[2].partition("?")[0]
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE job (id INTEGER PRIMARY KEY, data TEXT)")
        contest.ready()
        for data in contest.jobs():
            database.execute("INSERT INTO job (data) VALUES (?)", (f"{data}",))
        contest.added()


def _chain(contest: Contest, at: float | None = None) -> FlowJob:
    return chain([FlowJob(JOB, queue=QUEUE, data=data) for data in contest.chain(at)])


def _worker(contest: Contest) -> Worker:
    async def noop(job: Job[Data, Any]) -> None:
        contest.ended(job.data)

    options = WorkerOptions(
        concurrency=contest.concurrency,
        remove_on_complete=None if contest.keep else True,
        autorun=False,
    )
    return Worker(QUEUE, noop, store=contest.url, options=options)


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
            "commits": commits,
        }
    )
