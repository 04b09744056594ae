"""The pipelines article: options of jobs in flows, and what failures of children do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from oxherd import FlowProducer, Job, JobFailed, JobOptions, OnFailure, Queue, State, Worker
from tests.runtime.working import SOON, failure_of, until
from tests.seeds.pipelines import WITH_OPTIONS, resilient
from tests.seeds.running import all_values, every_queue, fails, hangs, name_of, run, workers

if TYPE_CHECKING:
    from oxherd import Store


async def test_seed_1_21_each_job_has_its_options(store: Store) -> None:
    """Each job of a flow has its own attempts, backoff and priority."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(WITH_OPTIONS)
    stored = [await one.job.refresh() for one in node.walk()]
    assert [(job.opts.attempts, job.priority) for job in stored] == [(3, 1), (5, 0), (1, 0)]
    assert stored[0].opts.to_mapping()["backoff"] == {"type": "exponential", "delay": 1000}
    assert stored[2].opts.on_failure is OnFailure.IGNORE


async def test_seed_1_22_a_parent_keeps_its_priority(store: Store) -> None:
    """A parent keeps its priority when its children complete, and when the last is removed."""
    lone = {"name": "p", "queueName": "parent-queue", "opts": {"priority": 7},
            "children": [{"name": "c", "queueName": "nobody"}]}  # fmt: skip
    async with FlowProducer(store=store) as flows:
        done, removed, unlinked = await flows.add_bulk([WITH_OPTIONS, lone, lone])
    async with workers(store, {"child-queue"}):
        await until(done.job.is_prioritized)
    await removed.children[0].job.remove()
    await unlinked.children[0].job.remove_child_dependency()
    for node, priority in ((done, 1), (removed, 7), (unlinked, 7)):
        assert await node.job.get_state() is State.PRIORITIZED
        assert (await node.job.refresh()).priority == priority
    assert await Queue("parent-queue", store=store).get_counts_per_priority([0, 1, 7]) == {
        0: 0, 1: 1, 7: 2,
    }  # fmt: skip


async def test_seed_1_22_a_parents_priority_may_change_while_it_waits(store: Store) -> None:
    """A priority that a parent is given while it waits for its children counts when it is ready."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(WITH_OPTIONS)
    await node.job.change_priority(5)
    async with workers(store, {"child-queue"}):
        await until(node.job.is_prioritized)
    assert await Queue("parent-queue", store=store).get_counts_per_priority([1, 5]) == {1: 0, 5: 1}


async def test_seed_1_23_no_priority_runs_first_then_low_numbers(store: Store) -> None:
    """Jobs without a priority run first, then those with low numbers."""
    order: list[int] = []

    async def note(job: Job) -> None:
        order.append(job.priority)

    queue = Queue("q", store=store)
    jobs = [await queue.add("job", {}, JobOptions(priority=number)) for number in (10, 1, 0)]
    async with Worker("q", note, store=store):
        await asyncio.gather(*(job.result(SOON) for job in jobs))
    assert order == [0, 1, 10]


async def test_seed_1_24_fail_parent_false_lets_the_parent_go_on(store: Store) -> None:
    """With `failParentOnFailure: false` the parent goes on without the failed child."""
    ran = await run(store, WITH_OPTIONS, {"optional-child": fails})
    assert ran.result == "parent"


@pytest.mark.parametrize("opts", [{}, {"failParentOnFailure": True}])
async def test_seed_1_32_a_failed_child_fails_its_parent_by_default(
    store: Store, opts: dict[str, Any]
) -> None:
    """A child that fails for good fails its parent, by default or when that is said."""
    tree = resilient(**opts)
    async with FlowProducer(store=store) as flows, workers(store, every_queue(tree), {
        "must-succeed": fails, "optional-task": name_of, "resilient-parent": name_of,
    }):  # fmt: skip
        node = await flows.add(tree)
        error = await failure_of(node.job)
        assert node.children[0].job.key in error.reason
        await until(node.job.is_failed)
        assert (await node.children[0].job.refresh()).attempts_made == 5


async def test_seed_1_33_a_parent_retries_and_its_children_do_not_run_again(store: Store) -> None:
    """A parent that fails is tried again, and its children do not run again."""
    tries = 0

    async def twice(job: Job) -> list[Any]:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ValueError("not yet")
        return await all_values(job)

    ran = await run(store, resilient(), {"resilient-parent": twice})
    assert sorted(ran.order) == [
        "must-succeed", "optional-task", "resilient-parent", "resilient-parent",
    ]  # fmt: skip
    assert ran.result == ["must-succeed", "optional-task"]


async def test_seed_1_34_optional_failures_have_their_own_getter(store: Store) -> None:
    """The failures of optional children are not among the values; they have their own getter."""

    async def look(job: Job) -> list[Any]:
        failures = await job.get_ignored_children_failures()
        return [await all_values(job), list(failures.values())]

    ran = await run(store, resilient(), {"optional-task": fails, "resilient-parent": look})
    assert ran.result == [["must-succeed"], ["optional-task failed"]]


async def test_seed_1_34_nothing_returned_is_a_value(store: Store) -> None:
    """A child that returned nothing has a value, None, and did not fail."""

    async def nothing(job: Job) -> None:
        return None

    ran = await run(store, resilient(), {"optional-task": nothing, "resilient-parent": all_values})
    assert ran.result == ["must-succeed", None]


async def test_seed_1_35_a_parent_counts_successes_and_failures(store: Store) -> None:
    """A parent counts its children's successes and failures."""

    async def totals(job: Job) -> dict[str, int]:
        results = await job.get_results()
        failed = sum(one.failure is not None for one in results)
        return {
            "totalChildren": len(results), "successful": len(results) - failed, "failed": failed,
        }  # fmt: skip

    ran = await run(store, resilient(), {"optional-task": fails, "resilient-parent": totals})
    assert ran.result == {"totalChildren": 2, "successful": 1, "failed": 1}


