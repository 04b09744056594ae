"""The pipelines article: orders and dynamic flows, in which several jobs wait for the same one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from oxherd import FlowJob, FlowProducer, InvalidFlow, Job, JobFailed, JobOptions, OnFailure
from tests.runtime.working import SOON, until
from tests.seeds.pipelines import article_order, order_workflow, processing_flow
from tests.seeds.running import all_values, every_queue, fails, name_of, run, workers

if TYPE_CHECKING:
    from oxherd import Store


def diamond(**options: Any) -> FlowJob:
    """One job below two, which are below one."""
    source = FlowJob("source", queue="q", options=JobOptions(**options))
    left = FlowJob("left", queue="q", children=[source])
    right = FlowJob("right", queue="q", children=[source])
    return FlowJob("top", queue="q", children=[left, right])


async def test_seed_1_1_a_job_may_have_several_parents(store: Store) -> None:
    """A flow is a graph: a job with several parents runs once, and each gets its value."""
    seen: dict[str, Any] = {}

    async def look(job: Job) -> None:
        seen[job.name] = await all_values(job)

    ran = await run(store, diamond(), {"left": look, "right": look})
    assert ran.order[0] == "source"
    assert Counter(ran.order) == Counter(["source", "left", "right", "top"])
    assert seen == {"left": ["source"], "right": ["source"]}
    left, right = ran.node.children
    assert left.children == right.children
    stored = await left.children[0].job.refresh()
    assert [parent.id for parent in stored.parents] == [left.job.id, right.job.id]


async def test_seed_1_1_a_graph_of_several_levels_is_read_back(store: Store) -> None:
    """A graph is read back as it was given, each job once."""
    low = FlowJob("low", queue="q1")
    middle = [FlowJob(f"m{n}", queue="q2", children=[low]) for n in range(3)]
    top = FlowJob("top", queue="q1", children=[*middle, low])
    async with FlowProducer(store=store) as flows:
        added = await flows.add(top)
        found = await flows.get_flow(added.job.id, "q1")
    assert [node.job.name for node in found.walk()] == ["top", "m0", "m1", "m2", "low"]
    assert {id(node.children[-1]) for node in found.walk() if node.children} == {
        id(found.children[-1])
    }


async def test_seed_1_1_a_failure_reaches_every_parent(store: Store) -> None:
    """The failure of a job with several parents reaches each of them, by the policy it has."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(diamond(on_failure=OnFailure.FAIL_PARENT))
        async with workers(store, {"q"}, {"source": fails, "left": name_of, "right": name_of,
                                          "top": name_of}):  # fmt: skip
            await until(node.job.is_failed)
            for child in node.children:
                await until(child.job.is_failed)


async def test_seed_1_1_a_cycle_is_refused_with_its_path(store: Store) -> None:
    """What would be no graph without cycles is refused, with the path of the cycle."""
    first: dict[str, Any] = {"name": "a", "queueName": "q", "opts": {"jobId": "one"}}
    first["children"] = [{"name": "b", "queueName": "q", "children": [
        {"name": "a", "queueName": "q", "opts": {"jobId": "one"}}]}]  # fmt: skip
    async with FlowProducer(store=store) as flows:
        with pytest.raises(InvalidFlow, match="a → b → a"):
            await flows.add(first)
    assert await store.queues() == []


async def test_seed_1_14_the_order_workflow_is_a_graph(store: Store) -> None:
    """The order workflow validates in parallel, pays, fulfils in parallel, and confirms."""
    ran = await run(store, order_workflow())
    assert sorted(ran.order[:2]) == ["validate-customer", "validate-items"]
    assert ran.order[2:4] == ["validate-order", "process-payment"]
    assert sorted(ran.order[4:6]) == ["prepare-shipping", "reserve-inventory"]
    assert ran.order[6:] == ["fulfill-order", "send-confirmation"]
    assert ran.before("validate-order", "process-payment")


async def test_seed_1_15_a_shared_payment_charges_once(store: Store) -> None:
    """A payment that is one object under two parents charges once, and both get the receipt."""
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


async def test_seed_1_15_the_articles_tree_with_one_id_charges_once(store: Store) -> None:
    """The article's own tree, its payment with one id, charges once, after all validation."""
    ran = await run(store, article_order(jobId="pay-o-1"))
    assert sorted(ran.order[:2]) == ["validate-customer", "validate-items"]
    assert ran.order[2:4] == ["validate-order", "process-payment"]
    assert sorted(ran.order[4:6]) == ["prepare-shipping", "reserve-inventory"]
    assert ran.order[6:] == ["fulfill-order", "send-confirmation"]
    reserve, ship = ran.node.children[0].children
    assert reserve.children == ship.children
    assert reserve.children[0].job.id == "pay-o-1"


async def test_seed_1_15_the_articles_tree_without_an_id_has_two_payments(store: Store) -> None:
    """The article's own tree without an id has two payments: a mapping is a value."""
    ran = await run(store, article_order())
    assert ran.order.count("process-payment") == 2
    assert len(ran.order) == 9
    reserve, ship = ran.node.children[0].children
    assert reserve.children[0].job.id != ship.children[0].job.id
    assert ship.children[0].children == []


async def test_seed_1_16_a_failed_payment_stops_what_depends_on_it(store: Store) -> None:
    """A failed payment stops everything that depends on it, on all its ways up."""
    for flow in (order_workflow(), article_order(jobId="pay-o-1")):
        started: list[str] = []

        async def note(job: Job, started: list[str] = started) -> None:
            started.append(job.name)

        stopped = (
            "reserve-inventory", "prepare-shipping", "fulfill-order", "send-confirmation",
        )  # fmt: skip
        with pytest.raises(JobFailed):
            await run(store, flow, {"process-payment": fails, **dict.fromkeys(stopped, note)})
        assert started == []


async def test_seed_1_36_shared_jobs_of_a_dynamic_flow_run_once(store: Store) -> None:
    """The extracts and transforms of a dynamic flow run once, however many destinations share."""
    ran = await run(store, processing_flow("ab", "xy", "pqr"))
    assert len(ran.order) == len(set(ran.order)) == 2 + 2 + 3 + 1
    assert ran.order[2:4] == ["transform-x", "transform-y"]


async def test_seed_1_37_all_destinations_get_the_same_transformation(store: Store) -> None:
    """All destinations depend on the same transformation, and get its one value."""
    made: list[str] = []

    async def transform(job: Job) -> str:
        made.append(job.id)
        return f"made by {job.id}"

    async def value(job: Job) -> Any:
        return await job.get_child_value()

    processors = {"transform-x": transform, "load-p": value, "load-q": value}
    ran = await run(store, processing_flow("a", "x", "pq"), processors)
    assert len(made) == 1
    assert [await one.job.result(SOON) for one in ran.node.children] == [f"made by {made[0]}"] * 2


async def test_seed_1_38_one_job_gathers_at_the_end(store: Store) -> None:
    """One job gathers at the end, also when each destination reads all sources."""
    flow = processing_flow("abc", "", "pq")
    assert every_queue(flow) == {"extraction", "loading", "flow-completion"}
    ran = await run(store, flow, {"complete-flow": all_values})
    assert ran.order[-1] == "complete-flow"
    assert ran.result == ["load-p", "load-q"]
