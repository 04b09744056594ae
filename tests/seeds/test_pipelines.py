"""The pipelines article: fan-out, pipeline, the order workflow as a graph, errors, options."""

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
    Job,
    JobFailed,
    JobKey,
    JobOptions,
    OnFailure,
    Queue,
    QueueEvents,
    State,
    Worker,
    WorkerOptions,
)
from tests.runtime.working import SOON, failure_of, until
from tests.seeds.running import every_queue, first_value, name_of, run, workers
from tests.timing import deadline

if TYPE_CHECKING:
    from oxherd import Store

SIMPLE: dict[str, Any] = {
    "name": "parent-job",
    "queueName": "parent-queue",
    "data": {"type": "aggregate"},
    "children": [
        {"name": "child-1", "queueName": "child-queue", "data": {"item": 1}},
        {"name": "child-2", "queueName": "child-queue", "data": {"item": 2}},
    ],
}


def pipeline(records: list[int]) -> dict[str, Any]:
    """extract → transform → load → notify, on four queues."""
    run_id = {"pipelineId": "pipeline_1"}
    return {
        "name": "notify", "queueName": "pipeline-notify", "data": {**run_id, "stage": "notify"},
        "children": [{
            "name": "load", "queueName": "pipeline-load", "data": {**run_id, "stage": "load"},
            "children": [{
                "name": "transform", "queueName": "pipeline-transform",
                "data": {**run_id, "stage": "transform"},
                "children": [{
                    "name": "extract", "queueName": "pipeline-extract",
                    "data": {**run_id, "stage": "extract", "input": records},
                }],
            }],
        }],
    }  # fmt: skip


async def extract(job: Job) -> dict[str, Any]:
    return {"records": job.data["input"], "count": len(job.data["input"])}


async def transform(job: Job) -> dict[str, Any]:
    extracted = await first_value(job)
    records = [record * 10 for record in extracted["records"]]
    return {"records": records, "count": len(records)}


async def load(job: Job) -> dict[str, Any]:
    return {"loaded": (await first_value(job))["count"]}


async def notify(job: Job) -> dict[str, Any]:
    assert (await first_value(job))["loaded"] == 3
    return {"pipelineId": job.data["pipelineId"], "success": True}


STAGES = {"extract": extract, "transform": transform, "load": load, "notify": notify}


async def test_seed_1_3_a_parent_and_two_children(store: Store) -> None:
    ran = await run(store, SIMPLE)
    assert sorted(ran.order[:2]) == ["child-1", "child-2"]
    assert ran.order[2:] == ["parent-job"]


