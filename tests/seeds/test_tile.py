"""The tile: its trees as they are nested, what they mean, and the interface it lists."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from oxherd import (
    Backoff,
    Closed,
    FlowJob,
    FlowProducer,
    InvalidOption,
    Job,
    JobFailed,
    JobNode,
    JobOptions,
    OnFailure,
    ParentJob,
    Queue,
    State,
    Worker,
    chain,
)
from tests.runtime.working import SOON, failure_of, until
from tests.seeds.running import every_queue, name_of, run, workers
from tests.timing import deadline

if TYPE_CHECKING:
    from pathlib import Path

    from oxherd import Store

ORDER_DATA = {"orderId": "order-123"}
LINEAR: dict[str, Any] = {
    "name": "process-order", "queueName": "orders", "data": ORDER_DATA,
    "children": [
        {
            "name": "validate-payment", "queueName": "payments", "data": ORDER_DATA,
            "children": [
                {
                    "name": "send-confirmation", "queueName": "notifications",
                    "data": {**ORDER_DATA, "type": "confirmation"},
                },
            ],
        },
    ],
}  # fmt: skip
SIGNUP: dict[str, Any] = {
    "name": "process-user-signup", "queueName": "users",
    "data": {"userId": "user-456", "email": "user@example.com"},
    "children": [
        {"name": "send-welcome-email", "queueName": "emails", "data": {"template": "welcome"}},
        {
            "name": "create-user-profile", "queueName": "profiles", "data": {"userId": "user-456"},
            "children": [
                {"name": "generate-avatar", "queueName": "images", "data": {"userId": "user-456"}},
                {"name": "setup-preferences", "queueName": "preferences", "data": {}},
            ],
        },
        {"name": "add-to-mailing-list", "queueName": "marketing", "data": {"list": "new-users"}},
    ],
}  # fmt: skip


def onboarding(user: str) -> dict[str, Any]:
    return {
        "name": "onboard-user", "queueName": "onboarding", "data": {"userId": user},
        "children": [
            {"name": "send-welcome-series", "queueName": "emails",
             "data": {"userId": user, "series": "welcome"}},
        ],
    }  # fmt: skip


def shop() -> FlowJob:
    """The shop's order as its comments mean it: stock, payment, fulfilment, then the order."""
    order = {"orderId": "ORD-001"}
    stock = FlowJob("check-inventory", queue="inventory", data=order)
    pay = FlowJob(
        "process-payment", queue="payments", data=order, children=[stock],
        options={"attempts": 5, "backoff": {"type": "exponential", "delay": 2000}},
    )  # fmt: skip
    ship = FlowJob("create-shipment", queue="shipping", data=order, children=[
        FlowJob("print-label", queue="printing", data=order, children=[pay]),
        FlowJob("schedule-pickup", queue="logistics", data=order, children=[pay]),
    ])  # fmt: skip
    confirm = FlowJob("send-confirmation", queue="notifications", data=order, children=[pay])
    count = FlowJob("update-analytics", queue="analytics", data=order, children=[pay])
    return FlowJob(
        "process-order", queue="orders", data=order, children=[ship, confirm, count],
        options={"attempts": 3, "backoff": "exponential"},
    )  # fmt: skip


def robust(**report: Any) -> dict[str, Any]:
    """The dataset's pipeline in the order that its words mean."""
    return {
        "name": "data-pipeline", "queueName": "pipeline", "data": {"datasetId": "DS-001"},
        "opts": {"attempts": 3, "backoff": "exponential"},
        "children": [
            {
                "name": "load-to-warehouse", "queueName": "loading",
                "children": [{
                    "name": "transform-data", "queueName": "transformation",
                    "opts": {"failParentOnFailure": True},
                    "children": [{
                        "name": "extract-data", "queueName": "extraction",
                        "opts": {"attempts": 5, "backoff": {"type": "fixed", "delay": 30000}},
                    }],
                }],
            },
            {"name": "generate-report", "queueName": "reporting", "opts": report},
        ],
    }  # fmt: skip


async def fails(job: Job) -> None:
    raise ValueError(f"{job.name} failed")


async def test_seed_3_2_a_flow_spans_queues(store: Store) -> None:
    await run(store, SIGNUP)
    assert set(await store.queues()) == every_queue(SIGNUP)


