"""Giving a job another priority."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oxherd.domain.errors import JobNotFound
from oxherd.domain.lifecycle import State

if TYPE_CHECKING:
    from tests.conformance.scenario import Scenario


async def test_it_goes_behind_its_equals(scenario: Scenario) -> None:
    await scenario.put("w1", "w2")
    await scenario.put("p1", "p2", priority=3)

    for job_id, priority in (("w1", 3), ("p2", 0)):
        assert await scenario.store.change_priority("q", job_id, priority) is None

    assert (await scenario.record("w1")).priority == 3
    assert (await scenario.record("p2")).priority == 0
    assert await scenario.store.states("q", ["w1", "p2"]) == [State.PRIORITIZED, State.WAITING]
    assert await scenario.claim_order() == ["w2", "p2", "p1", "w1"]


async def test_with_lifo_it_goes_in_front_of_them(scenario: Scenario) -> None:
    await scenario.put("w1", "w2")
    await scenario.put("p1", "p2", priority=3)
    await scenario.put("urgent", priority=2)

    for job_id, priority in (("w2", 3), ("p2", 0)):
        assert await scenario.store.change_priority("q", job_id, priority, lifo=True) is None

    assert await scenario.claim_order() == ["p2", "w1", "urgent", "w2", "p1"]


async def test_the_same_priority_again_is_a_new_place(scenario: Scenario) -> None:
    await scenario.put("a", "b")
    await scenario.put("c", "d", priority=1)

    await scenario.store.change_priority("q", "a", 0)
    await scenario.store.change_priority("q", "d", 1, lifo=True)

    assert await scenario.claim_order() == ["b", "a", "d", "c"]


async def test_it_is_told_to_nobody(scenario: Scenario) -> None:
    await scenario.put("a")
    before = await scenario.events()

    await scenario.store.change_priority("q", "a", 7)

    assert await scenario.events() == before


@pytest.mark.parametrize(
    "state", [each for each in State if each not in {State.WAITING, State.PRIORITIZED}]
)
async def test_elsewhere_it_counts_once_the_job_is_ready(scenario: Scenario, state: State) -> None:
    hand = await scenario.job_in(state)
    seen = await scenario.events()

    assert await scenario.store.change_priority("q", "job", 9) is None

    assert await scenario.state("job") == state
    assert await scenario.events() == seen
    assert (await scenario.record("job")).priority == 9
    if state is State.DELAYED:
        await scenario.promote("job")
    elif state is State.WAITING_CHILDREN:
        await scenario.run("job-child", queue="below")
    elif state is State.ACTIVE and hand is not None:
        await scenario.release(hand)
    else:
        await scenario.reprocess("job", state)
    assert await scenario.state("job") == State.PRIORITIZED


async def test_a_job_that_does_not_exist(scenario: Scenario) -> None:
    answer = await scenario.store.change_priority("q", "nobody", 1)

    assert isinstance(answer, JobNotFound)
    assert (answer.job_id, answer.queue) == ("nobody", "q")
