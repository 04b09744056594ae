"""A job with several parents that their worker ends: it knows the first, ours see to the others."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

import pytest

from oxherd import FlowJob, FlowProducer, JobOptions, OnFailure, Queue, State, Worker, WorkerOptions
from tests.interop.processing import perform
from tests.interop.sides import NodeSide, until

if TYPE_CHECKING:
    from oxherd.store import Store
    from tests.interop.node import NodeProgram

pytestmark = pytest.mark.timeout(60)

INTERVAL: Final = 0.5
LATE: Final = 1.0
"""Seconds that a slow machine may need besides."""


PARENTS: Final = 4


def fan(number: int, data: dict[str, Any], policy: OnFailure | None = None) -> FlowJob:
    """A root with four parents, one on `first` and three on `further`, of one child."""
    options = JobOptions(job_id=f"child-{number}", remove_on_complete=True)
    child = FlowJob("child", queue="work", data=data, options=options, on_failure=policy)
    parents = [
        FlowJob(
            "parent",
            queue="further" if place else "first",
            data={"gather": True},
            options=JobOptions(job_id=f"parent-{number}-{place}"),
            on_failure=OnFailure.IGNORE,
            children=[child],
        )
        for place in range(PARENTS)
    ]
    return FlowJob("root", queue="first", data={"gather": True}, children=parents)


@pytest.mark.parametrize("served", ["work", "first", "further"])
async def test_upkeep_on_any_queue_of_it_releases_the_further_parents(
    *,
    served: str,
    client: NodeProgram,
    workers: NodeProgram,
    store: Store,
    prefix: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Their workers do all the work; ours, on one of the queues, claims nothing."""
    theirs = NodeSide(client, workers, prefix)
    options = WorkerOptions(stalled_interval=INTERVAL)
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(
            Worker(served, perform, store=store, options=options)
        )
        ours.pause()
        flows = await stack.enter_async_context(FlowProducer(store=store))
        for queue in ("work", "first", "further"):
            await stack.enter_async_context(theirs.working(queue))
        further = await stack.enter_async_context(Queue("further", store=store))
        for number in range(3):
            node = await flows.add(fan(number, {"returns": number}))
            result = await node.flow.result(timeout=INTERVAL + 10)
            assert [one["values"] for one in result["values"].values()] == [
                {f"child-{number}": number}
            ] * PARENTS
            first = await Queue("first", store=store).get_job(f"parent-{number}-0")
            assert first is not None
            assert first.processed_on is not None
            for place in range(1, PARENTS):
                parent = await further.get_job(f"parent-{number}-{place}")
                assert parent is not None
                assert parent.processed_on is not None
                waited = (parent.processed_on - first.processed_on) / 1000
                assert waited < INTERVAL + LATE
        # What its producer asked for is done once all parents have the result.
        assert await Queue("work", store=store).get_job("child-0") is None
    told = [record for record in caplog.records if record.name == "oxherd.upkeep"]
    assert len(told) == 1, told
    assert "'work'" in told[0].getMessage()
    assert "stalled_interval" in told[0].getMessage()


@pytest.mark.parametrize("policy", [OnFailure.FAIL_PARENT, OnFailure.IGNORE, OnFailure.REMOVE])
async def test_every_parent_follows_the_policy_when_it_fails(
    policy: OnFailure, client: NodeProgram, workers: NodeProgram, store: Store, prefix: str
) -> None:
    theirs = NodeSide(client, workers, prefix)
    options = WorkerOptions(stalled_interval=INTERVAL, drain_delay=1)
    async with (
        theirs.working("work"),
        Worker("first", perform, store=store, options=options),
        Worker("further", perform, store=store, options=options),
        FlowProducer(store=store) as flows,
    ):
        node = await flows.add(fan(0, {"fails": 9}, policy))
        result = await node.flow.result(timeout=INTERVAL + 10)
    parents = [f"parent-0-{place}" for place in range(PARENTS)]
    if policy is OnFailure.FAIL_PARENT:
        reason = f"child {prefix}:work:child-0 failed"
        assert result == {"values": {}, "ignored": dict.fromkeys(parents, reason)}
    else:
        ignored = {"child-0": "boom 1"} if policy is OnFailure.IGNORE else {}
        value = {"values": {}, "ignored": ignored}
        assert result == {"values": dict.fromkeys(parents, value), "ignored": {}}


async def test_a_blocking_failure_that_they_retry_frees_every_parent(
    client: NodeProgram, workers: NodeProgram, store: Store, prefix: str
) -> None:
    theirs = NodeSide(client, workers, prefix)
    options = WorkerOptions(stalled_interval=INTERVAL, drain_delay=1)
    async with (
        theirs.working("work"),
        Worker("first", perform, store=store, options=options),
        Worker("further", perform, store=store, options=options),
        FlowProducer(store=store) as flows,
        Queue("work", store=store) as queue,
    ):
        node = await flows.add(fan(0, {"fails": 9}, OnFailure.BLOCK))
        failed = await queue.get_job("child-0")
        assert failed is not None

        async def has_failed() -> bool:
            return await failed.get_state() is State.FAILED

        await until(has_failed, "the child's failure")
        # Whatever upkeep does about the failure is done.
        await store.rescue("work", max_stalled_count=5, interval_ms=0)
        await failed.update_data({"returns": 8})
        await client.ask("retry", prefix=prefix, queue="work", id="child-0")
        result = await node.flow.result(timeout=INTERVAL + 10)
    assert [one["values"] for one in result["values"].values()] == [{"child-0": 8}] * PARENTS
