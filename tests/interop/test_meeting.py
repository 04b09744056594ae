"""Both sides at work on the same queues: waking, waiting, pausing, rescuing, retrying."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from oxherd import FlowJob, FlowProducer, Job, OnFailure, Queue, State, Worker, WorkerOptions
from tests.interop.cases import HOUR, job, node
from tests.interop.node import NodeError, NodeProgram
from tests.interop.processing import perform
from tests.interop.sides import NodeSide, OxherdSide, until
from tests.timing import deadline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from oxherd.store import Store

pytestmark = pytest.mark.timeout(120)

LONG: float = 60
"""Seconds that an idle worker would sleep if nobody woke it."""


@pytest.fixture
def theirs(client: NodeProgram, workers: NodeProgram, prefix: str) -> NodeSide:
    return NodeSide(client, workers, prefix)


@pytest.fixture
def ours(store: Store) -> OxherdSide:
    return OxherdSide(store)


@pytest.fixture
async def queue(store: Store) -> AsyncIterator[Queue]:
    async with Queue("work", store=store) as opened:
        yield opened


async def in_state(queue: Queue, job_id: str, state: State) -> Job[Any, Any]:
    async def there() -> Job[Any, Any] | None:
        is_there = await queue.get_job_state(job_id) is state
        return await queue.get_job(job_id) if is_there else None

    found: Job[Any, Any] = await until(there, f"{job_id} {state}")
    return found


async def test_bulk_adds_with_ids_of_the_sides_own(
    theirs: NodeSide, ours: OxherdSide, queue: Queue
) -> None:
    jobs = [{"name": "task", "data": {"returns": n}, "opts": {}} for n in range(20)]
    ids = [*await theirs.add_bulk("work", jobs), *await ours.add_bulk("work", jobs)]
    assert len(set(ids)) == 40
    async with theirs.working("work"), ours.working("work"):
        for number, job_id in enumerate(ids):
            assert (await in_state(queue, job_id, State.COMPLETED)).returnvalue == number % 20


async def test_workers_of_both_sides_share_a_queue(
    theirs: NodeSide, ours: OxherdSide, queue: Queue, client: NodeProgram, prefix: str
) -> None:
    jobs = [{"name": "task", "data": {"takes": 5, "returns": n}, "opts": {}} for n in range(200)]
    ids = await theirs.add_bulk("work", jobs[::2]) + await ours.add_bulk("work", jobs[1::2])
    async with theirs.working("work", 3), ours.working("work", 3):

        async def both_seen() -> bool:
            return int(await client.ask("workers", prefix=prefix, queue="work")) == 2

        await until(both_seen, "two workers in BullMQ's list")
        await until(lambda: _completed(queue, 200), "200 completed jobs")
    done = await queue.get_completed()
    assert Counter(one.id for one in done) == Counter(ids)
    assert all(one.attempts_started == one.attempts_made == 1 for one in done)


async def _completed(queue: Queue, count: int) -> bool:
    return (await queue.get_job_counts(State.COMPLETED))["completed"] == count


async def test_our_idle_worker_hears_their_add(
    theirs: NodeSide, store: Store, queue: Queue
) -> None:
    options = WorkerOptions(concurrency=2, drain_delay=LONG)
    async with Worker("work", perform, store=store, options=options) as worker:
        idle = asyncio.Event()
        worker.on("drained", idle.set)
        async with deadline(5):
            await idle.wait()
        for job_id in "abc":
            await theirs.add("work", [job(job_id)])
            async with deadline(2):
                await in_state(queue, job_id, State.COMPLETED)


async def test_their_idle_worker_hears_our_add(
    workers: NodeProgram, ours: OxherdSide, queue: Queue, prefix: str
) -> None:
    worker = await workers.ask(
        "start", prefix=prefix, queue="work", options={"drainDelay": LONG, "concurrency": 2}
    )
    for job_id in "abc":
        await ours.add("work", [job(job_id)])
        async with deadline(2):
            await in_state(queue, job_id, State.COMPLETED)
    await workers.ask("stop", worker=worker)


async def test_they_wait_for_a_job_that_we_finish(
    client: NodeProgram, ours: OxherdSide, prefix: str
) -> None:
    await ours.add("work", [job("good", {"takes": 100, "returns": "ü"}), job("bad", {"fails": 1})])
    waiting = [
        asyncio.create_task(
            client.ask("finished", prefix=prefix, queue="work", id=job_id, limit=10_000)
        )
        for job_id in ("good", "bad")
    ]
    async with ours.working("work"):
        assert await waiting[0] == "ü"
        with pytest.raises(NodeError, match="boom 1"):
            await waiting[1]


async def test_we_wait_for_a_job_that_they_finish(theirs: NodeSide, queue: Queue) -> None:
    await theirs.add("work", [job("a", {"takes": 100, "returns": "ü"})])
    found = await queue.get_job("a")
    assert found is not None
    waiting = asyncio.create_task(found.wait_until_finished(10))
    async with theirs.working("work"):
        assert await waiting == "ü"


@pytest.mark.parametrize("who", ["they", "we"])
async def test_a_queue_paused_by_one_side_is_paused_for_both(
    *,
    who: str,
    theirs: NodeSide,
    ours: OxherdSide,
    client: NodeProgram,
    queue: Queue,
    prefix: str,
) -> None:
    async def steer(verb: str) -> None:
        if who == "they":
            await client.ask(verb, prefix=prefix, queue="work")
        else:
            await getattr(queue, verb)()

    async with theirs.working("work"), ours.working("work"):
        await steer("pause")
        assert await queue.is_paused()
        assert await client.ask("isPaused", prefix=prefix, queue="work")
        await theirs.add("work", [job("a"), job("b", delay=50)])
        await ours.add("work", [job("c"), job("d", priority=2)])
        # A paused queue still lets delayed jobs become ready, so this is seen after a while.
        await until(lambda: _ready(queue, {"a", "b", "c", "d"}), "four ready jobs")
        assert (await queue.get_job_counts("active", "completed")) == {"active": 0, "completed": 0}
        await steer("resume")
        await until(lambda: _completed(queue, 4), "four completed jobs")


async def _ready(queue: Queue, ids: set[str]) -> bool:
    found = [*await queue.get_waiting(), *await queue.get_prioritized()]
    return {one.id for one in found} == ids


async def test_we_rescue_the_job_of_their_killed_worker(
    *, bullmq: None, server_url: str, theirs: NodeSide, store: Store, queue: Queue, prefix: str
) -> None:
    await theirs.add("work", [job("a", {"hold": True})])
    doomed = NodeProgram("workers", server_url)
    options = {"lockDuration": 1_000, "stalledInterval": 400}
    await doomed.ask("start", prefix=prefix, queue="work", options=options)
    assert (await doomed.news())["id"] == "a"
    doomed.kill()
    found = await queue.get_job("a")
    assert found is not None
    await found.update_data({"returns": "rescued"})
    ours = WorkerOptions(drain_delay=1, stalled_interval=0.4)
    stalled: list[str] = []
    async with Worker("work", perform, store=store, options=ours) as worker:
        worker.on("stalled", stalled.append)
        rescued = await in_state(queue, "a", State.COMPLETED)
    assert stalled == ["a"]
    assert rescued.returnvalue == "rescued"
    assert (rescued.stalled_count, rescued.attempts_started, rescued.attempts_made) == (1, 2, 1)


async def test_they_rescue_a_job_that_we_lost(
    workers: NodeProgram, ours: OxherdSide, store: Store, queue: Queue, prefix: str
) -> None:
    await ours.add("work", [job("a", {"returns": "rescued"}, priority=3)])
    claimed = await store.claim("work", 1, token="nobody's", lock_ms=200)
    assert [one.id for one in claimed.jobs] == ["a"]
    worker = await workers.ask(
        "start", prefix=prefix, queue="work", options={"stalledInterval": 400}
    )
    rescued = await in_state(queue, "a", State.COMPLETED)
    await workers.ask("stop", worker=worker)
    assert rescued.returnvalue == "rescued"
    assert (rescued.stalled_count, rescued.attempts_started, rescued.attempts_made) == (1, 2, 1)


@pytest.mark.parametrize("who", ["they", "we"])
async def test_a_failed_child_that_is_retried_frees_its_parent(
    *,
    who: str,
    theirs: NodeSide,
    ours: OxherdSide,
    client: NodeProgram,
    queue: Queue,
    store: Store,
    prefix: str,
) -> None:
    adds, works = (theirs, ours) if who == "they" else (ours, theirs)
    await adds.add_flow(
        node("parents", "p", node("work", "c", data={"fails": 1}), data={"gather": True})
    )
    async with works.working("work"), works.working("parents"), Queue("parents", store=store) as up:
        failed = await in_state(queue, "c", State.FAILED)
        await failed.update_data({"returns": 8})
        assert await up.get_job_state("p") is State.WAITING_CHILDREN
        if who == "they":
            await client.ask("retry", prefix=prefix, queue="work", id="c")
        else:
            await failed.retry()
        parent = await in_state(up, "p", State.COMPLETED)
    assert parent.returnvalue == {"values": {"c": 8}, "ignored": {}}


async def test_a_failure_withdrawn_before_their_parents_worker_saw_it(
    theirs: NodeSide, ours: OxherdSide, queue: Queue, store: Store
) -> None:
    child = node("work", "c", data={"fails": 1}, failParentOnFailure=True)
    await theirs.add_flow(node("parents", "p", child, data={"gather": True}))
    async with theirs.working("work"), Queue("parents", store=store) as up:
        failed = await in_state(queue, "c", State.FAILED)
        doomed = await in_state(up, "p", State.WAITING)
        assert doomed.deferred_failure == f"child {failed.key} failed"
        await failed.update_data({"returns": 8})
        await failed.retry()
        async with ours.working("parents"):
            parent = await in_state(up, "p", State.COMPLETED)
    assert parent.returnvalue == {"values": {"c": 8}, "ignored": {}}


async def test_they_add_a_child_to_a_flow_of_ours(
    theirs: NodeSide, ours: OxherdSide, client: NodeProgram, store: Store, prefix: str
) -> None:
    await ours.add_flow(node("parents", "p", node("work", "a", delay=HOUR), data={"gather": True}))
    parent = {"id": "p", "queue": f"{prefix}:parents"}
    await theirs.add("work", [job("b", {"returns": 2}, parent=parent)])
    await client.ask("promote", prefix=prefix, queue="work", id="a")
    async with ours.working("work"), theirs.working("parents"), Queue("parents", store=store) as up:
        done = await in_state(up, "p", State.COMPLETED)
    assert done.returnvalue == {"values": {"a": None, "b": 2}, "ignored": {}}


@pytest.mark.parametrize("who", ["they", "we"])
async def test_a_child_that_is_removed_frees_its_parent(
    *,
    who: str,
    theirs: NodeSide,
    ours: OxherdSide,
    client: NodeProgram,
    queue: Queue,
    prefix: str,
    store: Store,
) -> None:
    adds = ours if who == "they" else theirs
    await adds.add_flow(node("parents", "p", node("work", "a", delay=HOUR), priority=5))
    if who == "they":
        await client.ask("remove", prefix=prefix, queue="work", id="a")
    else:
        await queue.remove("a")
    async with adds.working("parents"), Queue("parents", store=store) as up:
        await in_state(up, "p", State.COMPLETED)
    assert await client.ask("observe", prefix=prefix, queue="work", id="a") is None


async def test_a_flow_with_its_own_ids_and_each_policy_reaches_them(
    store: Store, client: NodeProgram, theirs: NodeSide, prefix: str
) -> None:
    async with FlowProducer(store=store) as flows:
        added = await flows.add(
            FlowJob("root", queue="work", data={"gather": True}, children=[
                FlowJob("child", queue="work", data={"fails": 1}, on_failure=OnFailure.IGNORE),
                FlowJob("child", queue="work", data={"returns": [1]}),
            ])
        )  # fmt: skip
        async with theirs.working("work"):
            result = await added.flow.result(timeout=10)
    bad, good = (child.job.id for child in added.children)
    assert result == {"values": {good: [1]}, "ignored": {bad: "boom 1"}}
    seen = await client.ask("getFlow", prefix=prefix, queue="work", id=added.job.id)
    assert {child["id"] for child in seen["children"]} == {bad, good}
