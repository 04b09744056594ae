"""How a worker's round trips follow each other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from oxherd import Queue, Worker, WorkerOptions
from tests.runtime.working import echo
from tests.timing import deadline

if TYPE_CHECKING:
    from oxherd import Store

JOBS = 400
SLOTS = 20


async def test_a_busy_store_never_waits_for_the_worker(store: Store) -> None:
    """A second trip leaves before the first is back, never a third, and no slot is used twice."""
    under_way = most_under_way = running = most_running = done = 0
    all_done = asyncio.Event()

    def note(name: str) -> None:
        nonlocal under_way, most_under_way
        if name == "pump.before_answer":
            under_way += 1
            most_under_way = max(most_under_way, under_way)
        elif name == "pump.after_answer":
            under_way -= 1

    async def work(_job: object) -> None:
        nonlocal running, most_running, done
        running += 1
        most_running = max(most_running, running)
        await asyncio.sleep(0)
        running -= 1
        done += 1
        if done == JOBS:
            all_done.set()

    await Queue("q", store=store).add_bulk([("job", {"n": n}) for n in range(JOBS)])
    options = WorkerOptions(concurrency=SLOTS)
    async with Worker("q", work, store=store, options=options, failpoint=note), deadline(10):
        await all_done.wait()
    assert most_under_way == 2
    assert most_running <= SLOTS
    assert under_way == 0


async def test_a_lone_slot_makes_one_trip_at_a_time(store: Store) -> None:
    under_way: list[str] = []

    def note(name: str) -> None:
        if name.startswith("pump."):
            under_way.append(name)

    queue = Queue("q", store=store)
    jobs = await queue.add_bulk([("job", {"n": n}) for n in range(20)])
    async with Worker("q", echo, store=store, failpoint=note):
        for job in jobs:
            await job.result(10)
    assert under_way[::2] == ["pump.before_answer"] * (len(under_way) // 2)
    assert under_way[1::2] == ["pump.after_answer"] * (len(under_way) // 2)
