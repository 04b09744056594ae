"""A child fails for good: what its parent does, in every state."""

from __future__ import annotations

from typing import Any

import pytest

from oxherd.domain.lifecycle import EventKind, State
from oxherd.domain.options import OnFailure
from oxherd.domain.record import ChildStatus
from tests.conformance.scenario import LOCK_MS, Scenario, node


async def test_a_failing_child_is_named_in_its_parents_reason(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.put("other")

    await scenario.break_down("top-child", queue="below")

    hand = await scenario.claim(job_id="top")
    assert hand.record.deferred_failure == f"child {scenario.key('top-child', 'below')} failed"


async def test_the_parent_fails_although_its_other_children_are_pending(
    scenario: Scenario,
) -> None:
    await scenario.flow(node("top", node("bad", queue="below"), node("slow", queue="slow")))
    await scenario.break_down("bad", queue="below")
    hand = await scenario.claim(job_id="top")
    await scenario.fail(hand, hand.record.deferred_failure or "")
    before = await scenario.record("top")

    await scenario.run("slow", queue="slow")

    assert await scenario.state("top") == State.FAILED
    assert await scenario.record("top") == before


async def test_a_later_failing_child_is_the_one_that_is_named(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a", queue="below"), node("b", queue="below")))
    await scenario.break_down("a", queue="below")
    await scenario.break_down("b", queue="below")

    record = await scenario.record("top")
    assert record.deferred_failure == f"child {scenario.key('b', 'below')} failed"
    assert (await scenario.kinds("top")).count(EventKind.WAITING) == 1


@pytest.mark.parametrize(
    ("state", "options", "after"),
    [
        (State.WAITING, {}, State.WAITING),
        (State.PRIORITIZED, {}, State.PRIORITIZED),
        (State.DELAYED, {}, State.WAITING),
        (State.DELAYED, {"priority": 3}, State.PRIORITIZED),
        (State.ACTIVE, {}, State.ACTIVE),
        (State.WAITING_CHILDREN, {}, State.WAITING),
        (State.WAITING_CHILDREN, {"priority": 3}, State.PRIORITIZED),
        (State.WAITING_CHILDREN, {"delay": 60}, State.WAITING),
    ],
)
@pytest.mark.parametrize("paused", [False, True])
async def test_a_parent_fails_in_every_state(
    scenario: Scenario, state: State, options: dict[str, Any], after: State, *, paused: bool
) -> None:
    hand = await scenario.job_in(state, "top", **options)
    await scenario.add(scenario.job("late", queue="late", parents=(scenario.edge("top"),)))
    if paused:
        await scenario.store.pause("q")

    await scenario.break_down("late", queue="late")

    assert await scenario.state("top") == after
    reason = f"child {scenario.key('late', 'late')} failed"
    assert (await scenario.record("top")).deferred_failure == reason
    await scenario.store.resume("q")
    if hand is None:
        hand = await scenario.claim(job_id="top")
        assert hand.record.deferred_failure == reason
    await scenario.fail(hand, reason)
    assert await scenario.state("top") == State.FAILED


async def test_a_failed_parent_is_not_touched(scenario: Scenario) -> None:
    await scenario.put("top")
    hand = await scenario.claim()
    await scenario.add(scenario.job("late", queue="late", parents=(scenario.edge("top"),)))
    await scenario.fail(hand)

    await scenario.break_down("late", queue="late")

    record = await scenario.record("top")
    assert (record.failed_reason, record.deferred_failure) == ("boom", None)


@pytest.mark.parametrize("policy", [OnFailure.IGNORE, OnFailure.CONTINUE_PARENT])
async def test_an_active_parent_only_hears_of_a_child_that_may_fail(
    scenario: Scenario, policy: OnFailure
) -> None:
    await scenario.put("top")
    hand = await scenario.claim()
    await scenario.add(scenario.job("late", queue="late", parents=(scenario.edge("top", policy),)))

    await scenario.break_down("late", "no luck", queue="late")

    assert await scenario.state("top") == State.ACTIVE
    link = (await scenario.children("top"))["late"]
    assert (link.status, link.failure, link.value) == (ChildStatus.IGNORED, "no luck", None)
    await scenario.complete(hand)


async def test_continuing_releases_a_parent_before_its_other_children(scenario: Scenario) -> None:
    await scenario.flow(
        node(
            "top",
            node("bad", queue="below", on_failure=OnFailure.CONTINUE_PARENT),
            node("slow", queue="slow"),
        )
    )

    await scenario.break_down("bad", queue="below")

    hand = await scenario.claim(job_id="top")
    assert hand.record.deferred_failure is None
    assert (await scenario.children("top"))["slow"].status is ChildStatus.PENDING


async def test_ignoring_waits_for_the_other_children(scenario: Scenario) -> None:
    await scenario.flow(
        node(
            "top",
            node("bad", queue="below", on_failure=OnFailure.IGNORE),
            node("slow", queue="slow"),
        )
    )

    await scenario.break_down("bad", queue="below")
    assert await scenario.state("top") == State.WAITING_CHILDREN

    await scenario.run("slow", queue="slow")
    assert await scenario.state("top") == State.WAITING


async def test_a_blocked_parent_goes_on_when_its_child_succeeds_at_last(
    scenario: Scenario,
) -> None:
    await scenario.flow(node("top", node("bad", queue="below", on_failure=OnFailure.BLOCK)))
    await scenario.break_down("bad", queue="below")
    assert await scenario.state("top") == State.WAITING_CHILDREN

    await scenario.reprocess("bad", State.FAILED, queue="below")
    await scenario.run("bad", "1", queue="below")

    await scenario.run("top")
    assert (await scenario.children("top"))["bad"].value == "1"


async def test_a_stalled_child_fails_its_parent_like_any_other(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.claim("below")
    await scenario.pass_time(LOCK_MS + 1)
    await scenario.rescue("below", max_stalled_count=0)
    hand = await scenario.claim("below")
    await scenario.fail(hand, hand.record.deferred_failure or "")

    assert (await scenario.claim(job_id="top")).record.deferred_failure is not None