async def test_seed_1_44_a_child_has_a_timeout(store: Store) -> None:
    """Each attempt of a job has a time-out (partly: a flow as a whole has none)."""
    tree = {"name": "top", "queueName": "q", "children": [
        {"name": "slow", "queueName": "q", "opts": {"timeout": 50, "attempts": 2}}]}  # fmt: skip
    started: list[int] = []

    async def slow(job: Job) -> None:
        started.append(job.attempts_made)
        await hangs(job)

    with pytest.raises(JobFailed):
        await run(store, tree, {"slow": slow})
    (failed,) = [job for job in await Queue("q", store=store).get_failed() if job.name == "slow"]
    assert failed.failed_reason == "the attempt took longer than its 0.05 s"
    assert started == [0, 1]


async def test_seed_1_44_a_worker_has_a_timeout_for_jobs_without_one(store: Store) -> None:
    """A worker has a time-out for jobs that say none; a long child may have a longer one."""
    gate = asyncio.Event()

    async def waits(job: Job) -> str:
        await gate.wait()
        return job.name

    tree = {"name": "top", "queueName": "tops", "children": [
        {"name": "long", "queueName": "q", "opts": {"timeout": 60_000}},
        {"name": "short", "queueName": "q", "opts": {"failParentOnFailure": False}}]}  # fmt: skip
    async with FlowProducer(store=store) as flows:
        node = await flows.add(tree)
    async with workers(store, {"q"}, waits, timeout=0.05), workers(store, {"tops"}, all_values):
        await until(node.children[1].job.is_failed)
        assert await node.children[0].job.is_active()
        gate.set()
        assert await node.flow.result(SOON) == ["long"]


async def test_seed_1_44_waiting_for_a_flow_has_a_timeout(store: Store) -> None:
    """Waiting for a flow ends with its time-out, and the flow runs on."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(resilient())
        with pytest.raises(TimeoutError):
            await node.flow.result(0.01)
        async with workers(store, every_queue(resilient())):
            assert await node.flow.result(SOON) == "resilient-parent"
