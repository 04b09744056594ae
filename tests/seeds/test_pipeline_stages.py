"""The pipelines article: a parent and its children, and pipelines of several queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

import redis.asyncio

from oxherd import FlowProducer, Queue, Worker, connect
from tests.runtime.working import SOON
from tests.seeds.pipelines import SIMPLE, STAGES, pipeline
from tests.seeds.running import name_of, run, run_a_job, workers

if TYPE_CHECKING:
    from oxherd import Store


async def test_seed_1_2_a_worker_needs_no_settings_for_its_connection(store_url: str) -> None:
    """A worker needs nothing but a URL: there is no number of retries to set."""
    async with Queue("q", store=store_url) as queue, Worker("q", name_of, store=store_url):
        assert await (await queue.add("job")).result(SOON) == "job"


async def test_seed_1_2_a_worker_outlives_its_connections(redis_url: str, prefix: str) -> None:
    """A worker whose connections are cut goes on by itself."""
    store = connect(f"{redis_url}?prefix={prefix}")
    async with Queue("q", store=store) as queue, Worker("q", name_of, store=store):
        assert await (await queue.add("before")).result(SOON) == "before"
        async with redis.asyncio.Redis.from_url(redis_url) as client:
            killed = await client.client_kill_filter(_type="normal", skipme=True)
        assert killed > 0
        assert await (await queue.add("after")).result(SOON) == "after"
    await store.aclose()


async def test_seed_1_3_a_parent_and_two_children(store: Store) -> None:
    """A parent runs after its two children."""
    ran = await run(store, SIMPLE)
    assert sorted(ran.order[:2]) == ["child-1", "child-2"]
    assert ran.order[2:] == ["parent-job"]


async def test_seed_1_4_a_parent_waits_for_its_children(store: Store) -> None:
    """A parent waits for its children, although its own workers are free."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(SIMPLE)
    async with workers(store, {"parent-queue"}):
        await run_a_job(store, "parent-queue")
        assert await node.job.is_waiting_children()
        async with workers(store, {"child-queue"}):
            assert await node.flow.result(SOON) == "parent-job"


async def test_seed_1_5_a_pipeline_of_four_queues(store: Store) -> None:
    """A pipeline of four queues runs extract, transform, load, notify."""
    ran = await run(store, pipeline([1, 2, 3]), STAGES)
    assert ran.order == ["extract", "transform", "load", "notify"]
    assert ran.result == {"pipelineId": "pipeline_1", "success": True, "loaded": 3}


async def test_seed_1_6_each_stage_reads_the_first_value(store: Store) -> None:
    """Each stage reads the first of its children's values."""
    ran = await run(store, pipeline([1, 2, 3]), STAGES)
    values = [await one.job.result(SOON) for one in ran.node.walk()]
    assert values[1:] == [
        {"loaded": 3},
        {"records": [10, 20, 30], "count": 3},
        {"records": [1, 2, 3], "count": 3},
    ]


async def test_seed_1_7_stages_pass_whole_arrays(store: Store) -> None:
    """Stages pass whole arrays of records (partly: up to 16 MiB; nothing is offloaded)."""
    ran = await run(store, pipeline(list(range(20_000))), STAGES)
    assert ran.result["loaded"] == 20_000


async def test_seed_1_8_every_job_of_a_flow_has_its_flow_id(store: Store) -> None:
    """Every job of a flow has the flow's id, which is no other flow's."""
    async with FlowProducer(store=store) as flows:
        one, other = await flows.add_bulk([pipeline([1]), pipeline([2])])
    for node in (one, other):
        assert {job.job.flow_id for job in node.walk()} == {node.job.id}
        leaf = list(node.walk())[-1].job
        assert (await leaf.refresh()).flow_id == node.job.id
    assert one.job.id != other.job.id


async def test_seed_1_46_a_flow_can_be_tested_in_memory(memory: Store) -> None:
    """A flow can be tested in memory, with nothing installed (partly: there is no dry run)."""
    assert (await run(memory, pipeline([1, 2, 3]), STAGES)).result["success"] is True
