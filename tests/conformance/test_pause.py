"""A queue stops giving jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oxherd.domain.events import Paused
from oxherd.domain.lifecycle import EventKind, State

if TYPE_CHECKING:
    from tests.conformance.scenario import Scenario


async def test_nothing_is_given_and_everything_stays(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.put("b", priority=1)
    before = (await scenario.dump())["q"]

    await scenario.store.pause("q")

    assert await scenario.store.is_paused("q") is True
    after = (await scenario.dump())["q"]
    assert (after.jobs, after.order, after.counts) == (before.jobs, before.order, before.counts)
    assert await scenario.claim_many(2) == []


async def test_running_jobs_run_on(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.store.pause("q")

    await scenario.complete(hand)

    assert await scenario.state("a") == State.COMPLETED


async def test_jobs_are_still_added(scenario: Scenario) -> None:
    await scenario.store.pause("q")
    await scenario.put("a")
    await scenario.put("b", priority=1)

    assert await scenario.store.states("q", ["a", "b"]) == [State.WAITING, State.PRIORITIZED]


async def test_each_time_is_told(scenario: Scenario) -> None:
    await scenario.store.pause("q")
    await scenario.store.pause("q")

    events = await scenario.events()
    assert [each.kind for each in events] == [EventKind.PAUSED] * 2
    assert all(isinstance(each, Paused) and each.queue == "q" for each in events)


async def test_other_queues_go_on(scenario: Scenario) -> None:
    await scenario.put("a", queue="other")
    await scenario.store.pause("q")

    assert await scenario.store.is_paused("other") is False
    assert await scenario.claim_order("other") == ["a"]


async def test_a_parent_is_released_into_a_paused_queue(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.store.pause("q")

    await scenario.run("top-child", queue="below")

    assert await scenario.state("top") == State.WAITING
    assert await scenario.claim_many(1) == []
    await scenario.store.resume("q")
    await scenario.claim(job_id="top")
