"""The step jobs article: seeing where a flow is, and steering its steps like any other jobs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from oxherd import FlowProducer, Job, JobFailed, JobNode, Queue, State, Worker
from tests.runtime.working import SOON, until
from tests.seeds.running import fails, run, workers
from tests.seeds.video import ORDER, SENT, STEPS, VIDEO, in_own_queues, transcode
from tests.timing import deadline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from oxherd import Store

QUEUE = "video-pipeline"


@pytest.fixture
async def queue(store: Store) -> AsyncIterator[Queue]:
    async with Queue(QUEUE, store=store) as opened:
        yield opened


@pytest.fixture
async def flow(store: Store) -> JobNode:
    """The article's flow, with no worker yet."""
    async with FlowProducer(store=store) as flows:
        return await flows.add(VIDEO)


def steps(flow: JobNode) -> dict[str, Job[Any, Any]]:
    return {node.job.name: node.job for node in flow.walk()}


async def test_seed_0_2_progress_and_logs_say_where_a_long_job_is(store: Store) -> None:
    """Progress and logs say where a long job is (partly: it has no named steps in the status)."""
    reached = asyncio.Event()
    go = asyncio.Event()

    async def monolith(job: Job) -> None:
        await job.log("downloaded")
        await job.update_progress(20)
        await job.log("transcoding")
        await job.update_progress({"step": "transcode", "percent": 40})
        reached.set()
        await go.wait()

    queue = Queue(QUEUE, store=store)
    async with Worker(QUEUE, monolith, store=store):
        job = await queue.add("video")
        async with deadline(SOON):
            await reached.wait()
        assert (await job.refresh()).progress == {"step": "transcode", "percent": 40}
        assert await job.get_logs() == ["downloaded", "transcoding"]
        go.set()
        await job.result(SOON)


async def test_seed_0_39_the_active_jobs_show_the_current_step(
    store: Store, queue: Queue, flow: JobNode
) -> None:
    """The active jobs show the current step, and the flow's status counts over all queues."""
    go = asyncio.Event()

    async def wait(job: Job) -> Any:
        await go.wait()
        return await transcode(job)

    async with workers(store, {QUEUE}, {**STEPS, "transcode": wait}):
        step = steps(flow)["transcode"]
        await until(step.is_active)
        assert [(job.name, job.id) for job in await queue.get_active()] == [("transcode", step.id)]
        counts = await flow.flow.status()
        assert (counts["completed"], counts["active"], counts["waiting-children"]) == (1, 1, 3)
        go.set()
        assert await flow.flow.result(SOON) == SENT


async def test_seed_0_40_the_failed_jobs_show_which_step_broke(store: Store, queue: Queue) -> None:
    """The failed jobs show which step broke, and why."""

    async def broken(job: Job) -> None:
        raise ValueError("no codec")

    with pytest.raises(JobFailed):
        await run(store, VIDEO, {**STEPS, "transcode": broken})
    reasons = {job.name: job.failed_reason for job in await queue.get_failed()}
    assert reasons["transcode"] == "no codec"


async def test_seed_0_41_the_waiting_parents_can_be_listed(queue: Queue, flow: JobNode) -> None:
    """The steps that wait for the step before them can be listed."""
    assert {job.name for job in await queue.get_waiting_children()} == set(ORDER[1:])


async def test_seed_0_53_every_ancestor_of_the_current_step_waits_for_children(
    store: Store, flow: JobNode
) -> None:
    """Every ancestor of the current step waits for its children; the tree shows where it is."""
    go = asyncio.Event()

    async def wait(job: Job) -> Any:
        await go.wait()
        return await transcode(job)

    async with workers(store, {QUEUE}, {**STEPS, "transcode": wait}):
        await until(steps(flow)["transcode"].is_active)
        async with FlowProducer(store=store) as flows:
            tree = await flows.get_flow(flow.job.id, QUEUE)
        go.set()
        await flow.flow.result(SOON)
    assert {one.job.name: one.state for one in tree.walk()} == {
        "download": State.COMPLETED, "transcode": State.ACTIVE,
        "thumbnail": State.WAITING_CHILDREN, "upload": State.WAITING_CHILDREN,
        "notify": State.WAITING_CHILDREN,
    }  # fmt: skip


