"""Making a delayed job due at another time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oxherd.domain.events import Delayed
from oxherd.domain.lifecycle import State

if TYPE_CHECKING:
    from tests.conformance.scenario import Scenario


@pytest.mark.parametrize("delay_ms", [1, 500, 90_000])
async def test_it_is_due_so_long_from_now(scenario: Scenario, delay_ms: int) -> None:
    await scenario.put("a", delay=60)
    await scenario.pass_time(10_000)

    assert await scenario.store.change_delay("q", "a", delay_ms) is None

    assert (await scenario.record("a")).delay == delay_ms
    event = (await scenario.events())[-1]
    assert isinstance(event, Delayed)
    assert (event.job_id, event.delay) == ("a", scenario.clock.now_ms + delay_ms)
    await scenario.pass_time(delay_ms - 1)
    assert await scenario.claim_order() == []
    await scenario.pass_time(1)
    assert await scenario.claim_order() == ["a"]


async def test_without_a_delay_it_is_due_at_once(scenario: Scenario) -> None:
    await scenario.put("a", delay=60)

    assert await scenario.store.change_delay("q", "a", 0) is None

    assert await scenario.state("a") == State.DELAYED
    assert await scenario.claim_order() == ["a"]


async def test_its_options_and_its_priority_stay(scenario: Scenario) -> None:
    await scenario.put("a", delay=60, priority=2)
    await scenario.put("b", priority=1)
    await scenario.put("c", priority=3)
    before = await scenario.record("a")

    await scenario.store.change_delay("q", "a", 5)

    after = await scenario.record("a")
    assert (after.options, after.timestamp) == (before.options, before.timestamp)
    await scenario.pass_time(5)
    assert await scenario.claim_order() == ["b", "a", "c"]


async def test_jobs_due_in_one_millisecond_keep_the_order_of_the_calls(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c", delay=60)
    for name in ("b", "a", "b", "c"):
        await scenario.store.change_delay("q", name, 1_000)

    assert await scenario.order(State.DELAYED) == ["a", "b", "c"]


async def test_a_retried_job_may_wait_longer(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.retry(await scenario.claim(), 1_000)
    await scenario.store.change_delay("q", "a", 5_000)

    await scenario.pass_time(4_999)
    assert await scenario.claim_order() == []
    await scenario.pass_time(1)
    assert await scenario.claim_order() == ["a"]
