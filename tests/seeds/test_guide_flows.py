"""The Elixir guide: its flows, their order, their keys, and how deep and wide they may be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from oxherd import (
    FlowProducer,
    InvalidFlow,
    InvalidOption,
    Job,
    NotSerializable,
    Queue,
    chain,
)
from tests.runtime.working import SOON
from tests.seeds.guide import DEPLOY, ETL, MAIL, REPORT, bulk
from tests.seeds.running import all_values, every_queue, name_of, run, workers
from tests.timing import deadline

if TYPE_CHECKING:
    from oxherd import Store


async def test_seed_2_1_a_parent_waits_for_all_its_children(store: Store) -> None:
    """A parent waits for all its children."""
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
    """Children may have children."""
    ran = await run(store, DEPLOY)
    assert len(ran.order) == 5
    assert ran.before("compile", "build")
    assert ran.before("build", "deploy-application")


async def test_seed_2_3_children_give_their_results_to_the_parent(store: Store) -> None:
    """Children give their results to the parent."""
    ran = await run(store, REPORT, {"generate-report": all_values})
    assert ran.result == ["fetch-users", "fetch-orders"]


async def test_seed_2_4_a_flow_is_added_whole_or_not_at_all(store: Store) -> None:
    """A flow is added whole or not at all."""
    bad = {
        **DEPLOY,
        "children": [*DEPLOY["children"], {"name": "x", "queue_name": "q", "data": {1}}],
    }
    async with FlowProducer(store=store) as flows:
        with pytest.raises(NotSerializable, match=r"flow.children\[2\]"):
            await flows.add(bad)
    assert await store.queues() == []


async def test_seed_2_5_the_basic_flow(store: Store) -> None:
    """The basic flow fetches in any order, then reports."""
    ran = await run(store, REPORT)
    assert sorted(ran.order[:2]) == ["fetch-orders", "fetch-users"]
    assert ran.order[2:] == ["generate-report"]


async def test_seed_2_6_the_keys_of_a_node(store: Store) -> None:
    """A node's queue may be `queue_name`, `queue` or `queueName`; data and opts are as given."""
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
    assert (node.job.data, node.job.priority) == ({"a": 1}, 2)


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
    """What is missing or misspelt is refused, with the nearest name."""
    tree = {"name": "top", "queue_name": "q", "children": [node]}
    async with FlowProducer(store=store) as flows:
        with pytest.raises(error, match=told):
            await flows.add(tree)
    assert await store.queues() == []


async def test_seed_2_8_the_deployment(store: Store) -> None:
    """The deployment compiles and tests, builds, prepares beside that, and deploys last."""
    ran = await run(store, DEPLOY)
    assert ran.before("compile", "build")
    assert ran.before("test", "build")
    assert ran.before("prepare-infra", "deploy-application")
    assert ran.order[-1] == "deploy-application"


async def test_seed_2_15_the_etl_pipeline(store: Store) -> None:
    """The pipeline extracts from two sources, transforms, loads."""
    ran = await run(store, ETL)
    assert sorted(ran.order[:2]) == ["extract-api", "extract-db"]
    assert ran.order[2:] == ["transform", "load-data"]


async def test_seed_2_16_the_order_charges_beside_its_validation(store: Store) -> None:
    """The guide's order charges beside its validation; `chain()` puts the payment after it."""
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
    """The report queries, makes a PDF, sends it."""
    ran = await run(store, MAIL)
    assert sorted(ran.order[:2]) == ["query-sales", "query-users"]
    assert ran.order[2:] == ["generate-pdf", "email-report"]


async def test_seed_2_19_several_flows_are_added_at_once_or_not_at_all(store: Store) -> None:
    """Several flows are added at once or not at all."""
    async with FlowProducer(store=store) as flows:
        nodes = await flows.add_bulk([bulk(1), bulk(2)])
        assert [node.job.data for node in nodes] == [{"flow": 1}, {"flow": 2}]
        with pytest.raises(InvalidFlow):
            await flows.add_bulk([bulk(3), {"name": "no queue"}])
        assert (await Queue("main", store=store).get_job_counts())["waiting-children"] == 2
        async with workers(store, {"main", "tasks"}):
            for node in nodes:
                assert await node.flow.result(SOON) == node.job.name


async def test_seed_2_27_map_and_reduce(store: Store) -> None:
    """Chunks of a large input are mapped as children, and their parent reduces them."""
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
        return sum(await all_values(job))

    ran = await run(store, tree, {"map-chunk": map_chunk, "reduce-results": reduce})
    assert ran.result == sum(items)
    assert len(ran.order) == 6


async def test_seed_2_30_a_flow_may_be_deep(store: Store) -> None:
    """A flow of more than the guide's 100 levels runs, and its whole tree is read back."""
    steps = [{"name": f"step-{n}", "queue_name": "q"} for n in range(150)]
    ran = await run(store, chain(steps))
    assert ran.order == [step["name"] for step in steps]
    async with FlowProducer(store=store) as flows:
        tree = await flows.get_flow(ran.node.job.id, "q")
        assert [one.job.name for one in tree.walk()] == ran.order[::-1]
        assert not any(one.truncated for one in tree.walk())
        cut = await flows.get_flow(ran.node.job.id, "q", depth=100)
        assert [one.truncated for one in cut.walk()] == [False] * 99 + [True]


async def test_seed_2_30_ten_thousand_levels_are_one_add(store: Store) -> None:
    """A flow of 10,000 levels is added in one call, and its deepest job is the first to run."""
    async with FlowProducer(store=store) as flows:
        deep = await flows.add(chain([{"name": "n", "queue_name": "deep"}] * 10_000))
    *_, leaf = deep.walk()
    assert await leaf.job.is_waiting()
    counts = await Queue("deep", store=store).get_job_counts("waiting", "waiting-children")
    assert counts == {"waiting": 1, "waiting-children": 9_999}


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_seed_2_30_ten_thousand_levels_run(store: Store) -> None:
    """A flow of 10,000 levels runs to its end, and its whole tree is read back."""
    async with FlowProducer(store=store) as flows:
        deep = await flows.add(chain([{"name": "n", "queue_name": "deep"}] * 10_000))
        async with workers(store, {"deep"}):
            assert await deep.flow.result(180) == "n"
        tree = await flows.get_flow(deep.job.id, "deep")
    states = [one.state for one in tree.walk()]
    assert (len(states), set(states)) == (10_000, {"completed"})


async def test_seed_2_32_children_run_in_parallel(store: Store) -> None:
    """The children of a job run in parallel."""
    together = asyncio.Barrier(2)

    async def meet(job: Job) -> None:
        async with deadline(SOON):
            await together.wait()

    ran = await run(store, REPORT, {"fetch-users": meet, "fetch-orders": meet})
    assert ran.result == "generate-report"