async def test_seed_1_4_a_parent_waits_for_its_children(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        node = await flows.add(SIMPLE)
    async with workers(store, {"parent-queue"}):
        await asyncio.sleep(0.1)
        assert await node.job.is_waiting_children()
        async with workers(store, {"child-queue"}):
            assert await node.flow.result(SOON) == "parent-job"


async def test_seed_1_5_a_pipeline_of_four_queues(store: Store) -> None:
    ran = await run(store, pipeline([1, 2, 3]), STAGES)
    assert ran.order == ["extract", "transform", "load", "notify"]
    assert ran.result == {"pipelineId": "pipeline_1", "success": True}


async def test_seed_1_6_each_stage_reads_the_first_value(store: Store) -> None:
    ran = await run(store, pipeline([1, 2, 3]), STAGES)
    values = [await one.job.result(SOON) for one in ran.node.walk()]
    assert values[1:] == [
        {"loaded": 3},
        {"records": [10, 20, 30], "count": 3},
        {"records": [1, 2, 3], "count": 3},
    ]


async def test_seed_1_8_every_job_of_a_flow_has_its_flow_id(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        one, other = await flows.add_bulk([pipeline([1]), pipeline([2])])
    for node in (one, other):
        assert {job.job.flow_id for job in node.walk()} == {node.job.id}
        leaf = list(node.walk())[-1].job
        assert (await leaf.refresh()).flow_id == node.job.id


def fan_out(items: list[Any]) -> dict[str, Any]:
    return {
        "name": "aggregate-results", "queueName": "aggregator",
        "data": {"batchId": "batch_1", "totalItems": len(items)},
        "children": [
            {"name": f"process-item-{index}", "queueName": "item-processor",
             "data": {"batchId": "batch_1", "index": index, "item": item},
             "opts": {"ignoreDependencyOnFailure": True}}
            for index, item in enumerate(items)
        ],
    }  # fmt: skip


async def process_item(job: Job) -> dict[str, Any]:
    if job.data["item"] < 0:
        raise ValueError(f"item {job.data['index']} is negative")
    return {"index": job.data["index"], "result": job.data["item"] ** 2, "success": True}


async def aggregate(job: Job) -> dict[str, Any]:
    results = await job.get_results()
    good = [one.value for one in results if one.failure is None]
    return {
        "batchId": job.data["batchId"],
        "totalItems": job.data["totalItems"],
        "successful": len(good),
        "failed": len(results) - len(good),
        "results": [value["result"] for value in good],
    }


async def _fan_out(store: Store, items: list[Any]) -> Any:
    async with FlowProducer(store=store) as flows:
        node = await flows.add(fan_out(items))
    async with (
        Worker("item-processor", process_item, store=store, options=WorkerOptions(concurrency=10)),
        Worker("aggregator", aggregate, store=store),
    ):
        return await node.flow.result(SOON * 2)


async def test_seed_1_9_items_fan_out_and_one_parent_gathers(store: Store) -> None:
    result = await _fan_out(store, list(range(100)))
    assert result == {
        "batchId": "batch_1", "totalItems": 100, "successful": 100, "failed": 0,
        "results": [number**2 for number in range(100)],
    }  # fmt: skip


async def test_seed_1_10_a_name_for_each_index(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        node = await flows.add(fan_out([5, 6, 7]))
    assert [child.job.name for child in node.children] == [f"process-item-{n}" for n in range(3)]


async def test_seed_1_11_a_concurrency_of_ten_is_ten_at_once(store: Store) -> None:
    together = asyncio.Barrier(10)

    async def meet(job: Job) -> None:
        async with asyncio.timeout(SOON):
            await together.wait()

    async with FlowProducer(store=store) as flows:
        node = await flows.add(fan_out(list(range(10))))
    async with (
        Worker("item-processor", meet, store=store, options=WorkerOptions(concurrency=10)),
        Worker("aggregator", name_of, store=store),
    ):
        await node.flow.result(SOON)


async def test_seed_1_12_results_come_in_the_order_of_definition(store: Store) -> None:
    async def slow_first(job: Job) -> int:
        await asyncio.sleep(0.05 - 0.01 * job.data["index"])
        return int(job.data["index"])

    async def both(job: Job) -> list[Any]:
        return [
            [one.value for one in await job.get_results()],
            list((await job.get_children_values()).values()),
        ]

    async with FlowProducer(store=store) as flows:
        node = await flows.add(fan_out([0] * 5))
    async with (
        Worker("item-processor", slow_first, store=store, options=WorkerOptions(concurrency=5)),
        Worker("aggregator", both, store=store),
    ):
        assert await node.flow.result(SOON) == [[0, 1, 2, 3, 4]] * 2


async def test_seed_1_13_failures_are_counted(store: Store) -> None:
    result = await _fan_out(store, [1, -2, 3, -4])
    assert (result["successful"], result["failed"], result["results"]) == (2, 2, [1, 9])


def order_workflow() -> FlowJob:
    """validate → pay → (reserve ∥ ship) → confirm; the payment is one job with two parents."""
    order = {"orderId": "o-1"}
    validate = FlowJob("validate-order", queue="validation", data=order, children=[
        FlowJob("validate-items", queue="item-validation", data={"items": ["p-1"]}),
        FlowJob("validate-customer", queue="customer-validation", data={"customerId": "c-1"}),
    ])  # fmt: skip
    pay = FlowJob("process-payment", queue="payment", data=order, children=[validate])
    fulfill = FlowJob("fulfill-order", queue="order-fulfillment", data=order, children=[
        FlowJob("reserve-inventory", queue="inventory", data=order, children=[pay]),
        FlowJob("prepare-shipping", queue="shipping", data=order, children=[pay]),
    ])  # fmt: skip
    return FlowJob("send-confirmation", queue="order-confirmation", data=order, children=[fulfill])


async def test_seed_1_14_the_order_workflow_is_a_graph(store: Store) -> None:
    ran = await run(store, order_workflow())
    assert sorted(ran.order[:2]) == ["validate-customer", "validate-items"]
    assert ran.order[2:4] == ["validate-order", "process-payment"]
    assert sorted(ran.order[4:6]) == ["prepare-shipping", "reserve-inventory"]
    assert ran.order[6:] == ["fulfill-order", "send-confirmation"]
    assert ran.before("validate-order", "process-payment")


async def test_seed_1_15_a_shared_payment_charges_once(store: Store) -> None:
    charged: list[str] = []

    async def pay(job: Job) -> str:
        charged.append(job.id)
        return "paid"

    async def look(job: Job) -> Any:
        return await job.get_child_value()

    ran = await run(store, order_workflow(), {
        "process-payment": pay, "reserve-inventory": look, "prepare-shipping": look,
    })  # fmt: skip
    assert len(charged) == 1
    fulfill = ran.node.children[0]
    assert [await child.job.result(SOON) for child in fulfill.children] == ["paid", "paid"]


async def test_seed_1_15_the_same_job_id_is_the_same_payment(store: Store) -> None:
    """The article's own tree, with the id that its comment means."""
    payment = {"name": "process-payment", "queueName": "payment", "opts": {"jobId": "pay-o-1"}}
    validated = {**payment, "children": [{"name": "validate-order", "queueName": "validation"}]}
    tree = {
        "name": "fulfill-order", "queueName": "order-fulfillment",
        "children": [
            {"name": "reserve-inventory", "queueName": "inventory", "children": [validated]},
            {"name": "prepare-shipping", "queueName": "shipping", "children": [payment]},
        ],
    }  # fmt: skip
    ran = await run(store, tree)
    assert ran.order.count("process-payment") == 1
    assert ran.order[:2] == ["validate-order", "process-payment"]


async def test_seed_1_16_a_failed_payment_stops_what_depends_on_it(store: Store) -> None:
    async def declined(job: Job) -> None:
        raise ValueError("card declined")

    ran_names: list[str] = []

    async def note(job: Job) -> None:
        ran_names.append(job.name)

    with pytest.raises(JobFailed):
        await run(store, order_workflow(), {
            "process-payment": declined, "reserve-inventory": note, "prepare-shipping": note,
            "send-confirmation": note,
        })  # fmt: skip
    assert ran_names == []


async def test_seed_1_17_the_parent_gets_its_childrens_values(store: Store) -> None:
    async def values(job: Job) -> list[Any]:
        return sorted((await job.get_children_values()).values())

    assert (await run(store, SIMPLE, {"parent-job": values})).result == ["child-1", "child-2"]


async def test_seed_1_18_a_key_is_prefix_queue_and_id(store: Store) -> None:
    async def parse(job: Job) -> list[Any]:
        return [list(JobKey.parse(key)) for key in await job.get_children_values()]

    ran = await run(store, SIMPLE, {"parent-job": parse})
    assert ran.result == [
        [store.prefix, "child-queue", child.job.id] for child in ran.node.children
    ]


async def test_seed_1_20_values_can_be_reduced(store: Store) -> None:
    async def count(job: Job) -> dict[str, int]:
        return {"count": job.data["item"]}

    async def total(job: Job) -> dict[str, int]:
        return {"total": sum(one["count"] for one in (await job.get_children_values()).values())}

    processors = {"child-1": count, "child-2": count, "parent-job": total}
    assert (await run(store, SIMPLE, processors)).result == {"total": 3}


WITH_OPTIONS: dict[str, Any] = {
    "name": "parent", "queueName": "parent-queue", "data": {"type": "aggregate"},
    "opts": {"attempts": 3, "backoff": {"type": "exponential", "delay": 1000}, "priority": 1},
    "children": [
        {
            "name": "critical-child", "queueName": "child-queue", "data": {"critical": True},
            "opts": {
                "attempts": 5, "backoff": {"type": "exponential", "delay": 2000}, "priority": 0,
            },
        },
        {
            "name": "optional-child", "queueName": "child-queue", "data": {"optional": True},
            "opts": {"attempts": 1, "failParentOnFailure": False},
        },
    ],
}  # fmt: skip


async def test_seed_1_21_each_job_has_its_options(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        node = await flows.add(WITH_OPTIONS)
    stored = [await one.job.refresh() for one in node.walk()]
    assert [(job.opts.attempts, job.priority) for job in stored] == [(3, 1), (5, 0), (1, 0)]
    assert stored[0].opts.to_mapping()["backoff"] == {"type": "exponential", "delay": 1000}
    assert stored[2].opts.on_failure is OnFailure.IGNORE


async def test_seed_1_22_a_parent_keeps_its_priority(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        done, removed = await flows.add_bulk([WITH_OPTIONS, WITH_OPTIONS])
        async with workers(store, {"child-queue"}):
            for child in done.children:
                await child.job.result(SOON)
            await until(done.job.is_prioritized)
            for child in removed.children:
                await child.job.result(SOON)
        other = await flows.add({"name": "p", "queueName": "parent-queue", "opts": {"priority": 7},
                                 "children": [{"name": "c", "queueName": "nobody"}]})  # fmt: skip
        await other.children[0].job.remove()
        assert await other.job.get_state() is State.PRIORITIZED
        assert (await other.job.refresh()).priority == 7


async def test_seed_1_23_no_priority_runs_first_then_low_numbers(store: Store) -> None:
    order: list[int] = []

    async def note(job: Job) -> None:
        order.append(job.priority)

    queue = Queue("q", store=store)
    jobs = [await queue.add("job", {}, JobOptions(priority=number)) for number in (10, 1, 0)]
    async with Worker("q", note, store=store):
        await asyncio.gather(*(job.result(SOON) for job in jobs))
    assert order == [0, 1, 10]


async def fails(job: Job) -> None:
    raise ValueError(f"{job.name} failed")


async def test_seed_1_24_fail_parent_false_lets_the_parent_go_on(store: Store) -> None:
    ran = await run(store, WITH_OPTIONS, {"optional-child": fails})
    assert ran.result == "parent"


async def test_seed_1_25_completed_and_failed_are_told_as_events(store: Store) -> None:
    told: dict[str, str] = {}
    queue = Queue("child-queue", store=store)
    events = QueueEvents("child-queue", store=store)
    done = asyncio.Event()

    def on_completed(event: Completed) -> None:
        told[event.job_id] = str(event.kind)

    def on_failed(event: Failed) -> None:
        told[event.job_id] = event.failed_reason
        done.set()

    events.on("completed", on_completed)
    events.on("failed", on_failed)
    async with events, Worker("child-queue", {"good": name_of, "bad": fails}, store=store):
        good, bad = await queue.add_bulk([("good", {}), ("bad", {})])
        async with deadline(SOON):
            await done.wait()
    assert told == {good.id: "completed", bad.id: "bad failed"}


async def test_seed_1_27_a_job_is_found_by_its_id_or_not(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        node = await flows.add(SIMPLE)
    queue = Queue("parent-queue", store=store)
    found = await queue.get_job(node.job.id)
    assert found is not None
    assert found.name == "parent-job"
    assert await queue.get_job("not_found") is None


async def test_seed_1_28_dependencies_come_in_four_groups(store: Store) -> None:
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
        processors = {"good": name_of, "ignored": fails, "failed": fails}
        async with workers(store, {"q"}, processors):
            await until(node.children[2].job.is_failed)
    dependencies = await node.job.get_dependencies()
    good, ignored, failed, pending = (child.job.key for child in node.children)
    assert dependencies.processed == {good: "good"}
    assert dependencies.ignored == {ignored: "ignored failed"}
    assert list(dependencies.failed) == [failed]
    assert list(dependencies.unprocessed) == [pending]
    assert await node.job.get_dependencies_count() == {
        "processed": 1, "unprocessed": 1, "ignored": 1, "failed": 1,
    }  # fmt: skip


async def test_seed_1_29_processed_dependencies_are_values(store: Store) -> None:
    ran = await run(store, SIMPLE)
    dependencies = await ran.node.job.get_dependencies()
    assert sorted(dependencies.processed.values()) == ["child-1", "child-2"]


async def test_seed_1_31_a_job_tells_its_state(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        node = await flows.add(SIMPLE)
    assert await node.job.get_state() == "waiting-children"
    async with workers(store, every_queue(SIMPLE)):
        await node.flow.result(SOON)
    assert await node.job.get_state() == "completed"


def resilient(**must_succeed: Any) -> dict[str, Any]:
    return {
        "name": "resilient-parent", "queueName": "parent", "data": {}, "opts": {"attempts": 2},
        "children": [
            {"name": "must-succeed", "queueName": "critical", "data": {},
             "opts": {"attempts": 5, **must_succeed}},
            {"name": "optional-task", "queueName": "optional", "data": {},
             "opts": {"attempts": 2, "failParentOnFailure": False}},
        ],
    }  # fmt: skip


@pytest.mark.parametrize("opts", [{}, {"failParentOnFailure": True}])
async def test_seed_1_32_a_failed_child_fails_its_parent_by_default(
    store: Store, opts: dict[str, Any]
) -> None:
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
    tries = 0

    async def twice(job: Job) -> list[Any]:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ValueError("not yet")
        return list((await job.get_children_values()).values())

    ran = await run(store, resilient(), {"resilient-parent": twice})
    assert sorted(ran.order) == [
        "must-succeed", "optional-task", "resilient-parent", "resilient-parent",
    ]  # fmt: skip
    assert ran.result == ["must-succeed", "optional-task"]


async def test_seed_1_34_optional_failures_have_their_own_getter(store: Store) -> None:
    async def look(job: Job) -> list[Any]:
        values = await job.get_children_values()
        failures = await job.get_ignored_children_failures()
        return [list(values.values()), list(failures.values())]

    ran = await run(store, resilient(), {"optional-task": fails, "resilient-parent": look})
    assert ran.result == [["must-succeed"], ["optional-task failed"]]


async def test_seed_1_34_nothing_returned_is_a_value(store: Store) -> None:
    async def nothing(job: Job) -> None:
        return None

    async def look(job: Job) -> list[Any]:
        return list((await job.get_children_values()).values())

    ran = await run(store, resilient(), {"optional-task": nothing, "resilient-parent": look})
    assert ran.result == ["must-succeed", None]


async def test_seed_1_35_a_parent_counts_successes_and_failures(store: Store) -> None:
    async def totals(job: Job) -> dict[str, int]:
        results = await job.get_results()
        failed = sum(one.failure is not None for one in results)
        return {
            "totalChildren": len(results), "successful": len(results) - failed, "failed": failed,
        }  # fmt: skip

    ran = await run(store, resilient(), {"optional-task": fails, "resilient-parent": totals})
    assert ran.result == {"totalChildren": 2, "successful": 1, "failed": 1}


def processing_flow(sources: str, transformations: str, destinations: str) -> FlowJob:
    """The dynamic builder, with jobs that are shared because they are the same objects."""
    below = [FlowJob(f"extract-{one}", queue="extraction") for one in sources]
    for one in transformations:
        below = [FlowJob(f"transform-{one}", queue="transformation", children=below)]
    loads = [FlowJob(f"load-{one}", queue="loading", children=below) for one in destinations]
    return FlowJob("complete-flow", queue="flow-completion", children=loads)


async def test_seed_1_36_shared_jobs_of_a_dynamic_flow_run_once(store: Store) -> None:
    ran = await run(store, processing_flow("ab", "xy", "pqr"))
    assert len(ran.order) == len(set(ran.order)) == 2 + 2 + 3 + 1
    assert ran.order[2:4] == ["transform-x", "transform-y"]


async def test_seed_1_37_all_destinations_get_the_same_transformation(store: Store) -> None:
    async def value(job: Job) -> Any:
        return await job.get_child_value()

    ran = await run(store, processing_flow("a", "x", "pq"), {"load-p": value, "load-q": value})
    assert [await one.job.result(SOON) for one in ran.node.children] == ["transform-x"] * 2


async def test_seed_1_38_one_job_gathers_at_the_end(store: Store) -> None:
    ran = await run(store, processing_flow("abc", "", "pq"))
    assert ran.order[-1] == "complete-flow"


async def test_seed_1_41_a_job_id_can_be_used_again_and_nothing_hangs(store: Store) -> None:
    child = {"name": "child", "queueName": "q", "opts": {"jobId": "fetch-7"}}
    tree = {"name": "top", "queueName": "q", "children": [child]}
    first = await run(store, tree)
    again = await run(store, tree)
    assert first.result == again.result == "top"
    assert again.order == ["top"]
    lost = {"name": "top", "queueName": "q", "children": [
        {"name": "bad", "queueName": "q", "opts": {"jobId": "bad-1"}}]}  # fmt: skip
    for _ in range(2):
        with pytest.raises(JobFailed):
            await run(store, lost, {"bad": fails})


async def test_seed_1_44_a_child_has_a_timeout(store: Store) -> None:
    async def hang(job: Job) -> None:
        await asyncio.sleep(60)

    tree = {"name": "top", "queueName": "q", "children": [
        {"name": "slow", "queueName": "q", "opts": {"timeout": 200}}]}  # fmt: skip
    with pytest.raises(JobFailed):
        await run(store, tree, {"slow": hang})
    (failed,) = [job for job in await Queue("q", store=store).get_failed() if job.name == "slow"]
    assert failed.failed_reason == "the attempt took longer than its 0.2 s"


async def test_seed_1_45_completed_flows_can_be_cleaned_up(store: Store) -> None:
    tree = {"name": "top", "queueName": "q", "opts": {"removeOnComplete": True}, "children": [
        {"name": "child", "queueName": "q", "opts": {"removeOnComplete": True}}]}  # fmt: skip
    ran = await run(store, tree)
    assert ran.result == "top"
    assert sum((await Queue("q", store=store).get_job_counts()).values()) == 0


async def test_seed_1_46_a_flow_can_be_tested_in_memory(memory: Store) -> None:
    assert (await run(memory, pipeline([1, 2, 3]), STAGES)).result["success"] is True


async def test_seed_1_48_log_records_have_the_flow_id(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "oxherd.worker"), pytest.raises(JobFailed) as caught:
        await run(store, pipeline([1]), {**STAGES, "load": fails})
    ids = {getattr(r, "flow_id", None) for r in caplog.records if hasattr(r, "flow_id")}
    assert ids == {caught.value.job_id}


async def test_seed_1_49_a_processor_knows_its_attempt(store: Store) -> None:
    seen: list[int] = []

    async def third_time(job: Job) -> str:
        seen.append(job.attempts_made)
        if len(seen) < 3:
            raise ValueError("again")
        return "done"

    tree = {"name": "top", "queueName": "q", "opts": {"attempts": 3}}
    assert (await run(store, tree, {"top": third_time})).result == "done"
    assert seen == [0, 1, 2]
