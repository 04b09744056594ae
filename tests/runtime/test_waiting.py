"""Waiting for a job's end: it always comes to an answer, whatever became of the job."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from oxherd import FlowProducer, Job, JobFailed, JobOptions, JobRemoved, OnFailure, Queue, State
from tests.runtime.working import SOON, echo, failure_of, until, working
from tests.timing import deadline

if TYPE_CHECKING:
    from oxherd import Store


async def fails(job: Job) -> None:
    raise ValueError("on purpose")


async def test_a_job_that_has_completed_answers_at_once(store: Store) -> None:
    queue = Queue("q", store=store)
    async with working(store, echo):
        job = await queue.add("job", {"a": 1})
        await until(job.is_completed)
    assert await job.result(0.5) == {"a": 1}
    assert await job.wait_until_finished(timedelta(seconds=0.5)) == {"a": 1}


async def test_a_job_that_has_failed_raises_with_the_stack_trace(store: Store) -> None:
    queue = Queue("q", store=store)
    async with working(store, fails):
        job = await queue.add("job")
        await until(job.is_failed)
    with pytest.raises(JobFailed) as caught:
        await job.result(0.5)
    assert caught.value.reason == "on purpose"
    assert caught.value.job_id == job.id
    assert "ValueError: on purpose" in str(caught.value)
    assert "in fails" in caught.value.stacktrace[-1]


@pytest.mark.parametrize("delay", [0.0, 0.2])
async def test_a_job_that_ends_while_it_is_awaited(store: Store, delay: float) -> None:
    queue = Queue("q", store=store)
    job = await queue.add("job", 5, JobOptions(delay=delay))
    waiting = asyncio.ensure_future(job.result(SOON))
    async with working(store, echo):
        assert await waiting == 5


async def test_a_job_that_never_existed_is_removed(store: Store) -> None:
    queue = Queue("q", store=store)
    job = await queue.add("job")
    await job.remove()
    async with deadline(2):
        with pytest.raises(JobRemoved):
            await job.result()


async def test_a_job_that_is_removed_while_it_is_awaited(store: Store) -> None:
    queue = Queue("q", store=store)
    job = await queue.add("job")
    waiting = asyncio.ensure_future(job.result())
    await asyncio.sleep(0.05)
    await job.remove()
    async with deadline(2):
        with pytest.raises(JobRemoved):
            await waiting


async def test_a_job_that_is_not_kept_is_found_in_the_events(store: Store) -> None:
    queue = Queue("q", store=store)
    options = JobOptions(remove_on_complete=True, remove_on_fail=True)
    async with working(store, {"good": echo, "bad": fails}):
        before = await queue.add("good", 1, options)
        bad = await queue.add("bad", 2, options)
        waiting = asyncio.ensure_future(before.result())
        async with deadline(SOON):
            assert await waiting == 1
            await until(lambda: _gone(bad))
        async with deadline(2):
            assert await before.result() == 1
            with pytest.raises(JobFailed, match="on purpose"):
                await bad.result()


async def _gone(job: Job) -> bool:
    return await job.get_state() is None


async def test_the_wait_never_outlives_its_timeout(store: Store) -> None:
    loop = asyncio.get_running_loop()
    queue = Queue("q", store=store)
    job = await queue.add("job")
    for timeout in (0, 0.05, 0.3, timedelta(milliseconds=50)):
        started = loop.time()
        with pytest.raises(TimeoutError, match=job.id):
            await job.result(timeout)
        assert loop.time() - started < 1.0


async def test_a_wait_can_be_cancelled_at_any_moment(store: Store) -> None:
    queue = Queue("q", store=store)
    job = await queue.add("job")
    for number in range(10):
        waiting = asyncio.ensure_future(job.result())
        await asyncio.sleep(number * 0.001)
        waiting.cancel()
        async with deadline(1.5):
            with pytest.raises(asyncio.CancelledError):
                await waiting


async def test_a_failed_child_is_told_without_a_worker_for_its_parents(store: Store) -> None:
    async with FlowProducer(store=store) as flows, working(store, fails, queue="below"):
        node = await flows.add(
            {
                "name": "top",
                "queue": "nobody",
                "children": [
                    {
                        "name": "middle",
                        "queue": "nobody",
                        "children": [{"name": "leaf", "queue": "below"}],
                    }
                ],
            }
        )
        leaf = node.children[0].children[0].job
        for waiting in (node.flow.result(), node.job.result(), node.children[0].job.result()):
            async with deadline(3):
                with pytest.raises(JobFailed) as caught:
                    await waiting
            assert leaf.key in caught.value.reason
    assert await node.job.get_state() is State.WAITING_CHILDREN
    assert (await node.flow.status())["failed"] >= 1


async def test_a_failed_child_that_does_not_fail_its_parent_is_waited_for(store: Store) -> None:
    async with FlowProducer(store=store) as flows, working(store, fails, queue="below"):
        node = await flows.add(
            {
                "name": "top",
                "queue": "q",
                "children": [{"name": "leaf", "queue": "below", "opts": {"onFailure": "block"}}],
            }
        )
        await until(node.children[0].job.is_failed)
        with pytest.raises(TimeoutError):
            await node.flow.result(0.3)
        await node.children[0].job.remove()
        async with working(store, echo):
            assert await node.flow.result(SOON) == {}


async def test_a_child_that_is_retried_in_time_withdraws_the_failure(store: Store) -> None:
    fixed = False

    async def process(job: Job) -> str:
        if not fixed:
            raise ValueError("on purpose")
        return "mended"

    async with FlowProducer(store=store) as flows:
        node = await flows.add(
            {"name": "top", "queue": "q", "children": [{"name": "leaf", "queue": "below"}]}
        )
        child = node.children[0].job
        async with working(store, process, queue="below"):
            await until(child.is_failed)
            fixed = True
            await child.retry()
            assert await child.result(SOON) == "mended"
        async with working(store, lambda job: job.get_child_value()):
            assert await node.flow.result(SOON) == "mended"


async def test_many_can_wait_at_once(store: Store) -> None:
    queue = Queue("q", store=store)
    jobs = await queue.add_bulk([("job", number) for number in range(50)])
    async with deadline(15), working(store, echo, concurrency=10):
        waiting = [job.result() for job in jobs for _ in range(2)]
        results = await asyncio.gather(*waiting)
    assert results == [number for number in range(50) for _ in range(2)]


async def test_a_policy_of_the_edge_decides_and_not_that_of_the_job(store: Store) -> None:
    async with FlowProducer(store=store) as flows, working(store, fails, queue="below"):
        node = await flows.add(
            {
                "name": "top",
                "queue": "q",
                "children": [
                    {
                        "name": "leaf",
                        "queue": "below",
                        "opts": {"onFailure": OnFailure.IGNORE.value},
                    }
                ],
            }
        )
        async with working(store, echo):
            assert await node.flow.result(SOON) == {}


async def test_no_time_at_all_is_enough_for_what_has_ended(store: Store) -> None:
    async def process(job: Job) -> int:
        if job.name == "bad":
            raise ValueError("no")
        return 5

    queue = Queue("q", store=store)
    good, bad = await queue.add("good"), await queue.add("bad")
    with pytest.raises(TimeoutError, match="has not finished"):
        await good.result(0)
    async with working(store, process):
        await good.result(SOON)
        await failure_of(bad)
    assert await good.result(0) == 5
    assert await good.result(timedelta(0)) == 5
    with pytest.raises(JobFailed, match="no"):
        await bad.result(0)
    await good.remove()
    assert await good.result(0) == 5
