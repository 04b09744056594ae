"""Letting at most so many jobs of a queue be active."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from oxherd.domain.lifecycle import State
from oxherd.store import Limits
from tests.timing import deadline

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.conformance.scenario import Hand, Scenario


async def limit(scenario: Scenario, most: int | None) -> None:
    await scenario.store.limit_concurrency("q", most)


async def test_no_more_are_given(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c", "d")
    await limit(scenario, 2)

    first, second = await scenario.claim_many(3)

    assert (first.id, second.id) == ("a", "b")
    token = scenario.new_token()
    claimed = await scenario.store.claim("q", 1, token=token, lock_ms=1_000)
    assert claimed.jobs == ()
    assert claimed.paused is True
    await scenario.complete(first)
    assert await scenario.claim_order() == ["c"]
    await scenario.fail(second)
    assert await scenario.claim_order() == ["d"]


async def test_it_can_be_read(scenario: Scenario) -> None:
    assert await scenario.store.limits("q") == Limits()

    await limit(scenario, 3)
    assert await scenario.store.limits("q") == Limits(concurrency=3)
    await limit(scenario, 4)
    assert await scenario.store.limits("q") == Limits(concurrency=4)
    await limit(scenario, None)
    assert await scenario.store.limits("q") == Limits()


async def test_a_smaller_limit_takes_nothing_back(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c")
    hands = await scenario.claim_many(2)

    await limit(scenario, 1)

    await scenario.complete(hands[0])
    assert await scenario.claim_order() == []
    await scenario.complete(hands[1])
    assert await scenario.claim_order() == ["c"]


async def test_without_it_all_are_given(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c")
    await limit(scenario, 1)
    assert await scenario.claim_order() == ["a"]

    await limit(scenario, None)

    assert await scenario.claim_order() == ["b", "c"]


async def test_nothing_is_told(scenario: Scenario) -> None:
    await scenario.put("a")
    before = await scenario.events()

    await limit(scenario, 1)
    await limit(scenario, None)

    assert await scenario.events() == before


async def test_other_queues_have_their_own(scenario: Scenario) -> None:
    await scenario.put("a", "b", queue="other")
    await limit(scenario, 1)

    assert await scenario.claim_order("other") == ["a", "b"]


async def test_due_jobs_are_promoted_all_the_same(scenario: Scenario) -> None:
    await scenario.put("a")
    await limit(scenario, 1)
    await scenario.claim()
    await scenario.put("later", delay=1)
    await scenario.pass_time(1_000)

    assert await scenario.claim_order() == []
    assert await scenario.state("later") == State.WAITING


async def complete(scenario: Scenario, hand: Hand) -> None:
    await scenario.complete(hand)


async def fail(scenario: Scenario, hand: Hand) -> None:
    await scenario.fail(hand)


async def retry_later(scenario: Scenario, hand: Hand) -> None:
    await scenario.retry(hand, 60_000)


async def postpone(scenario: Scenario, hand: Hand) -> None:
    await scenario.postpone(hand, 60_000)


async def release(scenario: Scenario, hand: Hand) -> None:
    await scenario.release(hand)


async def await_children(scenario: Scenario, hand: Hand) -> None:
    await scenario.add(scenario.job("child", queue="below", parents=(scenario.edge(hand.id),)))
    assert await scenario.await_children(hand)


async def lift(scenario: Scenario, hand: Hand) -> None:
    await limit(scenario, None)


async def raise_it(scenario: Scenario, hand: Hand) -> None:
    await limit(scenario, 2)


@pytest.mark.parametrize(
    "free", [complete, fail, retry_later, postpone, release, await_children, lift, raise_it]
)
async def test_a_free_place_is_heard(
    scenario: Scenario, free: Callable[[Scenario, Hand], Awaitable[None]]
) -> None:
    await scenario.put("a", "b")
    await limit(scenario, 1)
    hand = await scenario.claim()
    wakeup = scenario.store.wakeup("q")
    try:
        await silence(wakeup.wait)
        waiting = asyncio.create_task(wakeup.wait(20_000))
        async with deadline(5):
            await asyncio.sleep(0)
            await free(scenario, hand)
            await waiting
    finally:
        await wakeup.aclose()
    assert len(await scenario.claim_order(limit=1)) == 1


async def silence(wait: Callable[[int], Awaitable[None]]) -> None:
    """Hear what was said before: the claims themselves wake others."""
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await wait(200)
        if loop.time() - before >= 0.15:
            return
