"""Records that cannot be read, and ids without one: healthy jobs go on, and nothing loops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oxherd.domain.errors import JobNotFound
from oxherd.domain.lifecycle import State

if TYPE_CHECKING:
    from tests.conformance.scenario import Scenario


@pytest.fixture(autouse=True)
def damaged(scenario: Scenario) -> None:
    scenario.damaged = True


async def test_an_unreadable_job_is_claimed_with_the_reason(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c")
    await scenario.probe.damage("q", "b")

    hands = await scenario.claim_many(3)

    assert [hand.id for hand in hands] == ["a", "b", "c"]
    assert [hand.record.unreadable is not None for hand in hands] == [False, True, False]
    assert (hands[1].record.id, hands[1].record.queue) == ("b", "q")


async def test_it_can_be_failed_and_its_parent_hears_of_it(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.probe.damage("below", "top-child")
    hand = await scenario.claim("below")
    assert hand.record.unreadable is not None

    await scenario.fail(hand, "unreadable")

    assert await scenario.state("top-child", "below") == State.FAILED
    assert (await scenario.claim(job_id="top")).record.deferred_failure is not None
    assert await scenario.claim_many(1, "below") == []


@pytest.mark.parametrize("state", list(State))
async def test_it_is_listed_and_removed_like_any_other(scenario: Scenario, state: State) -> None:
    await scenario.job_in(state)
    await scenario.probe.damage("q", "job")

    (listed,) = await scenario.store.list_jobs("q", state)
    assert listed.unreadable is not None
    (found,) = await scenario.store.jobs("q", ["job"])
    assert found is not None
    assert found.unreadable is not None
    await scenario.pass_time(60_000)
    await scenario.remove("job", children=True)
    assert await scenario.probe.leftovers() == []


async def test_it_may_be_retried_and_rescued(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.probe.damage("q", "a")
    await scenario.retry(await scenario.claim(), 1_000)
    await scenario.pass_time(1_000)

    hand = await scenario.claim(job_id="a")
    await scenario.lose_lock(hand)

    assert (await scenario.claim(job_id="a")).record.unreadable is not None


async def test_a_vanished_job_is_not_found(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.probe.vanish("q", "a")

    assert await scenario.store.jobs("q", ["a"]) == [None]
    answer = await scenario.store.update_data("q", "a", "1")
    assert isinstance(answer, JobNotFound)
    (refusal,) = await scenario.store.reprocess("q", ["a"], State.FAILED)
    assert isinstance(refusal, JobNotFound)


async def test_a_job_that_vanishes_while_it_runs_is_not_found(scenario: Scenario) -> None:
    await scenario.put("a", "b")
    hand = await scenario.claim(job_id="a")
    await scenario.probe.vanish("q", "a")

    (answer,) = await scenario.store.complete("q", [hand.completion()])

    assert isinstance(answer, JobNotFound)
    await scenario.pass_time(60_000)
    await scenario.rescue()
    assert await scenario.claim_order() == ["b"]


async def test_a_vanished_delayed_job_is_dropped_when_it_is_due(scenario: Scenario) -> None:
    await scenario.put("a", "b", delay=1)
    await scenario.probe.vanish("q", "a")
    await scenario.pass_time(1_000)

    assert await scenario.claim_order() == ["b"]
    assert await scenario.claim_order() == []
