"""The tile: retries, backoff, and what the failure of a child does to its parent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oxherd import (
    Backoff,
    FlowProducer,
    InvalidOption,
    Job,
    JobFailed,
    JobOptions,
    OnFailure,
    Queue,
    State,
    Worker,
)
from tests.runtime.working import SOON, failure_of, until
from tests.seeds.running import all_values, fails, name_of, run, workers
from tests.seeds.tile import dataset_in_time, robust_flow, shop_in_time

if TYPE_CHECKING:
    from oxherd import Store


async def test_seed_3_18_exponential_as_text_waits_and_retries(timed_store: Store) -> None:
    """`backoff: "exponential"` waits one second, then two; an unknown one is refused."""
    queue = Queue("orders", store=timed_store)
    async with Worker("orders", fails, store=timed_store):
        job = await queue.add("process-order", {}, {"attempts": 3, "backoff": "exponential"})
        for made, wait in ((1, 1.0), (2, 2.0)):

            async def waits(made: int = made) -> bool:
                return (await job.refresh()).attempts_made == made and await job.is_delayed()

            await until(waits)
            assert (await job.refresh()).delay == wait
            await job.promote()
        assert (await failure_of(job)).reason == "process-order failed"
    with pytest.raises(InvalidOption, match="unknown backoff"):
        await queue.add("process-order", {}, {"attempts": 3, "backoff": "quadratic"})


async def test_seed_3_19_a_backoff_is_a_type_and_a_delay(store: Store) -> None:
    """A backoff is a type and a delay in milliseconds."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(robust_flow())
    extract = await node.children[0].job.refresh()
    assert (extract.opts.backoff, extract.opts.attempts) == (Backoff("fixed", 30), 5)


async def test_seed_3_20_attempts_are_kept(store: Store) -> None:
    """The attempts of each job are kept."""
    async with FlowProducer(store=store) as flows:
        node = await flows.add(shop_in_time())
    attempts = {one.job.name: (await one.job.refresh()).opts.attempts for one in node.walk()}
    assert (attempts["process-order"], attempts["process-payment"]) == (3, 5)


async def test_seed_3_23_an_unknown_option_inside_another_is_refused(store: Store) -> None:
    """The tile's own tree is refused: `failParentOnFailure` is no option inside `parent`."""
    tree = robust_flow(parent={"failParentOnFailure": True})
    where = r"flow\.children\[0\]\.children\[0\].*'parent\.failParentOnFailure'"
    async with FlowProducer(store=store) as flows:
        with pytest.raises(InvalidOption, match=where):
            await flows.add(tree)
    assert await store.queues() == []


async def test_seed_3_23_the_option_at_its_place_fails_the_parents(store: Store) -> None:
    """At its place the option does what the tile says: all above the transformation fails."""
    tree = robust_flow(failParentOnFailure=True)
    started: list[str] = []

    async def note(job: Job) -> None:
        started.append(job.name)

    processors = {"transform-data": fails, "extract-data": note, "data-pipeline": note}
    # Told at once, by the deepest failure, or at the end, by the child that failed last.
    with pytest.raises(
        JobFailed, match=r"failed: child \S+:(extraction|transformation):\S+ failed"
    ):
        await run(store, tree, processors)
    assert started == []


async def test_seed_3_24_an_ignored_failure_lets_the_parent_go_on(store: Store) -> None:
    """In the tile's own tree the transformation goes on without the report, and knows why."""

    async def look(job: Job) -> list[Any]:
        failures = await job.get_ignored_children_failures()
        return [await all_values(job), list(failures.values())]

    tree = robust_flow(failParentOnFailure=True)
    processors = {"generate-report": fails, "transform-data": look}
    ran = await run(store, tree, processors)
    assert ran.result == "data-pipeline"
    transform = ran.node.children[0].children[0].job
    assert await transform.result(SOON) == [["load-to-warehouse"], ["generate-report failed"]]
    assert (await run(store, dataset_in_time(), {"generate-report": fails})).result


async def test_seed_3_34_the_four_policies_exclude_each_other(store: Store) -> None:
    """The four flags are one policy of the child, and two of them are refused."""
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
    """A parent that continues can complete although others of its children are pending."""
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


async def test_seed_3_35_a_parent_that_continues_reads_which_failure(store: Store) -> None:
    """A parent that continues reads why, whatever its other children do."""
    tree = {
        "name": "top", "queueName": "q",
        "children": [
            {"name": "bad", "queueName": "q", "opts": {"continueParentOnFailure": True}},
            {"name": "later", "queueName": "nobody"},
        ],
    }  # fmt: skip

    async def look(job: Job) -> list[str]:
        return list((await job.get_ignored_children_failures()).values())

    async with FlowProducer(store=store) as flows:
        node = await flows.add(tree)
    async with workers(store, {"q"}, {"bad": fails, "top": look}):
        assert await node.flow.result(SOON) == ["bad failed"]


async def test_seed_3_36_a_removed_dependency_keeps_its_failure(store: Store) -> None:
    """A dependency that is removed is none any more; its job keeps its failure."""
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
