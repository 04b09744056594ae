"""Removing schedules; and that their next jobs are not removed alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from oxherd.domain.errors import BelongsToSchedule, WrongState
from oxherd.domain.events import Removed
from oxherd.domain.lifecycle import State
from tests.conformance.scenario import Scenario
from tests.conformance.schedules import fire, put, run, schedule
from tests.timing import START_MS


async def test_its_delayed_job_goes_with_it(scenario: Scenario) -> None:
    job_id = await put(scenario, schedule(start_ms=START_MS + 5_000))

    assert await scenario.store.remove_schedule("q", "tick") is True

    assert await scenario.state(job_id) is None
    event = (await scenario.events())[-1]
    assert isinstance(event, Removed)
    assert (event.job_id, event.prev) == (job_id, State.DELAYED)
    assert await scenario.store.schedules("q") == []
    assert await scenario.store.schedule("q", "tick") is None
    assert await scenario.store.count_schedules("q") == 0
    assert await scenario.probe.leftovers() == []


@pytest.mark.parametrize("priority", [0, 3])
async def test_its_ready_job_stays(scenario: Scenario, priority: int) -> None:
    job_id = await put(scenario, schedule(priority=priority))
    before = (await scenario.dump())["q"]

    assert await scenario.store.remove_schedule("q", "tick") is True

    assert (await scenario.dump())["q"] == replace(before, schedules=())
    assert await run(scenario) is None
    assert await scenario.state(job_id) == State.COMPLETED


async def test_its_running_job_stays_and_the_next_goes(scenario: Scenario) -> None:
    await put(scenario, schedule())
    hand = await scenario.claim()
    following = await fire(scenario, hand)
    assert following is not None

    assert await scenario.store.remove_schedule("q", "tick") is True

    assert await scenario.state(following) is None
    await scenario.complete(hand)


async def test_finished_jobs_stay(scenario: Scenario) -> None:
    first = await put(scenario, schedule())
    await run(scenario)

    await scenario.store.remove_schedule("q", "tick")

    assert await scenario.state(first) == State.COMPLETED


async def test_one_that_does_not_exist(scenario: Scenario) -> None:
    await put(scenario, schedule())
    before = await scenario.dump()

    assert await scenario.store.remove_schedule("q", "tock") is False

    assert await scenario.dump() == before
    assert await scenario.store.remove_schedule("q", "tick") is True
    assert await scenario.store.remove_schedule("q", "tick") is False


async def test_it_may_be_put_again(scenario: Scenario) -> None:
    await put(scenario, schedule(start_ms=START_MS + 5_000))
    await scenario.store.remove_schedule("q", "tick")

    await put(scenario, schedule())

    found = await scenario.store.schedule("q", "tick")
    assert found is not None
    assert found.count == 1


@pytest.mark.parametrize("given", [{}, {"priority": 2}, {"start_ms": START_MS + 5_000}])
async def test_its_next_job_is_not_removed_alone(scenario: Scenario, given: dict[str, Any]) -> None:
    job_id = await put(scenario, schedule(**given))
    await scenario.put("a")
    before = await scenario.dump()

    (answer,) = await scenario.store.remove("q", [job_id], children=True)

    assert type(answer) is BelongsToSchedule
    assert (answer.job_id, answer.queue) == (job_id, "q")
    assert await scenario.dump() == before
    answers = await scenario.store.remove("q", [job_id, "a"], children=False)
    assert [type(answer) for answer in answers] == [BelongsToSchedule, type(None)]


async def test_its_other_jobs_are_removed_like_any(scenario: Scenario) -> None:
    first = await put(scenario, schedule(limit=2))
    hand = await scenario.claim()
    (answer,) = await scenario.store.remove("q", [first], children=False)
    assert type(answer) is WrongState
    last = await fire(scenario, hand)
    assert last is not None
    await scenario.complete(hand)

    await scenario.remove(first)

    await scenario.pass_time(1_000)
    assert await run(scenario) is None
    await scenario.remove(last)


async def test_without_its_schedule_the_job_is_removed(scenario: Scenario) -> None:
    job_id = await put(scenario, schedule())
    await scenario.store.remove_schedule("q", "tick")

    await scenario.remove(job_id)

    assert await scenario.probe.leftovers() == []


async def test_a_given_id_of_the_form_is_a_plain_job(scenario: Scenario) -> None:
    await put(scenario, schedule())
    await scenario.put("a")

    await scenario.remove("a")

    assert await scenario.store.count_schedules("q") == 1
