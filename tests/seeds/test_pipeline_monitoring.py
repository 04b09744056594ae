"""The pipelines article: results by key, states, dependencies, progress, events and counters."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from oxherd import (
    Completed,
    Failed,
    FlowJob,
    FlowProducer,
    InvalidOption,
    Job,
    JobFailed,
    JobKey,
    Queue,
    connect,
)
from tests.runtime.working import SOON, until
from tests.seeds.pipelines import (
    SIMPLE,
    STAGES,
    fan_out,
    order_workflow,
    pipeline,
    process_item,
)
from tests.seeds.running import all_values, every_queue, fails, heard, name_of, run, workers

if TYPE_CHECKING:
    from oxherd import Store


async def test_seed_1_17_the_parent_gets_its_childrens_values(store: Store) -> None:
    """The parent gets its children's values."""
    assert (await run(store, SIMPLE, {"parent-job": all_values})).result == ["child-1", "child-2"]


async def test_seed_1_18_a_key_is_prefix_queue_and_id(store: Store) -> None:
    """A key in the values is a prefix, a queue and an id."""

    async def parse(job: Job) -> list[Any]:
        return [list(JobKey.parse(key)) for key in await job.get_children_values()]

    ran = await run(store, SIMPLE, {"parent-job": parse})
    assert ran.result == [
        [store.prefix, "child-queue", child.job.id] for child in ran.node.children
    ]


@pytest.mark.parametrize("inner", ["", ":own"])
async def test_seed_1_19_a_key_is_split_by_its_parser(
    store_url: str, prefix: str, inner: str
) -> None:
    """`JobKey.parse` gives queue and id where the article's split at colons gives the prefix."""
    store = connect(store_url.replace(prefix, f"{prefix}{inner}"))
    found: list[tuple[str, Any]] = []

    async def look(job: Job) -> None:
        for text, value in (await job.get_children_values()).items():
            key = JobKey.parse(text)
            child = await Queue(key.queue, store=store).get_job(key.id)
            assert child is not None
            assert child.returnvalue == value
            assert str(key) == text == child.key
            assert text.split(":")[0] != key.queue
            found.append((key.queue, value))

    await run(store, SIMPLE, {"parent-job": look})
    assert found == [("child-queue", "child-1"), ("child-queue", "child-2")]
    await store.aclose()


async def test_seed_1_19_what_is_no_key_is_refused() -> None:
    """What is not a full key is refused, as is the article's `queue:id`."""
    for text in ("child-queue:123", "123", "a::1", ""):
        with pytest.raises(InvalidOption, match="prefix:queue:id"):
            JobKey.parse(text)
    assert JobKey.parse("bull:mail:repeat:daily:1800000000000") == (
        "bull", "mail", "repeat:daily:1800000000000",
    )  # fmt: skip


async def test_seed_1_25_completed_and_failed_are_told_as_events(store: Store) -> None:
    """Completed and failed jobs of a flow are told, over all its queues (partly: by queue)."""
    tree = pipeline([1, 2])
    async with heard(store, every_queue(tree), "completed", "failed") as events:
        with pytest.raises(JobFailed) as caught:
            await run(store, tree, {**STAGES, "load": fails})
        await until(lambda: len(events) == 4)
    told = {event.queue: event for event in events}
    assert isinstance(told["pipeline-extract"], Completed)
    assert told["pipeline-extract"].returnvalue == {"records": [1, 2], "count": 2}
    assert isinstance(told["pipeline-load"], Failed)
    assert told["pipeline-load"].failed_reason == "load failed"
    assert isinstance(told["pipeline-notify"], Failed)
    assert told["pipeline-notify"].job_id == caught.value.job_id


async def test_seed_1_26_the_store_counts_what_ended(store: Store) -> None:
    """The store counts what ended: a flow's jobs by state, a queue's by minute."""
    flow = fan_out([1, -2, 3, -4], ignoreDependencyOnFailure=True)
    async with FlowProducer(store=store) as flows:
        node = await flows.add(flow)
    async with workers(store, {"item-processor"}, process_item, metrics=60):
        await until(node.job.is_waiting)
    counts = await node.flow.status()
    assert {state: number for state, number in counts.items() if number} == {
        "completed": 2, "failed": 2, "waiting": 1,
    }  # fmt: skip
    queue = Queue("item-processor", store=store)
    assert (await queue.get_metrics("completed")).count == 2
    assert (await queue.get_metrics("failed")).count == 2