async def test_seed_0_54_the_next_step_may_be_in_any_state(store: Store) -> None:
    """The next step may be delayed, prioritized, failed or waiting, and the status has all."""
    steps: list[dict[str, Any]] = [
        {"name": "later", "queueName": "q", "opts": {"delay": 60_000}},
        {"name": "soon", "queueName": "q", "opts": {"priority": 3}},
        {"name": "now", "queueName": "q"},
        {"name": "bad", "queueName": "other", "opts": {"ignoreDependencyOnFailure": True}},
    ]
    async with FlowProducer(store=store) as flows:
        node = await flows.add({"name": "top", "queueName": "q", "children": steps})
    async with workers(store, {"other"}, fails):
        await until(node.children[3].job.is_failed)
    counts = await node.flow.status()
    assert {state: number for state, number in counts.items() if number} == {
        "delayed": 1, "prioritized": 1, "waiting": 1, "waiting-children": 1, "failed": 1,
    }  # fmt: skip


async def test_seed_0_56_steps_are_ordinary_jobs(queue: Queue, flow: JobNode) -> None:
    """Steps are ordinary jobs: they are found by their ids, and can be written to."""
    for name, job in steps(flow).items():
        found = await queue.get_job(job.id)
        assert found is not None
        assert (found.name, found.data) == (name, job.data)
        await found.log("seen")
        await found.update_data({**found.data, "seen": True})
        await found.update_progress(7)
        assert await queue.get_job_logs(found.id) == ["seen"]
        assert ((await job.refresh()).data["seen"], (await job.refresh()).progress) == (True, 7)


async def test_seed_0_56_a_failed_step_is_retried_and_the_flow_goes_on(
    store: Store, queue: Queue
) -> None:
    """A failed step that its parent waits for is run again like any job, and the flow goes on."""
    tree = in_own_queues(VIDEO)
    transcode_step = tree["children"][0]["children"][0]["children"][0]
    transcode_step["opts"] = {"onFailure": "block"}
    async with FlowProducer(store=store) as flows:
        node = await flows.add(tree)
    media = Queue("media-processing", store=store)
    async with workers(store, {"downloads", "media-processing"}, {**STEPS, "transcode": fails}):
        await until(steps(node)["transcode"].is_failed)
    assert await steps(node)["thumbnail"].is_waiting_children()
    assert await media.retry_jobs() == 1
    async with workers(store, {one.job.queue_name for one in node.walk()}, STEPS):
        assert await node.flow.result(SOON) == SENT


async def test_seed_0_56_a_steps_priority_and_delay_can_be_changed(store: Store) -> None:
    """A step's priority and its delay can be changed while it waits."""
    step = {"queueName": "q"}
    children = [
        {**step, "name": "low", "opts": {"priority": 9}},
        {**step, "name": "high", "opts": {"priority": 2}},
        {**step, "name": "late", "opts": {"delay": 60_000}},
    ]
    async with FlowProducer(store=store) as flows:
        node = await flows.add({"name": "top", "queueName": "q", "children": children})
    jobs = steps(node)
    await jobs["low"].change_priority(1)
    await jobs["late"].change_delay(3_600)
    assert (await jobs["late"].refresh()).delay == 3_600
    await jobs["late"].change_priority(5)
    await jobs["late"].promote()
    order: list[str] = []

    async def note(job: Job) -> None:
        order.append(job.name)

    async with workers(store, {"q"}, note, concurrency=1):
        await node.flow.result(SOON)
    assert order == ["low", "high", "late", "top"]


async def test_seed_0_56_removing_a_step_removes_what_is_below(
    store: Store, queue: Queue, flow: JobNode
) -> None:
    """Removing a step removes what is below it, and its parent runs without it."""
    await steps(flow)["upload"].remove()
    assert [job.name for job in await queue.get_jobs()] == ["notify"]

    async def look(job: Job) -> Any:
        return await job.get_children_values()

    async with workers(store, {QUEUE}, look):
        assert await flow.flow.result(SOON) == {}


async def test_seed_0_56_a_step_is_unlinked_from_its_parent(store: Store, flow: JobNode) -> None:
    """A step can be unlinked: its parent waits for it no more, and it stays."""
    jobs = steps(flow)
    assert await jobs["upload"].remove_child_dependency() is True
    assert await jobs["notify"].is_waiting()
    assert await jobs["upload"].is_waiting_children()
    assert await (await jobs["upload"].refresh()).remove_child_dependency() is False


async def test_seed_0_57_a_queue_inspects_the_pipeline(store: Store) -> None:
    """A queue object inspects the pipeline: counts by state, and the jobs themselves."""
    await run(store, VIDEO, STEPS)
    async with Queue(QUEUE, store=store) as queue:
        assert (await queue.get_job_counts())["completed"] == 5
        # Those that end in one millisecond have no order on Redis.
        assert {job.name for job in await queue.get_completed()} == set(ORDER)
