"""The pipelines article: many children of one parent, which gathers what they gave."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from oxherd import FlowProducer, Job, JobFailed, Worker, WorkerOptions
from tests.runtime.working import SOON
from tests.seeds.pipelines import SIMPLE, aggregate, fan_out, process_item
from tests.seeds.running import all_values, name_of, run
from tests.timing import deadline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oxherd import Store

WIDE = WorkerOptions(concurrency=10)


async def gathered(
    store: Store,
    flow: Mapping[str, Any],
    process: Any = process_item,
    gather: Any = aggregate,
) -> Any:
    """What the parent of a fan-out answers."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(flow)
    async with (
        Worker("item-processor", process, store=store, options=WIDE),
        Worker("aggregator", gather, store=store),
    ):
        return await node.flow.result(SOON * 2)


async def test_seed_1_9_items_fan_out_and_one_parent_gathers(store: Store) -> None:
    """Items fan out to a child each, and one parent gathers (partly: no `fan_out` helper)."""
    assert await gathered(store, fan_out(range(100))) == {
        "batchId": "batch_1", "totalItems": 100, "successful": 100, "failed": 0,
        "results": [number**2 for number in range(100)],
    }  # fmt: skip


async def test_seed_1_9_an_item_that_fails_fails_the_gathering(store: Store) -> None:
    """Unless it is said otherwise, an item that fails for good fails the parent."""
    with pytest.raises(JobFailed, match="item-processor"):
        await gathered(store, fan_out([1, 2, -3]))


async def test_seed_1_9_a_thousand_items_are_one_flow(store: Store) -> None:
    """A thousand items are added as one flow and gathered in their order."""

    async def number(job: Job) -> int:
        return int(job.data["item"])

    assert await gathered(store, fan_out(range(1_000)), number, all_values) == list(range(1_000))


async def test_seed_1_10_a_name_for_each_index(store: Store) -> None:
    """Each child may have a name of its own."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(fan_out([5, 6, 7]))
    assert [child.job.name for child in node.children] == [f"process-item-{n}" for n in range(3)]


async def test_seed_1_11_a_concurrency_of_ten_is_ten_at_once(store: Store) -> None:
    """A concurrency of ten is ten at once."""
    together = asyncio.Barrier(10)

    async def meet(job: Job) -> None:
        async with deadline(SOON):
            await together.wait()

    assert await gathered(store, fan_out(range(10)), meet, name_of) == "aggregate-results"


async def test_seed_1_12_results_come_in_the_order_of_definition(store: Store) -> None:
    """Results come in the order of definition, whichever child ends first."""
    ends = [asyncio.Event() for _ in range(5)]
    ended: list[int] = []

    async def last_first(job: Job) -> int:
        index = int(job.data["index"])
        if index + 1 < len(ends):
            async with deadline(SOON):
                await ends[index + 1].wait()
        ended.append(index)
        ends[index].set()
        return index

    async def both(job: Job) -> list[Any]:
        return [[one.value for one in await job.get_results()], await all_values(job)]

    result = await gathered(store, fan_out([0] * 5), last_first, both)
    assert ended == [4, 3, 2, 1, 0]
    assert result == [[0, 1, 2, 3, 4]] * 2


async def test_seed_1_13_failures_are_counted(store: Store) -> None:
    """Children that failed are counted beside those that did well, with their reasons."""
    flow = fan_out([1, -2, 3, -4], ignoreDependencyOnFailure=True)
    result = await gathered(store, flow)
    assert (result["successful"], result["failed"], result["results"]) == (2, 2, [1, 9])

    async def reasons(job: Job) -> list[Any]:
        return [one.failure for one in await job.get_results()]

    assert await gathered(store, flow, gather=reasons) == [
        None, "item 1 is negative", None, "item 3 is negative",
    ]  # fmt: skip


async def test_seed_1_20_values_can_be_reduced(store: Store) -> None:
    """The children's values can be reduced to one."""

    async def count(job: Job) -> dict[str, int]:
        return {"count": job.data["item"]}

    async def total(job: Job) -> dict[str, int]:
        return {"total": sum(one["count"] for one in await all_values(job))}

    processors = {"child-1": count, "child-2": count, "parent-job": total}
    assert (await run(store, SIMPLE, processors)).result == {"total": 3}


async def test_seed_1_42_partial_failures_are_handled_with_the_flag(store: Store) -> None:
    """With `failParentOnFailure: false` the parent handles what failed among many."""
    result = await gathered(store, fan_out([1, -2, 3], failParentOnFailure=False))
    assert (result["successful"], result["failed"], result["results"]) == (2, 1, [1, 9])