async def test_seed_1_27_a_job_is_found_by_its_id_or_not(store: Store) -> None:
    """A job is found by its id, and an unknown id is None."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(SIMPLE)
    queue = Queue("parent-queue", store=store)
    found = await queue.get_job(node.job.id)
    assert found is not None
    assert found.name == "parent-job"
    assert await queue.get_job("not_found") is None


async def test_seed_1_28_dependencies_come_in_four_groups(store: Store) -> None:
    """A job's dependencies come in four groups, and page by page."""
    tree = {
        "name": "top", "queueName": "nobody",
        "children": [
            {"name": "good", "queueName": "q"},
            {"name": "ignored", "queueName": "q", "opts": {"ignoreDependencyOnFailure": True}},
            {"name": "failed", "queueName": "q", "opts": {"failParentOnFailure": True}},
            {"name": "pending", "queueName": "nobody"},
        ],
    }  # fmt: skip
    async with FlowProducer(store=store) as flows:
        node = await flows.add(tree)
    async with workers(store, {"q"}, {"good": name_of, "ignored": fails, "failed": fails}):
        for child in node.children[:3]:
            await until(child.job.is_completed if child.job.name == "good" else child.job.is_failed)
    dependencies = await node.job.get_dependencies()
    good, ignored, failed, pending = (child.job.key for child in node.children)
    assert dependencies.processed == {good: "good"}
    assert dependencies.ignored == {ignored: "ignored failed"}
    assert list(dependencies.failed) == [failed]
    assert list(dependencies.unprocessed) == [pending]
    assert await node.job.get_dependencies_count() == {
        "processed": 1, "unprocessed": 1, "ignored": 1, "failed": 1,
    }  # fmt: skip
    page = await node.job.get_dependencies(1, 2)
    assert (list(page.ignored), list(page.failed)) == ([ignored], [failed])
    assert not page.processed
    assert not page.unprocessed


async def test_seed_1_29_processed_dependencies_are_values(store: Store) -> None:
    """Processed dependencies are values, by the keys of their jobs."""
    ran = await run(store, SIMPLE)
    dependencies = await ran.node.job.get_dependencies()
    assert sorted(dependencies.processed.values()) == ["child-1", "child-2"]


async def test_seed_1_30_progress_counts_the_whole_tree_and_never_falls(store: Store) -> None:
    """Progress over the whole tree never falls, failures included (partly: from `status()`)."""
    done: list[int] = []
    nodes: list[Any] = []
    one_by_one = asyncio.Lock()
    optional = {"ignoreDependencyOnFailure": True}
    tree = FlowJob("top", queue="q", children=[
        FlowJob(f"middle-{n}", queue=f"q{n}", children=[fan_out([1, -1], **optional)])
        for n in range(3)
    ])  # fmt: skip

    async def look(job: Job) -> Any:
        async with one_by_one:
            counts = await nodes[0].flow.status()
            done.append(counts["completed"] + counts["failed"])
        assert sum(counts.values()) == 13
        if "item" in job.data:
            return await process_item(job)
        return None

    async with FlowProducer(store=store) as flows:
        nodes.append(await flows.add(tree))
    async with workers(store, every_queue(tree), look, concurrency=1):
        await nodes[0].flow.result(SOON)
    assert len(done) == 13
    assert done == sorted(done)
    assert done[-1] == 12
    assert (await nodes[0].flow.status())["completed"] == 10


async def test_seed_1_31_a_job_tells_its_state(store: Store) -> None:
    """A job tells its state."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(SIMPLE)
    assert await node.job.get_state() == "waiting-children"
    async with workers(store, every_queue(SIMPLE)):
        await node.flow.result(SOON)
    assert await node.job.get_state() == "completed"


async def test_seed_1_43_one_call_monitors_all_children(store: Store) -> None:
    """One call monitors all jobs of a flow, over all its queues (partly: no `flow.progress()`)."""
    tree = order_workflow()
    async with FlowProducer(store=store) as flows:
        node = await flows.add(tree)
        again = flows.flow(node.job.id, "order-confirmation")
    validation = {"item-validation", "customer-validation", "validation"}
    async with workers(store, validation):
        await until(node.children[0].children[0].children[0].job.is_waiting)
    counts = await again.status()
    assert {state: number for state, number in counts.items() if number} == {
        "completed": 3, "waiting": 1, "waiting-children": 4,
    }  # fmt: skip


async def test_seed_1_47_a_flow_is_drawn_as_text(store: Store) -> None:
    """A flow is drawn as text, a shared job once (partly: there is no Mermaid)."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(order_workflow())
    assert str(node) == (
        "send-confirmation (order-confirmation)\n"
        "└─ fulfill-order (order-fulfillment)\n"
        "   ├─ reserve-inventory (inventory)\n"
        "   │  └─ process-payment (payment)\n"
        "   │     └─ validate-order (validation)\n"
        "   │        ├─ validate-items (item-validation)\n"
        "   │        └─ validate-customer (customer-validation)\n"
        "   └─ prepare-shipping (shipping)\n"
        "      └─ process-payment (payment)  (see above)"
    )


async def test_seed_1_48_log_records_have_the_flow_id(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """What is logged about a job has its flow's id."""
    with caplog.at_level(logging.WARNING, "oxherd.worker"), pytest.raises(JobFailed) as caught:
        await run(store, pipeline([1]), {**STAGES, "load": fails})
    ids = {getattr(r, "flow_id", None) for r in caplog.records if hasattr(r, "flow_id")}
    assert ids == {caught.value.job_id}
