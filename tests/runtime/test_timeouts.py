"""An attempt that takes too long fails, wherever it runs, and the next job gets its place."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from oxherd import BlockingJob, Cancellation, Job, JobOptions, Queue
from tests.runtime.working import SOON, echo, failure_of, run_one, working

if TYPE_CHECKING:
    from oxherd import Store


async def test_a_coroutine_is_cancelled(store: Store) -> None:
    seen: list[BaseException] = []

    async def process(job: Job) -> None:
        try:
            await asyncio.sleep(60)
        except BaseException as error:
            seen.append(error)
            raise

    queue = Queue("q", store=store)
    async with working(store, {"slow": process, "fast": echo}):
        slow = await queue.add("slow", {}, JobOptions(timeout=0.2))
        fast = await queue.add("fast", 1)
        error = await failure_of(slow, 2.0)
        assert error.reason == "the attempt took longer than its 0.2 s"
        assert await fast.result(SOON) == 1
    assert [type(one) for one in seen] == [asyncio.CancelledError]


async def test_a_function_in_a_thread_is_told_and_left_alone(memory: Store) -> None:
    told = threading.Event()
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def process(job: BlockingJob, token: str, cancellation: Cancellation) -> None:
        cancellation.wait(SOON)
        if cancellation.reason == "the attempt took too long":
            told.set()
        loop.call_soon_threadsafe(done.set)

    queue = Queue("q", store=memory)
    async with working(memory, {"slow": process, "fast": echo}):
        slow = await queue.add("slow", {}, JobOptions(timeout=timedelta(milliseconds=200)))
        fast = await queue.add("fast", 1)
        assert "0.2 s" in (await failure_of(slow, 2.0)).reason
        assert await fast.result(SOON) == 1
        await done.wait()
    assert told.is_set()


async def test_a_thread_that_does_not_listen_keeps_no_slot(memory: Store) -> None:
    end = threading.Event()
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def deaf(job: BlockingJob) -> None:
        end.wait(20)
        loop.call_soon_threadsafe(ended.set)

    def quick(job: BlockingJob) -> str:
        return "quick"

    queue = Queue("q", store=memory)
    try:
        async with working(memory, {"deaf": deaf, "quick": quick}, concurrency=1):
            slow = await queue.add("deaf", {}, JobOptions(timeout=0.2))
            fast = await queue.add("quick")
            await failure_of(slow, 2.0)
            assert await fast.result(2.0) == "quick"
    finally:
        end.set()
        await ended.wait()


async def test_the_worker_has_a_timeout_for_jobs_without_one(memory: Store) -> None:
    async def process(job: Job[float]) -> str:
        await asyncio.sleep(job.data)
        return "done"

    queue = Queue("q", store=memory)
    async with working(memory, process, concurrency=2, timeout=0.2):
        strict = await queue.add("job", 60)
        lax = await queue.add("job", 0.4, JobOptions(timeout=60))
        assert "0.2 s" in (await failure_of(strict, 2.0)).reason
        assert await lax.result(SOON) == "done"


async def test_a_timed_out_attempt_is_retried(store: Store) -> None:
    async def process(job: Job) -> str:
        if not job.attempts_made:
            await asyncio.sleep(60)
        return "second"

    assert await run_one(store, process, {}, JobOptions(attempts=2, timeout=0.2)) == "second"


async def test_a_timeout_of_the_processors_own_keeps_its_words(memory: Store) -> None:
    async def process(job: Job) -> None:
        raise TimeoutError("the bucket is slow")

    queue = Queue("q", store=memory)
    async with working(memory, process):
        job = await queue.add("job", {}, JobOptions(timeout=60))
        assert (await failure_of(job)).reason == "the bucket is slow"


async def test_a_processor_may_end_well_after_it_was_cancelled(memory: Store) -> None:
    """Too late is too late: the time-out counts, whatever is returned then."""

    async def process(job: Job) -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "saved what there was"
        return "never"

    queue = Queue("q", store=memory)
    async with working(memory, process):
        job = await queue.add("job", {}, JobOptions(timeout=0.2))
        with pytest.raises(AssertionError, match="saved what there was"):
            await failure_of(job, 2.0)
