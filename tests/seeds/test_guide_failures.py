"""The Elixir guide: what the failure of a child does, and what a parent does about children."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from oxherd import FlowProducer, Job, JobFailed, Queue, State
from tests.runtime.working import SOON, failure_of, until
from tests.seeds.guide import IGNORED, with_failures
from tests.seeds.running import Gate, fails, name_of, run, workers

if TYPE_CHECKING:
    from oxherd import Store

BOTH = {"main", "tasks"}


async def test_seed_2_20_the_option_of_the_child_decides_about_the_parent(store: Store) -> None:
    """The child's option decides what its failure does to the parent."""
    assert (await run(store, IGNORED, {"optional-child": fails})).result == "parent"
    with pytest.raises(JobFailed):
        await run(store, IGNORED, {"critical-child": fails})


async def test_seed_2_21_attempts_are_tries_in_all(store: Store) -> None:
    """`attempts: 3` is three tries in all, not three retries."""
    runs = 0

    async def count(job: Job) -> None:
        nonlocal runs
        runs += 1
        raise ValueError("no")

    with pytest.raises(JobFailed):
        await run(store, IGNORED, {"critical-child": count})
    assert runs == 3


async def test_seed_2_22_an_ignored_failure_waits_for_the_others(store: Store) -> None:
    """After an ignored failure the parent still waits for the other children."""
    go = asyncio.Event()

    async def late(job: Job) -> str:
        await go.wait()
        return "late"

    async with FlowProducer(store=store) as flows:
        node = await flows.add(IGNORED)
    processors = {"critical-child": late, "optional-child": fails, "parent": name_of}
    async with workers(store, BOTH, processors):
        await until(node.children[1].job.is_failed)
        assert await node.job.is_waiting_children()
        go.set()
        assert await node.flow.result(SOON) == "parent"


async def test_seed_2_23_failing_the_parent_is_the_default_and_false_goes_on(
    store: Store,
) -> None:
    """Failing the parent is the default, and with `fail_parent_on_failure: false` it goes on."""
    with pytest.raises(JobFailed):
        await run(store, with_failures(), {"optional-child": fails})
    goes_on = with_failures(fail_parent_on_failure=False)
    assert (await run(store, goes_on, {"optional-child": fails})).result == "parent"


async def test_seed_2_24_without_attempts_left_the_child_is_failed(store: Store) -> None:
    """A child that has no attempts left is failed."""
    async with FlowProducer(store=store) as flows, workers(store, {"tasks"}, {
        "critical-child": fails, "optional-child": name_of,
    }):  # fmt: skip
        node = await flows.add(IGNORED)
        child = node.children[0].job
        await failure_of(child)
        assert await child.get_state() is State.FAILED
        assert (await child.refresh()).attempts_made == 3


async def test_seed_2_25_no_parent_waits_for_ever(store: Store) -> None:
    """A parent does not wait for ever for a child that failed."""
    async with FlowProducer(store=store) as flows, workers(store, BOTH, {
        "critical-child": fails, "optional-child": fails, "parent": name_of,
    }):  # fmt: skip
        node = await flows.add(IGNORED)
        await until(node.job.is_failed)


async def test_seed_2_25_a_parent_that_is_told_to_waits_until_the_child_runs_again(
    store: Store,
) -> None:
    """A parent that is told to wait for a failed child runs once that child was retried."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(with_failures(on_failure="block"))
    async with workers(store, BOTH, {"critical-child": name_of, "optional-child": fails}):
        await until(node.children[1].job.is_failed)
        await node.children[0].job.result(SOON)
    assert await node.job.is_waiting_children()
    await node.children[1].job.retry()
    async with workers(store, BOTH):
        assert await node.flow.result(SOON) == "parent"


async def test_seed_2_26_all_failures_can_be_read(store: Store) -> None:
    """All failures of children can be read, ignored or not."""
    async with FlowProducer(store=store) as flows, workers(store, BOTH, {
        "critical-child": fails, "optional-child": fails, "parent": name_of,
    }):  # fmt: skip
        node = await flows.add(IGNORED)
        await until(node.job.is_failed)
        await until(node.children[1].job.is_failed)
    assert list((await node.job.get_failed_children_values()).values()) == [
        "critical-child failed", "optional-child failed",
    ]  # fmt: skip


async def test_seed_2_31_a_parent_runs_when_all_children_ended_well_or_were_ignored(
    store: Store,
) -> None:
    """A parent runs when each of its children ended well, or failed and is ignored."""
    ran = await run(store, IGNORED, {"optional-child": fails})
    assert ran.order[-1] == "parent"
    assert ran.order.count("parent") == 1


async def test_seed_2_33_a_parent_takes_back_children_that_did_not_start(store: Store) -> None:
    """A parent takes back its children that did not start (partly: those that run, run on)."""
    gate = Gate()
    tree: dict[str, Any] = {"name": "parent", "queue_name": "main", "children": [
        {"name": "first", "queue_name": "tasks", "opts": {"continue_parent_on_failure": True}},
        {"name": "runs", "queue_name": "slow"},
        {"name": "waits", "queue_name": "nobody", "children": [
            {"name": "below", "queue_name": "nobody"}]},
    ]}  # fmt: skip

    async def take_back(job: Job) -> dict[str, int]:
        await job.remove_unprocessed_children()
        return await job.get_dependencies_count()

    async with FlowProducer(store=store) as flows:
        node = await flows.add(tree)
    async with workers(store, {"slow"}, gate):
        await until(lambda: gate.held == 1)
        async with workers(store, BOTH, {"first": fails, "parent": take_back}):
            counts = await node.flow.result(SOON)
        assert sum((await Queue("nobody", store=store).get_job_counts()).values()) == 0
        gate.open()
        assert await node.children[1].job.result(SOON) == "runs"
    assert counts["ignored"] == 1
