"""Delayed jobs whose time has come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oxherd.domain.events import Waiting
from oxherd.domain.lifecycle import State

if TYPE_CHECKING:
    from tests.conformance.scenario import Scenario


async def test_due_jobs_are_made_ready_and_counted(scenario: Scenario) -> None:
    await scenario.put("a", delay=1)
    await scenario.put("b", delay=2, priority=3)
    await scenario.put("c", delay=3)
    await scenario.pass_time(2_000)

    assert await scenario.store.promote_due("q") == 2

    states = await scenario.store.states("q", ["a", "b", "c"])
    assert states == [State.WAITING, State.PRIORITIZED, State.DELAYED]
    assert (await scenario.record("a")).delay == 0
    events = [each for each in await scenario.events() if isinstance(each, Waiting)]
    assert [(each.job_id, each.prev) for each in events] == [("a", "delayed"), ("b", "delayed")]


async def test_again_it_finds_nothing(scenario: Scenario) -> None:
    await scenario.put("a", delay=1)
    await scenario.pass_time(1_000)
    await scenario.store.promote_due("q")
    before = await scenario.dump()

    assert await scenario.store.promote_due("q") == 0
    assert await scenario.dump() == before


async def test_to_the_millisecond(scenario: Scenario) -> None:
    await scenario.put("a", delay=1)
    await scenario.pass_time(999)
    assert await scenario.store.promote_due("q") == 0

    await scenario.pass_time(1)

    assert await scenario.store.promote_due("q") == 1


async def test_at_most_a_thousand_at_once(scenario: Scenario) -> None:
    jobs = [scenario.job(delay=1) for _ in range(1_100)]
    await scenario.add(*jobs)
    await scenario.pass_time(1_000)

    assert await scenario.store.promote_due("q") == 1_000
    assert await scenario.store.promote_due("q") == 100
    assert await scenario.claim_order(limit=2_000) == [job.id for job in jobs]


async def test_a_paused_queue_promotes_too(scenario: Scenario) -> None:
    await scenario.put("a", delay=1)
    await scenario.store.pause("q")
    await scenario.pass_time(1_000)

    assert await scenario.store.promote_due("q") == 1
    assert await scenario.claim_many(1) == []


async def test_an_unknown_queue_has_nothing_due(scenario: Scenario) -> None:
    assert await scenario.store.promote_due("empty") == 0
