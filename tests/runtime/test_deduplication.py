"""Deduplication: of jobs alike, one is about."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from oxherd import (
    Deduplicated,
    Deduplication,
    FlowJob,
    FlowProducer,
    InvalidFlow,
    InvalidOption,
    Job,
    JobOptions,
    Queue,
    QueueEvents,
    State,
)
from tests.runtime.working import SOON, echo, until, working
from tests.timing import deadline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from oxherd import Store


@pytest.fixture
async def queue(store: Store) -> AsyncIterator[Queue]:
    async with Queue("q", store=store) as opened:
        yield opened


def alike(delay: float = 0, **more: object) -> JobOptions:
    return JobOptions(delay=delay, deduplication=Deduplication("d", **more))  # type: ignore[arg-type] # the tests give what fits


async def test_the_answer_is_the_job_that_owns_the_id(queue: Queue) -> None:
    first = await queue.add("one", 1, alike())
    again = await queue.add("two", 2, alike())
    assert (again.id, again.name, again.data) == (first.id, "one", 1)
    assert (first.deduplication_id, again.deduplication_id) == ("d", "d")
    assert await queue.get_deduplication_job_id("d") == first.id
    assert await queue.count() == 1


async def test_in_bulk_some_are_dropped(queue: Queue) -> None:
    jobs = await queue.add_bulk([("a", 1, alike()), ("b", 2), ("c", 3, alike())])
    assert [job.data for job in jobs] == [1, 2, 1]
    assert jobs[0].id == jobs[2].id
    assert await queue.count() == 2


async def test_the_end_of_the_owner_frees_the_id(queue: Queue, store: Store) -> None:
    first = await queue.add("job", 1, alike())
    async with working(store, echo):
        await first.result(SOON)
    assert await queue.get_deduplication_job_id("d") is None
    assert (await queue.add("job", 2, alike())).id != first.id


async def test_an_id_with_a_time_to_live_outlives_its_owner(queue: Queue, store: Store) -> None:
    first = await queue.add("job", 1, alike(ttl=60))
    async with working(store, echo):
        await first.result(SOON)
    assert (await queue.add("job", 2, alike(ttl=60))).id == first.id


async def test_the_newest_takes_the_place_of_a_delayed_one(queue: Queue) -> None:
    first = await queue.add("job", 1, alike(60, replace=True))
    second = await queue.add("job", 2, alike(60, replace=True))
    assert second.id != first.id
    assert second.data == 2
    assert [job.data for job in await queue.get_delayed()] == [2]


async def test_the_newest_is_kept_for_later(queue: Queue, store: Store) -> None:
    gate = asyncio.Event()
    seen: list[int] = []

    async def process(job: Job[int]) -> None:
        seen.append(job.data)
        if len(seen) == 1:
            await gate.wait()

    async with working(store, process):
        first = await queue.add("job", 1, alike(keep_last_if_active=True))
        await until(first.is_active)
        for number in (2, 3):
            again = await queue.add("job", number, alike(keep_last_if_active=True))
            assert again.id == first.id
        gate.set()
        await until(lambda: len(seen) == 2)
    assert seen == [1, 3]


async def test_an_id_is_freed_by_hand(queue: Queue) -> None:
    first = await queue.add("job", 1, alike())
    assert await queue.remove_deduplication_key("d") is True
    assert await queue.remove_deduplication_key("d") is False
    second = await queue.add("job", 2, alike())
    assert second.id != first.id
    assert await first.remove_deduplication_key() is False
    assert await second.remove_deduplication_key() is True
    assert await (await queue.add("plain")).remove_deduplication_key() is False


async def test_a_dropped_job_is_told(queue: Queue, store: Store) -> None:
    first = await queue.add("job", 1, alike())
    async with QueueEvents("q", store=store) as events:
        await queue.add("job", 2, alike())
        async with deadline(SOON):
            async for event in events:
                assert isinstance(event, Deduplicated)
                assert event.job_id == first.id
                assert event.deduplication_id == "d"
                assert event.deduplicated_job_id != first.id
                break


async def test_the_defaults_of_a_queue_may_have_it(store: Store) -> None:
    queue = Queue("q", store=store, defaults={"deduplication": {"id": "d", "ttl": 60_000}})
    assert (await queue.add("job")).id == (await queue.add("job")).id
    with pytest.raises(InvalidOption, match="cannot have a parent"):
        await queue.add("job", options={"parent": {"id": "a", "queue": "q"}})


async def test_a_child_of_a_flow_may_be_dropped(queue: Queue, store: Store) -> None:
    owner = await queue.add("owner", 1, alike())
    async with FlowProducer(store=store) as flows:
        node = await flows.add(
            FlowJob("top", queue="q", children=[FlowJob("leaf", queue="q", options=alike())])
        )
        assert node.children[0].job.id == owner.id
        assert await node.job.get_state() is State.WAITING
        with pytest.raises(InvalidFlow, match="cannot have deduplication"):
            await flows.add(
                FlowJob("top", queue="q", options=alike(), children=[FlowJob("leaf", queue="q")])
            )
