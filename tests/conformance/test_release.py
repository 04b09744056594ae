"""Giving jobs back to the front."""

from __future__ import annotations

from oxherd.domain.errors import JobNotFound, LockLost
from oxherd.domain.events import Waiting
from oxherd.domain.lifecycle import State
from oxherd.domain.outcome import Held
from tests.conformance.scenario import LOCK_MS, Scenario


async def test_it_is_in_front_and_no_attempt_is_counted(scenario: Scenario) -> None:
    await scenario.put("a", "b")

    await scenario.release(await scenario.claim(job_id="a"))

    event = (await scenario.events())[-1]
    assert isinstance(event, Waiting)
    assert (event.job_id, event.prev) == ("a", "active")
    again = await scenario.claim(job_id="a")
    assert (again.record.attempts_made, again.record.attempts_started) == (0, 2)


async def test_in_front_of_lifo_jobs_too(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.put("b", lifo=True)

    await scenario.release(hand)

    assert await scenario.claim_order() == ["a", "b"]


async def test_a_prioritized_job_is_in_front_of_its_priority(scenario: Scenario) -> None:
    await scenario.put("a", "b", priority=2)
    hand = await scenario.claim(job_id="a")
    await scenario.put("c", priority=1)
    await scenario.put("d")

    await scenario.release(hand)

    assert await scenario.state("a") == State.PRIORITIZED
    assert await scenario.claim_order() == ["d", "c", "a", "b"]


async def test_item_by_item_the_last_is_in_front(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c", "d")
    one, two, three = await scenario.claim_many(3)

    assert await scenario.store.release("q", [one.held, two.held, three.held]) == [None] * 3

    assert await scenario.claim_order() == ["c", "b", "a", "d"]


async def test_a_paused_queue_takes_it_back(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.store.pause("q")

    await scenario.release(hand)

    assert await scenario.state("a") == State.WAITING


async def test_a_deferred_failure_stays(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.break_down("top-child", queue="below")
    hand = await scenario.claim(job_id="top")

    await scenario.release(hand)

    assert (await scenario.claim(job_id="top")).record.deferred_failure == (
        hand.record.deferred_failure
    )


async def test_each_item_is_judged_alone(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c")
    one, two, three = await scenario.claim_many(3)

    answers = await scenario.store.release(
        "q", [one.held, two.stolen().held, Held("nobody", "t"), three.held]
    )

    assert [type(answer) for answer in answers] == [type(None), LockLost, JobNotFound, type(None)]
    assert await scenario.order(State.ACTIVE) == ["b"]


async def test_the_same_call_again_changes_nothing_and_answers_the_same(
    scenario: Scenario,
) -> None:
    await scenario.put("a", "b")
    hand = await scenario.claim()
    await scenario.release(hand)
    before = await scenario.dump()

    assert await scenario.store.release("q", [hand.held]) == [None]
    assert await scenario.dump() == before


async def test_a_repeat_while_another_worker_has_the_job_does_not_touch_it(
    scenario: Scenario,
) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.release(hand)
    await scenario.claim(job_id="a")
    before = await scenario.dump()

    await scenario.store.release("q", [hand.held])

    assert await scenario.dump() == before


async def test_a_worker_whose_lock_ran_out_is_refused(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.pass_time(LOCK_MS + 1)

    (answer,) = await scenario.store.release("q", [hand.held])

    assert type(answer) is LockLost
