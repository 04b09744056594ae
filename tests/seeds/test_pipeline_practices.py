"""The pipelines article: its best practices, as far as a library can help with them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import pytest

from oxherd import (
    Deduplication,
    FlowJob,
    FlowProducer,
    Job,
    JobFailed,
    JobOptions,
    Queue,
    chain,
)
from tests.runtime.working import SOON, until
from tests.seeds.running import Gate, fails, name_of, run, workers

if TYPE_CHECKING:
    from oxherd import Store
    from tests.timing import FakeClock


@dataclass
class Item:
    productId: str  # noqa: N815 - the article's key
    quantity: int


@dataclass
class OrderProcessingData:
    orderId: str  # noqa: N815 - the article's key
    items: list[Item]


class Receipt(TypedDict):
    total: int


async def test_seed_1_39_data_and_results_have_types(store: Store) -> None:
    """Data and results have types for checkers (partly: values are not converted when read)."""
    order = OrderProcessingData("o-1", [Item("p-1", 2), Item("p-2", 3)])

    async def count(job: Job[dict[str, Any], Receipt]) -> Receipt:
        return {"total": sum(item["quantity"] for item in job.data["items"])}

    ran = await run(store, FlowJob("count", queue="q", data=order), {"count": count})
    assert ran.result == {"total": 5}
    assert ran.node.job.data == asdict(order)


async def test_seed_1_40_a_deep_flow_costs_what_a_flat_one_costs(store: Store) -> None:
    """Depth is no cliff: 200 steps below each other run like 200 beside each other."""
    steps = [FlowJob("step", queue="q") for _ in range(200)]
    assert len((await run(store, chain(steps))).order) == 200
    assert len((await run(store, FlowJob("top", queue="q", children=steps))).order) == 201


async def test_seed_1_41_a_job_id_can_be_used_again_and_nothing_hangs(store: Store) -> None:
    """An id that is used again is the job that there is, completed or failed; nothing hangs."""
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


async def test_seed_1_41_a_job_id_may_stand_in_several_flows_of_one_call(store: Store) -> None:
    """An id in several flows of one call is one job for all of them; nothing hangs."""
    child = {"name": "fetch", "queueName": "q", "opts": {"jobId": "rates-today"}}
    async with FlowProducer(store=store) as flows:
        nodes = await flows.add_bulk(
            [{"name": name, "queueName": "tops", "children": [child]} for name in "ab"]
        )
    async with workers(store, {"q", "tops"}):
        for node in nodes:
            assert await node.flow.result(1) == node.job.name


async def test_seed_1_45_completed_flows_can_be_cleaned_up(store: Store) -> None:
    """Completed jobs are removed as their options say (partly: no retention of whole flows)."""
    tree = {"name": "top", "queueName": "q", "opts": {"removeOnComplete": True}, "children": [
        {"name": "child", "queueName": "q", "opts": {"removeOnComplete": True}}]}  # fmt: skip
    ran = await run(store, tree)
    assert ran.result == "top"
    assert sum((await Queue("q", store=store).get_job_counts()).values()) == 0


async def test_seed_1_45_old_jobs_are_cleaned_by_hand(timed_store: Store, clock: FakeClock) -> None:
    """`clean` removes what ended longer ago than it is told, and leaves the rest."""
    queue = Queue("q", store=timed_store)
    tree = chain([FlowJob("child", queue="q"), FlowJob("top", queue="q")])
    old = await run(timed_store, tree)
    clock.advance(3_600_000)
    new = await run(timed_store, tree)
    assert sorted(await queue.clean(3_600)) == sorted(one.job.id for one in old.node.walk())
    assert {job.id for job in await queue.get_completed()} == {
        one.job.id for one in new.node.walk()
    }
    assert await new.node.job.get_children_values() == {new.node.children[0].job.key: "child"}


async def test_seed_1_49_a_processor_knows_its_attempt(store: Store) -> None:
    """A processor knows which attempt this is."""
    seen: list[int] = []

    async def third_time(job: Job) -> str:
        seen.append(job.attempts_made)
        if len(seen) < 3:
            raise ValueError("again")
        return "done"

    tree = {"name": "top", "queueName": "q", "opts": {"attempts": 3}}
    assert (await run(store, tree, {"top": third_time})).result == "done"
    assert seen == [0, 1, 2]


async def test_seed_1_49_a_deduplication_id_lets_one_of_several_through(store: Store) -> None:
    """Of several jobs alike, by a deduplication id, one runs until it has ended."""
    queue = Queue("q", store=store)
    once = JobOptions(deduplication=Deduplication("order-1"))
    first = await queue.add("charge", {"try": 1}, once)
    gate = Gate()
    async with workers(store, {"q"}, gate):
        await until(lambda: gate.held == 1)
        again = await queue.add("charge", {"try": 2}, once)
        assert again.id == first.id
        assert await queue.get_deduplication_job_id("order-1") == first.id
        gate.open()
        assert await again.result(SOON) == "charge"
        later = await queue.add("charge", {"try": 3}, once)
        assert later.id != first.id
        assert await later.result(SOON) == "charge"
    assert gate.most == 1
    assert await queue.get_deduplication_job_id("order-1") is None


async def test_seed_1_49_a_deduplication_id_may_be_kept_for_a_time(
    timed_store: Store, clock: FakeClock
) -> None:
    """A deduplication id may be kept for a time, beyond the job's end, or freed by hand."""
    queue = Queue("q", store=timed_store)
    hour = JobOptions(deduplication=Deduplication("order-1", ttl=3_600))
    first = await queue.add("charge", {}, hour)
    async with workers(timed_store, {"q"}, name_of):
        await first.result(SOON)
    clock.advance(3_599_000)
    assert (await queue.add("charge", {}, hour)).id == first.id
    assert await queue.remove_deduplication_key("order-1") is True
    assert (await queue.add("charge", {}, hour)).id != first.id


async def test_seed_1_49_a_child_with_one_id_runs_once_for_all_its_flows(store: Store) -> None:
    """A child with an id of its own is one job for all flows that name it, and runs once."""
    child = {"name": "fetch", "queueName": "q", "opts": {"jobId": "rates-today"}}
    runs: list[str] = []

    async def fetch(job: Job) -> str:
        runs.append(job.id)
        return "rates"

    async def look(job: Job) -> Any:
        return await job.get_child_value()

    tops = [{"name": name, "queueName": "tops", "children": [child]} for name in "abc"]
    async with FlowProducer(store=store) as flows:
        first, second = [await flows.add(top) for top in tops[:2]]
        async with workers(store, {"q"}, fetch), workers(store, {"tops"}, look):
            assert await first.flow.result(SOON) == "rates"
            assert await second.flow.result(SOON) == "rates"
            late = await flows.add(tops[2])
            assert await late.flow.result(SOON) == "rates"
    assert runs == ["rates-today"]