async def test_seed_3_3_a_producer_takes_a_store_a_url_or_nothing(
    store: Store, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OXHERD_URL", raising=False)
    for given in (store, store_url, None):
        async with FlowProducer(store=given) as flows:
            assert (await flows.add(LINEAR)).job.name == "process-order"


async def test_seed_3_4_add_answers_a_node(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        assert isinstance(await flows.add(LINEAR), JobNode)


async def test_seed_3_5_add_bulk_takes_options_of_queues(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        nodes = await flows.add_bulk([LINEAR, SIGNUP], queues_options={"orders": {"attempts": 4}})
    assert [node.job.opts.attempts for node in nodes] == [4, 1]


async def test_seed_3_6_get_flow_reads_the_whole_tree(store: Store) -> None:
    children = [{"name": f"child-{n}", "queueName": "q"} for n in range(50)]
    deep = chain([{"name": f"step-{n}", "queueName": "q"} for n in range(15)])
    async with FlowProducer(store=store) as flows:
        wide = await flows.add({"name": "top", "queueName": "q", "children": children})
        long = await flows.add(deep)
        found = await flows.get_flow(wide.job.id, "q")
        assert [node.job.name for node in found.children] == [one["name"] for one in children]
        assert len(list((await flows.get_flow(long.job.id, "q")).walk())) == 15
        cut = await flows.get_flow(long.job.id, "q", depth=10)
        assert [node.truncated for node in cut.walk()] == [False] * 9 + [True]


async def test_seed_3_7_add_after_close_raises(store: Store) -> None:
    flows = FlowProducer(store=store)
    await flows.close()
    with pytest.raises(Closed):
        await flows.add(LINEAR)
    assert await store.queues() == []


async def test_seed_3_8_a_job_of_a_flow_has_one_schema(store: Store) -> None:
    for opts in ({"repeat": {"every": 1}}, {"deduplication": {"id": "x"}}, {"nothing": 1}):
        async with FlowProducer(store=store) as flows:
            with pytest.raises(InvalidOption):
                await flows.add({**LINEAR, "opts": opts})
    assert await store.queues() == []


async def test_seed_3_9_a_producer_has_a_prefix(store_url: str) -> None:
    base = store_url.partition("?")[0]
    async with FlowProducer(store=f"{base}?prefix=moo") as flows:
        node = await flows.add(LINEAR)
        assert node.job.key == f"moo:orders:{node.job.id}"
        await node.job.remove()


async def test_seed_3_10_a_flow_may_hang_below_a_job(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        above = await flows.add(LINEAR)
        node = await flows.add(
            {**onboarding("u"), "opts": {"parent": {"id": above.job.id, "queue": "orders"}}}
        )
    assert node.job.parent == ParentJob(above.job.id, f"{store.prefix}:orders")


async def test_seed_3_11_options_of_queues_in_bullmqs_shape(store: Store) -> None:
    options = {"payments": {"defaultJobOptions": {"attempts": 6}}}
    async with FlowProducer(store=store) as flows:
        node = await flows.add(LINEAR, queues_options=options)
    assert node.children[0].job.opts.attempts == 6


async def test_seed_3_12_children_run_first_and_chain_reads_in_time(store: Store) -> None:
    assert (await run(store, LINEAR)).order == [
        "send-confirmation", "validate-payment", "process-order",
    ]  # fmt: skip
    meant = chain(
        [
            {"name": "validate-payment", "queueName": "payments"},
            {"name": "process-order", "queueName": "orders"},
            {"name": "send-confirmation", "queueName": "notifications"},
        ]
    )
    assert (await run(store, meant)).order == [
        "validate-payment", "process-order", "send-confirmation",
    ]  # fmt: skip


async def test_seed_3_13_the_node_has_the_id_of_the_root(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        node = await flows.add(LINEAR)
    assert await Queue("orders", store=store).get_job_state(node.job.id) is State.WAITING_CHILDREN


async def test_seed_3_14_the_signup(store: Store) -> None:
    ran = await run(store, SIGNUP)
    assert ran.before("generate-avatar", "create-user-profile")
    assert ran.before("setup-preferences", "create-user-profile")
    assert ran.order[-1] == "process-user-signup"
    assert len(ran.order) == 6


async def test_seed_3_15_a_node_has_a_job_and_children(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        node = await flows.add(SIGNUP)
    assert node.job.name == "process-user-signup"
    assert [child.job.name for child in node.children] == [
        "send-welcome-email", "create-user-profile", "add-to-mailing-list",
    ]  # fmt: skip


async def test_seed_3_16_children_are_always_a_list(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        node = await flows.add(SIGNUP)
        tree = await flows.get_flow(node.job.id, "users")
    for root in (node, tree):
        assert all(isinstance(one.children, list) for one in root.walk())


async def test_seed_3_17_the_shop_pays_before_it_ships(store: Store) -> None:
    ran = await run(store, shop())
    assert ran.order[:2] == ["check-inventory", "process-payment"]
    assert ran.before("process-payment", "create-shipment")
    assert ran.before("print-label", "create-shipment")
    assert ran.before("schedule-pickup", "create-shipment")
    assert ran.order[-1] == "process-order"
    assert len(ran.order) == len(set(ran.order)) == 8


async def test_seed_3_18_exponential_as_text_waits_and_retries(store: Store) -> None:
    queue = Queue("orders", store=store)
    async with Worker("orders", fails, store=store):
        job = await queue.add("process-order", {}, {"attempts": 3, "backoff": "exponential"})
        for wait in (1.0, 2.0):
            await until(job.is_delayed)
            assert (await job.refresh()).delay == wait
            await job.promote()
            await until(partial(_tried, job, wait))
        assert (await failure_of(job)).reason == "process-order failed"
    with pytest.raises(InvalidOption, match="unknown backoff"):
        await queue.add("process-order", {}, {"attempts": 3, "backoff": "quadratic"})


async def _tried(job: Job, number: float) -> bool:
    return (await job.refresh()).attempts_made > number


async def test_seed_3_19_a_backoff_is_a_type_and_a_delay(store: Store) -> None:
    job = await Queue("q", store=store).add(
        "job", {}, {"backoff": {"type": "fixed", "delay": 30000}}
    )
    assert (await job.refresh()).opts.backoff == Backoff("fixed", 30)


async def test_seed_3_20_attempts_are_kept(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        node = await flows.add(shop())
    attempts = {one.job.name: one.job.opts.attempts for one in node.walk()}
    assert (attempts["process-order"], attempts["process-payment"]) == (3, 5)


async def test_seed_3_21_flows_are_added_in_bulk(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        nodes = await flows.add_bulk([onboarding("user-001"), onboarding("user-002")])
        assert len(nodes) == 2
        async with workers(store, {"onboarding", "emails"}):
            for node in nodes:
                assert await node.flow.result(SOON) == "onboard-user"


async def test_seed_3_22_a_tree_can_be_walked_and_printed(store: Store) -> None:
    async with FlowProducer(store=store) as flows:
        node = await flows.add(LINEAR)
        tree = await flows.get_flow(node.job.id, "orders")
    assert [await one.job.get_state() for one in tree.walk()] == [
        State.WAITING_CHILDREN, State.WAITING_CHILDREN, State.WAITING,
    ]  # fmt: skip
    assert str(tree) == (
        "process-order (orders)  waiting-children\n"
        "└─ validate-payment (payments)  waiting-children\n"
        "   └─ send-confirmation (notifications)  waiting"
    )


async def test_seed_3_23_an_unknown_option_inside_another_is_refused(store: Store) -> None:
    tree = {**LINEAR, "opts": {"parent": {"failParentOnFailure": True}}}
    async with FlowProducer(store=store) as flows:
        with pytest.raises(InvalidOption, match=r"parent\.failParentOnFailure"):
            await flows.add(tree)


async def test_seed_3_24_an_ignored_failure_lets_the_parent_go_on(store: Store) -> None:
    tree = robust(ignoreDependencyOnFailure=True)
    ran = await run(store, tree, {"generate-report": fails})
    assert ran.result == "data-pipeline"


async def test_seed_3_25_the_dataset_is_extracted_transformed_and_loaded(store: Store) -> None:
    ran = await run(store, robust())
    steps = [name for name in ran.order if name != "generate-report"]
    assert steps == ["extract-data", "transform-data", "load-to-warehouse", "data-pipeline"]
    with pytest.raises(JobFailed):
        await run(store, robust(), {"transform-data": fails})


async def test_seed_3_26_a_worker_needs_no_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OXHERD_URL", raising=False)
    async with Worker("orders", name_of), Queue("orders") as queue:
        assert await (await queue.add("process-order")).result(SOON) == "process-order"


async def test_seed_3_27_children_run_before_their_parent_whatever_it_does(store: Store) -> None:
    with pytest.raises(JobFailed, match="process-order failed"):
        await run(store, LINEAR, {"process-order": fails})
    assert (await Queue("payments", store=store).get_job_counts())["completed"] == 1


async def test_seed_3_28_jobs_know_who_is_above_and_below(store: Store) -> None:
    seen: dict[str, Any] = {}

    async def middle(job: Job) -> None:
        parent = await job.get_parent()
        assert parent is not None
        seen["parent"] = parent.name
        seen["children"] = [one.name for one in await job.get_results()]

    await run(store, LINEAR, {"validate-payment": middle})
    assert seen == {"parent": "process-order", "children": ["send-confirmation"]}


async def test_seed_3_29_a_child_has_the_id_of_its_parent(store: Store) -> None:
    seen: list[Any] = []

    async def look(job: Job) -> None:
        seen.extend([job.parent, job.parent_key])

    ran = await run(store, LINEAR, {"validate-payment": look})
    root = ran.node.job
    assert seen == [ParentJob(root.id, f"{store.prefix}:orders"), root.key]


async def test_seed_3_30_run_after_construction_joins(store: Store) -> None:
    order_worker = Worker("orders", name_of, store=store)
    payment_worker = Worker("payments", name_of, store=store)
    both = asyncio.gather(order_worker.run(), payment_worker.run())
    assert await (await Queue("orders", store=store).add("a")).result(SOON) == "a"
    assert await (await Queue("payments", store=store).add("b")).result(SOON) == "b"
    async with deadline(SOON):
        await order_worker.close()
        await payment_worker.close()
        await both


async def test_seed_3_31_a_producer_closes(store: Store) -> None:
    flows = FlowProducer(store=store)
    node = await flows.add(LINEAR)
    await flows.close()
    await flows.close()
    assert await node.job.get_state() is State.WAITING_CHILDREN


async def test_seed_3_34_the_four_policies_exclude_each_other(store: Store) -> None:
    flags = {
        "failParentOnFailure": OnFailure.FAIL_PARENT,
        "continueParentOnFailure": OnFailure.CONTINUE_PARENT,
        "ignoreDependencyOnFailure": OnFailure.IGNORE,
        "removeDependencyOnFailure": OnFailure.REMOVE,
    }
    for flag, policy in flags.items():
        assert JobOptions.from_mapping({flag: True}).on_failure is policy
        for other in flags.keys() - {flag}:
            assert JobOptions.from_mapping({flag: True, other: False}).on_failure is policy
            with pytest.raises(InvalidOption, match="one failure policy"):
                JobOptions.from_mapping({flag: True, other: True})


async def test_seed_3_35_a_parent_that_continues_can_complete(store: Store) -> None:
    tree = {
        "name": "top", "queueName": "q",
        "children": [
            {"name": "bad", "queueName": "q", "opts": {"continueParentOnFailure": True}},
            {"name": "later", "queueName": "nobody"},
        ],
    }  # fmt: skip
    async with FlowProducer(store=store) as flows:
        node = await flows.add(tree)
        async with workers(store, {"q"}, {"bad": fails, "top": name_of}):
            assert await node.flow.result(SOON) == "top"
        async with workers(store, {"nobody"}):
            assert await node.children[1].job.result(SOON) == "later"
    assert await node.job.get_state() is State.COMPLETED


async def test_seed_3_36_a_removed_dependency_keeps_its_failure(store: Store) -> None:
    tree = {
        "name": "top", "queueName": "q",
        "children": [
            {"name": "bad", "queueName": "q", "opts": {"removeDependencyOnFailure": True}},
        ],
    }  # fmt: skip

    async def look(job: Job) -> dict[str, int]:
        return await job.get_dependencies_count()

    ran = await run(store, tree, {"bad": fails, "top": look})
    assert set(ran.result.values()) == {0}
    child = await ran.node.children[0].job.refresh()
    assert child.failed_reason == "bad failed"


USE_CASES = {
    "etl": ["extract", "transform", "load"],
    "order": ["inventory", "payment", "fulfillment", "notification"],
    "onboarding": ["create-account", "send-welcome", "setup-profile", "add-to-lists"],
    "data": ["collect", "validate", "process", "store", "index"],
    "ci-cd": ["build", "test", "deploy", "verify", "notify"],
}


@pytest.mark.parametrize("case", USE_CASES)
async def test_seed_3_37_each_use_case_runs_in_its_order(store: Store, case: str) -> None:
    steps = [{"name": name, "queueName": f"{case}-{name}"} for name in USE_CASES[case]]
    assert (await run(store, chain(steps))).order == USE_CASES[case]


async def test_seed_3_39_a_worker_reads_data_and_id(store: Store) -> None:
    async def look(job: Job) -> list[Any]:
        return [job.id, job.data["orderId"]]

    ran = await run(store, LINEAR, {"process-order": look})
    assert ran.result == [ran.node.job.id, "order-123"]


async def test_seed_3_17_as_nested_the_children_run_first(store: Store) -> None:
    """The tile's own tree: what stands inside runs before what it stands in."""

    def node(name: str, queue: str, *children: dict[str, Any]) -> dict[str, Any]:
        return {"name": name, "queueName": queue, "children": list(children)}

    shipment = node(
        "create-shipment", "shipping",
        node("print-label", "printing"), node("schedule-pickup", "logistics"),
    )  # fmt: skip
    payment = node(
        "process-payment", "payments", shipment,
        node("send-confirmation", "notifications"), node("update-analytics", "analytics"),
    )  # fmt: skip
    payment["opts"] = {"attempts": 5, "backoff": {"type": "exponential", "delay": 2000}}
    order = node("process-order", "orders", node("check-inventory", "inventory", payment))
    order["opts"] = {"attempts": 3, "backoff": "exponential"}
    ran = await run(store, order)
    assert ran.order[-3:] == ["process-payment", "check-inventory", "process-order"]
    assert ran.before("print-label", "create-shipment")
    assert ran.before("schedule-pickup", "create-shipment")
    assert len(ran.order) == len(set(ran.order)) == 8
