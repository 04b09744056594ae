"""The Elixir guide: its flows in their own spelling, and its claims."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from oxherd import (
    Completed,
    FlowProducer,
    InvalidFlow,
    InvalidOption,
    Job,
    JobFailed,
    NotSerializable,
    Queue,
    QueueEvents,
    State,
    chain,
)
from tests.runtime.working import SOON, failure_of, until
from tests.seeds.running import every_queue, name_of, run, workers
from tests.timing import deadline

if TYPE_CHECKING:
    from oxherd import Store

REPORT: dict[str, Any] = {
    "name": "generate-report", "queue_name": "reports", "data": {"report_id": 123},
    "children": [
        {"name": "fetch-users", "queue_name": "data-fetch", "data": {"source": "users"}},
        {"name": "fetch-orders", "queue_name": "data-fetch", "data": {"source": "orders"}},
    ],
}  # fmt: skip
DEPLOY: dict[str, Any] = {
    "name": "deploy-application", "queue_name": "deploy", "data": {"app": "myapp"},
    "children": [
        {
            "name": "build", "queue_name": "build", "data": {},
            "children": [
                {"name": "compile", "queue_name": "build", "data": {}},
                {"name": "test", "queue_name": "test", "data": {}},
            ],
        },
        {"name": "prepare-infra", "queue_name": "infrastructure", "data": {}},
    ],
}  # fmt: skip
ETL: dict[str, Any] = {
    "name": "load-data", "queue_name": "etl", "data": {"destination": "warehouse"},
    "children": [
        {
            "name": "transform", "queue_name": "etl", "data": {},
            "children": [
                {"name": "extract-api", "queue_name": "etl", "data": {"source": "api"}},
                {"name": "extract-db", "queue_name": "etl", "data": {"source": "database"}},
            ],
        },
    ],
}  # fmt: skip
MAIL: dict[str, Any] = {
    "name": "email-report", "queue_name": "notifications",
    "data": {"recipients": ["admin@example.com"]},
    "children": [
        {
            "name": "generate-pdf", "queue_name": "reports", "data": {"format": "pdf"},
            "children": [
                {"name": "query-sales", "queue_name": "data", "data": {"type": "sales"}},
                {"name": "query-users", "queue_name": "data", "data": {"type": "users"}},
            ],
        },
    ],
}  # fmt: skip


def bulk(number: int) -> dict[str, Any]:
    return {
        "name": f"flow{number}_parent", "queue_name": "main", "data": {"flow": number},
        "children": [{"name": f"flow{number}_child", "queue_name": "tasks", "data": {}}],
    }  # fmt: skip


async def fails(job: Job) -> None:
    raise ValueError(f"{job.name} failed")


async def test_seed_2_1_a_parent_waits_for_all_its_children(store: Store) -> None:
    go = asyncio.Event()

    async def late(job: Job) -> str:
        await go.wait()
        return "late"

    async with FlowProducer(store=store) as flows:
        node = await flows.add(REPORT)
    processors = {"fetch-users": name_of, "fetch-orders": late, "generate-report": name_of}
    async with workers(store, every_queue(REPORT), processors):
        await node.children[0].job.result(SOON)
        assert await node.job.is_waiting_children()
        go.set()
        assert await node.flow.result(SOON) == "generate-report"


async def test_seed_2_2_children_may_have_children(store: Store) -> None:
    ran = await run(store, DEPLOY)
    assert len(ran.order) == 5
    assert ran.before("compile", "build")
    assert ran.before("build", "deploy-application")


async def test_seed_2_3_children_give_their_results_to_the_parent(store: Store) -> None:
    async def gather(job: Job) -> list[Any]:
        return list((await job.get_children_values()).values())

    ran = await run(store, REPORT, {"generate-report": gather})
    assert ran.result == ["fetch-users", "fetch-orders"]


async def test_seed_2_4_a_flow_is_added_whole_or_not_at_all(store: Store) -> None:
    bad = {
        **DEPLOY,
        "children": [*DEPLOY["children"], {"name": "x", "queue_name": "q", "data": {1}}],
    }
    async with FlowProducer(store=store) as flows:
        with pytest.raises(NotSerializable, match=r"flow.children\[2\]"):
            await flows.add(bad)
    assert await store.queues() == []


async def test_seed_2_5_the_basic_flow(store: Store) -> None:
    ran = await run(store, REPORT)
    assert sorted(ran.order[:2]) == ["fetch-orders", "fetch-users"]
    assert ran.order[2:] == ["generate-report"]


async def test_seed_2_6_the_keys_of_a_node(store: Store) -> None:
    tree = {
        "name": "parent_job", "queue_name": "main_queue", "data": {"a": 1}, "opts": {"priority": 2},
        "children": [
            {"name": "child1", "queue_name": "queue1", "data": {}},
            {
                "name": "child2", "queue": "queue2", "data": {},
                "children": [{"name": "grandchild", "queueName": "queue3", "data": {}}],
            },
        ],
    }  # fmt: skip
    async with FlowProducer(store=store) as flows:
        node = await flows.add(tree)
    assert [(one.job.name, one.job.queue_name) for one in node.walk()] == [
        ("parent_job", "main_queue"), ("child1", "queue1"), ("child2", "queue2"),
        ("grandchild", "queue3"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("node", "error", "told"),
    [
        ({"queue_name": "q"}, InvalidFlow, "no name"),
        ({"name": "a"}, InvalidFlow, "no queue"),
        ({"name": "a", "queue_name": "q", "childen": []}, InvalidFlow, "'children'"),
        ({"name": "a", "queue_name": "q", "opts": {"atempts": 1}}, InvalidOption, "'attempts'"),
    ],
)
async def test_seed_2_7_what_is_missing_or_misspelt_is_refused(
    store: Store, node: dict[str, Any], error: type[Exception], told: str
) -> None:
    tree = {"name": "top", "queue_name": "q", "children": [node]}
    async with FlowProducer(store=store) as flows:
        with pytest.raises(error, match=told):
            await flows.add(tree)


async def test_seed_2_8_the_deployment(store: Store) -> None:
    ran = await run(store, DEPLOY)
    assert ran.before("compile", "build")
    assert ran.before("test", "build")
    assert ran.before("prepare-infra", "deploy-application")
    assert ran.order[-1] == "deploy-application"


async def test_seed_2_9_counts_are_summed(store: Store) -> None:
    async def fetch(job: Job) -> dict[str, Any]:
        data = list(job.data["source"])
        return {"data": data, "count": len(data)}

    async def aggregate(job: Job) -> dict[str, int]:
        values = await job.get_children_values()
        return {"total": sum(value["count"] for value in values.values())}

    ran = await run(
        store, REPORT,
        {"fetch-users": fetch, "fetch-orders": fetch, "generate-report": aggregate},
    )  # fmt: skip
    assert ran.result == {"total": 11}


def with_failures(**optional: Any) -> dict[str, Any]:
    return {
        "name": "parent", "queue_name": "main", "data": {},
        "children": [
            {"name": "critical-child", "queue_name": "tasks", "data": {}, "opts": {"attempts": 3}},
            {"name": "optional-child", "queue_name": "tasks", "data": {}, "opts": optional},
        ],
    }  # fmt: skip


IGNORED = with_failures(ignore_dependency_on_failure=True)


async def test_seed_2_10_ignored_failures_can_be_read(store: Store) -> None:
    async def look(job: Job) -> dict[str, str]:
        return await job.get_ignored_children_failures()

    ran = await run(store, IGNORED, {"optional-child": fails, "parent": look})
    assert ran.result == {ran.node.children[1].job.key: "optional-child failed"}


async def test_seed_2_11_pending_dependencies_can_be_read(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        node = await flows.add(REPORT)
    dependencies = await node.job.get_dependencies()
    assert list(dependencies.unprocessed) == [child.job.key for child in node.children]


async def test_seed_2_12_dependencies_can_be_counted(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        node = await flows.add(REPORT)
    assert (await node.job.get_dependencies_count())["unprocessed"] == 2


OPTIONS: dict[str, Any] = {
    "name": "parent", "queue_name": "main", "data": {}, "opts": {"priority": 1},
    "children": [
        {"name": "batch-child", "queue_name": "tasks", "data": {}, "opts": {"priority": 10}},
        {
            "name": "important-child", "queue_name": "tasks", "data": {},
            "opts": {
                "priority": 1, "attempts": 5, "backoff": {"type": "exponential", "delay": 1000},
            },
        },
    ],
}  # fmt: skip


async def test_seed_2_13_options_of_a_job_of_a_flow_are_honoured(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        node = await flows.add(OPTIONS)
    important = await node.children[1].job.refresh()
    assert (important.priority, important.opts.attempts) == (1, 5)
    assert await important.get_state() is State.PRIORITIZED


async def test_seed_2_14_a_larger_number_is_a_lower_priority(store: Store) -> None:
    ran = await run(store, OPTIONS, concurrency=1)
    assert ran.order == ["important-child", "batch-child", "parent"]


async def test_seed_2_15_the_etl_pipeline(store: Store) -> None:
    ran = await run(store, ETL)
    assert sorted(ran.order[:2]) == ["extract-api", "extract-db"]
    assert ran.order[2:] == ["transform", "load-data"]


async def test_seed_2_16_the_order_charges_beside_its_validation(store: Store) -> None:
    """As the guide nests it; `chain()` puts the payment after the validation."""
    steps = [
        {"name": "validate-order", "queue_name": "validation", "data": {"order_id": 123}},
        {"name": "charge-payment", "queue_name": "payments", "data": {"order_id": 123}},
        {"name": "reserve-inventory", "queue_name": "inventory", "data": {"order_id": 123}},
    ]
    root = {"name": "complete-order", "queue_name": "orders", "data": {"order_id": 123}}
    ran = await run(store, {**root, "children": steps})
    assert sorted(ran.order[:3]) == ["charge-payment", "reserve-inventory", "validate-order"]
    assert ran.order[3:] == ["complete-order"]
    better = await run(store, chain([*steps, root]))
    assert better.order == [
        "validate-order", "charge-payment", "reserve-inventory", "complete-order",
    ]  # fmt: skip


async def test_seed_2_17_the_report_by_mail(store: Store) -> None:
    ran = await run(store, MAIL)
    assert sorted(ran.order[:2]) == ["query-sales", "query-users"]
    assert ran.order[2:] == ["generate-pdf", "email-report"]


async def test_seed_2_18_each_queue_needs_a_worker(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        node = await flows.add(REPORT)
    async with workers(store, {"data-fetch"}):
        await until(node.job.is_waiting)
        with pytest.raises(TimeoutError):
            await node.flow.result(0.1)
        async with workers(store, {"reports"}):
            assert await node.flow.result(SOON) == "generate-report"


async def test_seed_2_19_several_flows_are_added_at_once_or_not_at_all(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        nodes = await flows.add_bulk([bulk(1), bulk(2)])
        assert [node.job.data for node in nodes] == [{"flow": 1}, {"flow": 2}]
        with pytest.raises(InvalidFlow):
            await flows.add_bulk([bulk(3), {"name": "no queue"}])
        assert (await Queue("main", store=store).get_job_counts())["waiting-children"] == 2
        async with workers(store, {"main", "tasks"}):
            for node in nodes:
                assert await node.flow.result(SOON) == node.job.name


async def test_seed_2_20_the_option_of_the_child_decides_about_the_parent(store: Store) -> None:
    assert (await run(store, IGNORED, {"optional-child": fails})).result == "parent"
    with pytest.raises(JobFailed):
        await run(store, IGNORED, {"critical-child": fails})


async def test_seed_2_21_attempts_are_tries_in_all(store: Store) -> None:
    runs = 0

    async def count(job: Job) -> None:
        nonlocal runs
        runs += 1
        raise ValueError("no")

    with pytest.raises(JobFailed):
        await run(store, IGNORED, {"critical-child": count})
    assert runs == 3


async def test_seed_2_22_an_ignored_failure_waits_for_the_others(store: Store) -> None:
    go = asyncio.Event()

    async def late(job: Job) -> str:
        await go.wait()
        return "late"

    async with FlowProducer(store=store) as flows:
        node = await flows.add(IGNORED)
    processors = {"critical-child": late, "optional-child": fails, "parent": name_of}
    async with workers(store, {"main", "tasks"}, processors):
        await until(node.children[1].job.is_failed)
        assert await node.job.is_waiting_children()
        go.set()
        assert await node.flow.result(SOON) == "parent"


async def test_seed_2_23_failing_the_parent_is_the_default_and_false_goes_on(
    store: Store,
) -> None:
    with pytest.raises(JobFailed):
        await run(store, with_failures(), {"optional-child": fails})
    goes_on = with_failures(fail_parent_on_failure=False)
    assert (await run(store, goes_on, {"optional-child": fails})).result == "parent"


async def test_seed_2_24_without_attempts_left_the_child_is_failed(store: Store) -> None:
    async with FlowProducer(store=store) as flows, workers(store, {"tasks"}, {
        "critical-child": fails, "optional-child": name_of,
    }):  # fmt: skip
        node = await flows.add(IGNORED)
        child = node.children[0].job
        await failure_of(child)
        assert await child.get_state() is State.FAILED
        assert (await child.refresh()).attempts_made == 3


async def test_seed_2_25_no_parent_waits_for_ever(store: Store) -> None:
    async with FlowProducer(store=store) as flows, workers(store, {"main", "tasks"}, {
        "critical-child": fails, "optional-child": fails, "parent": name_of,
    }):  # fmt: skip
        node = await flows.add(IGNORED)
        await until(node.job.is_failed)


async def test_seed_2_26_all_failures_can_be_read(store: Store) -> None:
    async with FlowProducer(store=store) as flows, workers(store, {"main", "tasks"}, {
        "critical-child": fails, "optional-child": fails, "parent": name_of,
    }):  # fmt: skip
        node = await flows.add(IGNORED)
        await until(node.job.is_failed)
    assert list((await node.job.get_failed_children_values()).values()) == [
        "critical-child failed", "optional-child failed",
    ]  # fmt: skip


async def test_seed_2_27_map_and_reduce(store: Store) -> None:
    items = list(range(450))
    chunks = [items[start : start + 100] for start in range(0, len(items), 100)]
    tree = {
        "name": "reduce-results", "queue_name": "reducers", "data": {},
        "children": [
            {"name": "map-chunk", "queue_name": "mappers", "data": {"items": chunk}}
            for chunk in chunks
        ],
    }  # fmt: skip

    async def map_chunk(job: Job) -> int:
        return sum(job.data["items"])

    async def reduce(job: Job) -> int:
        return sum((await job.get_children_values()).values())

    ran = await run(store, tree, {"map-chunk": map_chunk, "reduce-results": reduce})
    assert ran.result == sum(items)


async def test_seed_2_30_a_flow_may_be_deep(store: Store) -> None:
    steps = [{"name": f"step-{n}", "queue_name": "q"} for n in range(150)]
    ran = await run(store, chain(steps))
    assert ran.order == [step["name"] for step in steps]
    async with FlowProducer(store=store) as flows:
        deep = await flows.add(chain([{"name": "n", "queue_name": "deep"}] * 2_000))
        tree = await flows.get_flow(deep.job.id, "deep", depth=50)
    assert len(list(deep.walk())) == 2_000
    assert len(list(tree.walk())) == 50


async def test_seed_2_31_a_parent_runs_when_all_children_ended_well_or_were_ignored(
    store: Store,
) -> None:
    ran = await run(store, IGNORED, {"optional-child": fails})
    assert ran.order[-1] == "parent"


async def test_seed_2_32_children_run_in_parallel(store: Store) -> None:
    together = asyncio.Barrier(2)

    async def meet(job: Job) -> None:
        async with asyncio.timeout(SOON):
            await together.wait()

    await run(store, REPORT, {"fetch-users": meet, "fetch-orders": meet})


async def test_seed_2_34_events_monitor_a_flow(store: Store) -> None:
    async with QueueEvents("reports", store=store) as events:
        ran = await run(store, REPORT)
        async with deadline(SOON):
            async for event in events:
                if isinstance(event, Completed):
                    assert event.job_id == ran.node.job.id
                    assert event.returnvalue == "generate-report"
                    break
