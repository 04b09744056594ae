"""The drop-in's deduplication, by BullMQ's modes."""

from __future__ import annotations

import asyncio
from typing import Any

from oxherd.bullmq import Queue, Worker
from tests.timing import deadline


async def test_simple_until_the_owner_ends(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    same = {"deduplication": {"id": "same"}}
    first = await queue.add("task", {"color": "white"}, same)
    second = await queue.add("task", {"color": "black"}, same)
    other = await queue.add("task", {}, {"deduplication": {"id": "other"}})
    assert first.id == second.id != other.id
    assert await queue.getDeduplicationJobId("same") == first.id
    assert await queue.getDebounceJobId("same") == first.id
    assert [job.data for job in await queue.getWaiting()] == [{"color": "white"}, {}]
    worker = Worker("work", None, opts)
    job = await worker.getNextJob("t")
    assert job is not None
    await job.moveToCompleted(None, "t")
    third = await queue.add("task", {}, same)
    assert third.id not in (first.id, other.id)
    await worker.close()
    await queue.close()


async def test_throttled_for_a_while(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    same = {"deduplication": {"id": "same", "ttl": 150}}
    first = await queue.add("task", {}, same)
    assert (await queue.add("task", {}, same)).id == first.id
    async with deadline(5):
        while await queue.getDeduplicationJobId("same") is not None:
            await asyncio.sleep(0.01)
    assert (await queue.add("task", {}, same)).id != first.id
    await queue.close()


async def test_debounced_to_the_last(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    mode = {"id": "same", "ttl": 2_000, "extend": True, "replace": True}
    for number in range(5):
        await queue.add("task", {"n": number}, {"deduplication": mode, "delay": 60_000})
    (left,) = await queue.getDelayed()
    assert left.data == {"n": 4}
    assert await queue.getDeduplicationJobId("same") == left.id
    await queue.close()


async def test_each_dropped_job_extends_the_time(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    mode = {"deduplication": {"id": "same", "ttl": 60_000, "extend": True}}
    first = await queue.add("task", {}, mode)
    key = f"{queue.keys['de']}:same"
    await queue.client.pexpire(key, 1_000)
    assert (await queue.add("task", {}, mode)).id == first.id
    assert await queue.client.pttl(key) > 50_000
    await queue.close()


async def test_a_key_is_freed_by_hand(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    same = {"deduplication": {"id": "same"}}
    first = await queue.add("task", {}, same)
    assert await queue.removeDeduplicationKey("same") == 1
    assert await queue.removeDebounceKey("same") == 0
    assert (await queue.add("task", {}, same)).id != first.id
    await queue.close()


async def test_without_an_id_nothing_is_alike(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    jobs = [await queue.add("task", {}, {"deduplication": {"ttl": 1000}}) for _ in range(2)]
    assert [job.deduplication_id for job in jobs] == [None, None]
    assert await queue.count() == 2
    await queue.close()
