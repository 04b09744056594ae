"""Giving a queue a rate limit of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oxherd.domain.rate_limit import RateLimit
from oxherd.store import Limits

if TYPE_CHECKING:
    from tests.conformance.scenario import Scenario


async def test_no_more_start_in_the_window(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c")
    await scenario.store.limit_rate("q", RateLimit(2, 60))

    assert await scenario.claim_order() == ["a", "b"]

    claimed = await scenario.store.claim("q", 1, token=scenario.new_token(), lock_ms=1_000)
    assert claimed.jobs == ()
    assert 59_000 < claimed.retry_after_ms <= 60_000
    await scenario.pass_time(60_000)
    assert await scenario.claim_order() == ["c"]


async def test_it_can_be_read_with_what_was_used(scenario: Scenario) -> None:
    await scenario.put("a", "b")
    rate = RateLimit(5, 60)
    await scenario.store.limit_rate("q", rate)
    assert await scenario.store.limits("q") == Limits(rate=rate)

    await scenario.claim_many(2)

    found = await scenario.store.limits("q")
    assert (found.concurrency, found.rate, found.used) == (None, rate, 2)
    assert 59_000 < found.window_ms <= 60_000
    await scenario.pass_time(60_000)
    assert await scenario.store.limits("q") == Limits(rate=rate)


async def test_without_it_all_start(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c")
    await scenario.store.limit_rate("q", RateLimit(1, 60))
    assert await scenario.claim_order() == ["a"]

    await scenario.store.limit_rate("q", None)

    assert (await scenario.store.limits("q")).rate is None
    assert await scenario.claim_order() == ["b", "c"]


async def test_a_larger_one_counts_at_once(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c")
    await scenario.store.limit_rate("q", RateLimit(1, 60))
    assert await scenario.claim_order() == ["a"]

    await scenario.store.limit_rate("q", RateLimit(2, 60))

    assert await scenario.claim_order() == ["b"]


async def test_both_limits_stand_side_by_side(scenario: Scenario) -> None:
    rate = RateLimit(3, 1.5)
    await scenario.store.limit_rate("q", rate)
    await scenario.store.limit_concurrency("q", 2)
    assert await scenario.store.limits("q") == Limits(concurrency=2, rate=rate)

    await scenario.store.limit_rate("q", None)
    assert await scenario.store.limits("q") == Limits(concurrency=2)


async def test_nothing_is_told(scenario: Scenario) -> None:
    await scenario.put("a")
    before = await scenario.events()

    await scenario.store.limit_rate("q", RateLimit(1, 1))
    await scenario.store.limit_rate("q", None)

    assert await scenario.events() == before
