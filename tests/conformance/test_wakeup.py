"""A waiting worker hears that there may be work."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from oxherd.domain.lifecycle import State
from tests.conformance.scenario import LOCK_MS
from tests.timing import deadline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from oxherd.store import Wakeup
    from tests.conformance.scenario import Scenario

LONG_MS = 20_000


@asynccontextmanager
async def ear(scenario: Scenario, worker: str | None = None) -> AsyncIterator[Wakeup]:
    """A worker's ear that has heard all there is to hear."""
    wakeup = scenario.store.wakeup("q", worker)
    await wakeup.wait(20)
    try:
        yield wakeup
    finally:
        async with deadline(1.5):
            await wakeup.aclose()


async def heard(scenario: Scenario, change: Callable[[], Awaitable[object]]) -> None:
    """Claim nothing, wait, and claim what `change` made ready, before long."""
    async with ear(scenario) as wakeup:
        assert await scenario.claim_many(1) == []
        waiting = asyncio.create_task(wakeup.wait(LONG_MS))
        await asyncio.sleep(0)
        await change()
        async with deadline(5):
            await waiting
            while not await scenario.claim_many(1):
                await wakeup.wait(LONG_MS)


async def test_of_a_new_job(scenario: Scenario) -> None:
    await heard(scenario, lambda: scenario.put("a"))


async def test_of_a_new_prioritized_job(scenario: Scenario) -> None:
    await heard(scenario, lambda: scenario.put("a", priority=4))


async def test_of_a_promoted_job(scenario: Scenario) -> None:
    await scenario.put("a", delay=60)
    await heard(scenario, lambda: scenario.promote("a"))


async def test_of_a_retried_job(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await heard(scenario, lambda: scenario.retry(hand))


async def test_of_a_released_job(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await heard(scenario, lambda: scenario.release(hand))


async def test_of_a_released_prioritized_job(scenario: Scenario) -> None:
    await scenario.put("a", priority=4)
    hand = await scenario.claim()
    await heard(scenario, lambda: scenario.release(hand))


async def test_of_a_reprocessed_job(scenario: Scenario) -> None:
    await scenario.job_in(State.FAILED)
    await heard(scenario, lambda: scenario.reprocess("job", State.FAILED))


async def test_of_a_rescued_job(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.claim()
    await scenario.pass_time(LOCK_MS + 1)
    await heard(scenario, scenario.rescue)


async def test_of_a_parent_whose_child_is_done(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN)
    hand = await scenario.claim("below")
    await heard(scenario, lambda: scenario.complete(hand))


async def test_of_a_parent_whose_child_is_removed(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN)
    await heard(scenario, lambda: scenario.remove("job-child", "below"))


async def test_of_a_resumed_queue(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.store.pause("q")
    await heard(scenario, lambda: scenario.store.resume("q"))


async def test_of_a_delayed_job_that_is_due_first(scenario: Scenario) -> None:
    async with ear(scenario) as wakeup:
        assert await scenario.claim_many(1) == []
        waiting = asyncio.create_task(wakeup.wait(LONG_MS))
        await asyncio.sleep(0)
        await scenario.put("a", delay=60)
        async with deadline(5):
            await waiting


async def test_work_from_before_the_wait_is_heard(scenario: Scenario) -> None:
    async with ear(scenario) as wakeup:
        assert await scenario.claim_many(1) == []
        await scenario.put("a")
        async with deadline(5):
            await wakeup.wait(LONG_MS)


async def test_every_job_reaches_one_of_many_waiting_workers(scenario: Scenario) -> None:
    found: list[str] = []
    all_found = asyncio.Event()
    wakeups = [scenario.store.wakeup("q", f"worker-{n}") for n in range(4)]

    async def work(wakeup: Wakeup) -> None:
        while True:
            hands = await scenario.claim_many(1)
            found.extend(hand.id for hand in hands)
            if len(found) == 20:
                all_found.set()
            if not hands:
                await wakeup.wait(LONG_MS)

    tasks = [asyncio.create_task(work(wakeup)) for wakeup in wakeups]
    async with deadline(10):
        for number in range(20):
            await scenario.put(f"job-{number}")
        await all_found.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for wakeup in wakeups:
        await wakeup.aclose()
    assert sorted(found) == sorted(f"job-{n}" for n in range(20))


async def test_nothing_comes_and_it_gives_up(scenario: Scenario) -> None:
    async with ear(scenario, "wörker 1") as wakeup, deadline(5):
        await wakeup.wait(30)


async def test_it_can_be_cancelled(scenario: Scenario) -> None:
    async with ear(scenario) as wakeup:
        waiting = asyncio.create_task(wakeup.wait(LONG_MS))
        await asyncio.sleep(0)
        async with deadline(5):
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting


async def test_closing_ends_a_wait_within_a_second(scenario: Scenario) -> None:
    wakeup = scenario.store.wakeup("q")
    waiting = asyncio.create_task(wakeup.wait(LONG_MS))
    await asyncio.sleep(0.05)

    async with deadline(1.5):
        await wakeup.aclose()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_claiming_nothing_passes_a_wakeup_on(scenario: Scenario) -> None:
    async with ear(scenario) as first, ear(scenario) as second:
        await scenario.put("a")
        async with deadline(5):
            await first.wait(LONG_MS)
            # The first worker heard, and cannot take it after all.
            assert await scenario.claim_many(0) == []
            await second.wait(LONG_MS)
            await scenario.claim(job_id="a")
