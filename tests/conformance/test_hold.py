"""Using up a queue's rate limit by hand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from oxherd.domain.rate_limit import RateLimit
from tests.timing import deadline

if TYPE_CHECKING:
    from oxherd.store import Claimed
    from tests.conformance.scenario import Scenario

RATE = RateLimit(100, 1)


async def claim(scenario: Scenario, rate: RateLimit | None) -> Claimed:
    return await scenario.store.claim("q", 9, token=scenario.new_token(), lock_ms=30_000, rate=rate)


@pytest.mark.parametrize("own", [True, False], ids=["the-queue's", "the-worker's"])
async def test_none_start_while_it_lasts(scenario: Scenario, *, own: bool) -> None:
    await scenario.put("a", "b")
    if own:
        await scenario.store.limit_rate("q", RATE)
    given = None if own else RATE

    await scenario.store.hold("q", 60_000)

    claimed = await claim(scenario, given)
    assert claimed.jobs == ()
    assert 59_000 < claimed.retry_after_ms <= 60_000
    await scenario.pass_time(60_000)
    claimed = await claim(scenario, given)
    assert [job.id for job in claimed.jobs] == ["a", "b"]


async def test_without_a_number_nothing_is_held(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.store.hold("q", 60_000)

    claimed = await claim(scenario, None)

    assert [job.id for job in claimed.jobs] == ["a"]


async def test_it_can_be_read(scenario: Scenario) -> None:
    await scenario.store.hold("q", 60_000)

    held = await scenario.store.limits("q")
    assert held.used > 1_000_000_000
    assert 59_000 < held.window_ms <= 60_000
    await scenario.pass_time(60_000)
    assert (await scenario.store.limits("q")).used == 0


async def test_the_last_call_counts(scenario: Scenario) -> None:
    await scenario.store.hold("q", 60_000)
    await scenario.store.hold("q", 1_000)

    assert (await scenario.store.limits("q")).window_ms <= 1_000


async def test_it_can_be_opened_again(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.store.limit_rate("q", RATE)
    await scenario.store.hold("q", 60_000)
    assert (await claim(scenario, None)).jobs == ()

    await scenario.store.hold("q", 0)

    assert (await scenario.store.limits("q")).used == 0
    assert len((await claim(scenario, None)).jobs) == 1


async def test_its_opening_is_heard(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.store.limit_rate("q", RATE)
    await scenario.store.hold("q", 60_000)
    wakeup = scenario.store.wakeup("q")
    try:
        async with deadline(5):
            # The job that was added, and the limit that was set.
            await wakeup.wait(300)
            await wakeup.wait(300)
            waiting = asyncio.create_task(wakeup.wait(20_000))
            await asyncio.sleep(0)
            await scenario.store.hold("q", 0)
            await waiting
    finally:
        await wakeup.aclose()


async def test_other_queues_are_open(scenario: Scenario) -> None:
    await scenario.put("a", queue="other")
    await scenario.store.limit_rate("other", RATE)

    await scenario.store.hold("q", 60_000)

    assert await scenario.claim_order("other") == ["a"]
