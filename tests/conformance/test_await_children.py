"""An active job waits for children that are pending."""

from __future__ import annotations

from oxherd.domain.errors import HasFailedChildren, JobNotFound, LockLost
from oxherd.domain.events import WaitingChildren
from oxherd.domain.lifecycle import State
from oxherd.domain.options import OnFailure
from oxherd.domain.outcome import Held
from oxherd.domain.record import ChildStatus
from tests.conformance.scenario import LOCK_MS, Hand, Scenario


async def with_child(scenario: Scenario, policy: OnFailure = OnFailure.FAIL_PARENT) -> Hand:
    await scenario.put("top")
    hand = await scenario.claim(job_id="top")
    await scenario.add(
        scenario.job("child", queue="below", parents=(scenario.edge("top", policy),))
    )
    return hand


async def test_it_waits_and_runs_again_without_an_attempt(scenario: Scenario) -> None:
    hand = await with_child(scenario)

    assert await scenario.await_children(hand) is True

    assert await scenario.state("top") == State.WAITING_CHILDREN
    event = (await scenario.events())[-1]
    assert isinstance(event, WaitingChildren)
    assert (event.job_id, event.prev) == ("top", "active")
    await scenario.run("child", "1", queue="below")
    again = await scenario.claim(job_id="top")
    assert (again.record.attempts_made, again.record.attempts_started) == (0, 2)
    await scenario.complete(again)


async def test_with_nothing_pending_nothing_changes(scenario: Scenario) -> None:
    hand = await with_child(scenario)
    await scenario.run("child", queue="below")
    before = await scenario.dump()

    assert await scenario.await_children(hand) is False
    assert await scenario.dump() == before
    await scenario.complete(hand)


async def test_a_job_without_children_is_told_so(scenario: Scenario) -> None:
    await scenario.put("a")

    assert await scenario.await_children(await scenario.claim()) is False
    assert await scenario.state("a") == State.ACTIVE


async def test_a_child_that_failed_it_forbids_waiting(scenario: Scenario) -> None:
    hand = await with_child(scenario)
    await scenario.break_down("child", queue="below")
    before = await scenario.dump()

    (answer,) = await scenario.store.await_children("q", [hand.held])

    assert isinstance(answer, HasFailedChildren)
    assert await scenario.dump() == before
    await scenario.fail(hand)


async def test_a_child_that_may_fail_does_not(scenario: Scenario) -> None:
    hand = await with_child(scenario, OnFailure.IGNORE)
    await scenario.break_down("child", "gone", queue="below")

    assert await scenario.await_children(hand) is False
    assert (await scenario.children("top"))["child"].status is ChildStatus.IGNORED


async def test_each_item_is_judged_alone(scenario: Scenario) -> None:
    first = await with_child(scenario)
    await scenario.put("b", "c")
    second, third = await scenario.claim_many(2)

    answers = await scenario.store.await_children(
        "q", [second.held, first.held, Held("nobody", "t"), third.stolen().held]
    )

    assert answers[:2] == [False, True]
    assert [type(answer) for answer in answers[2:]] == [JobNotFound, LockLost]
    assert await scenario.order(State.ACTIVE) == ["b", "c"]


async def test_the_same_call_again_changes_nothing_and_answers_the_same(
    scenario: Scenario,
) -> None:
    hand = await with_child(scenario)
    await scenario.await_children(hand)
    before = await scenario.dump()

    assert await scenario.await_children(hand) is True
    assert await scenario.dump() == before


async def test_a_worker_whose_lock_ran_out_is_refused(scenario: Scenario) -> None:
    hand = await with_child(scenario)
    await scenario.pass_time(LOCK_MS + 1)

    (answer,) = await scenario.store.await_children("q", [hand.held])

    assert type(answer) is LockLost
    assert await scenario.state("top") == State.ACTIVE


async def test_the_parent_keeps_its_place_by_its_options(scenario: Scenario) -> None:
    await scenario.put("top", priority=7)
    hand = await scenario.claim(job_id="top")
    await scenario.add(scenario.job("child", queue="below", parents=(scenario.edge("top"),)))
    await scenario.await_children(hand)

    await scenario.run("child", queue="below")

    assert await scenario.state("top") == State.PRIORITIZED


async def test_waiting_for_children_many_times_leaves_nothing_behind(scenario: Scenario) -> None:
    await scenario.put("top")
    for number in range(20):
        hand = await scenario.claim(job_id="top")
        child = scenario.job(f"child-{number}", queue="below", parents=(scenario.edge("top"),))
        await scenario.add(child)
        assert await scenario.await_children(hand)
        await scenario.run(child.id, str(number), queue="below")
    hand = await scenario.claim(job_id="top")
    assert (hand.record.attempts_made, hand.record.attempts_started) == (0, 21)
    await scenario.complete(hand)
    await scenario.remove("top", children=True)

    assert await scenario.probe.leftovers() == []
