"""A job id that exists already becomes a child."""

from __future__ import annotations

import pytest

from oxherd.domain.lifecycle import State
from oxherd.domain.options import OnFailure
from oxherd.domain.record import ChildStatus
from tests.conformance.scenario import Scenario, node

POLICIES = list(OnFailure)


@pytest.mark.parametrize("state", [s for s in State if s not in {State.COMPLETED, State.FAILED}])
async def test_a_live_job_is_attached_and_waited_for(scenario: Scenario, state: State) -> None:
    hand = await scenario.job_in(state, "known", "below")
    before = await scenario.record("known", "below")

    await scenario.flow(node("top", node("known", queue="below", on_failure=OnFailure.IGNORE)))

    assert await scenario.state("top") == State.WAITING_CHILDREN
    assert await scenario.state("known", "below") == state
    after = await scenario.record("known", "below")
    assert after.parents == (scenario.edge("top", OnFailure.IGNORE),)
    assert (after.data, after.attempts_started) == (before.data, before.attempts_started)
    if state is State.WAITING_CHILDREN:
        await scenario.run("known-child", queue="below")
    await scenario.pass_time(60_000 if state is State.DELAYED else 0)
    await scenario.complete(hand or await scenario.claim("below", job_id="known"), "5")
    assert (await scenario.children("top"))["known"].value == "5"
    assert await scenario.state("top") == State.WAITING


async def test_a_completed_job_counts_at_once(scenario: Scenario) -> None:
    await scenario.job_in(State.COMPLETED, "known", "below")

    await scenario.flow(node("top", node("known", queue="below"), node("new", queue="new")))

    link = (await scenario.children("top"))["known"]
    assert (link.status, link.value) == (ChildStatus.PROCESSED, '"done"')
    assert await scenario.state("known", "below") == State.COMPLETED
    await scenario.run("new", queue="new")
    await scenario.run("top")


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_failed_job_counts_as_failing_now(scenario: Scenario, policy: OnFailure) -> None:
    await scenario.job_in(State.FAILED, "known", "below")

    await scenario.flow(node("top", node("known", queue="below", on_failure=policy)))

    state = await scenario.state("top")
    record = await scenario.record("top")
    children = await scenario.children("top")
    if policy is OnFailure.BLOCK:
        assert state == State.WAITING_CHILDREN
        assert children["known"].status is ChildStatus.PENDING
        return
    assert state == State.WAITING
    if policy is OnFailure.FAIL_PARENT:
        assert record.deferred_failure == f"child {scenario.key('known', 'below')} failed"
        assert children["known"].status is ChildStatus.FAILED
    elif policy is OnFailure.REMOVE:
        assert children == {}
    else:
        assert (children["known"].status, children["known"].failure) == (
            ChildStatus.IGNORED, "boom",
        )  # fmt: skip


async def test_a_failed_job_that_is_adopted_may_still_succeed(scenario: Scenario) -> None:
    await scenario.job_in(State.FAILED, "known", "below")
    await scenario.flow(node("top", node("known", queue="below")))

    await scenario.reprocess("known", State.FAILED, queue="below")

    assert await scenario.state("top") == State.WAITING_CHILDREN
    await scenario.run("known", queue="below")
    hand = await scenario.claim(job_id="top")
    assert hand.record.deferred_failure is None


async def test_a_child_of_one_parent_is_shared_with_a_second(scenario: Scenario) -> None:
    await scenario.flow(node("first", node("known", queue="below", on_failure=OnFailure.IGNORE)))

    await scenario.flow(node("second", node("known", queue="below", on_failure=OnFailure.BLOCK)))

    assert (await scenario.record("known", "below")).parents == (
        scenario.edge("first", OnFailure.IGNORE),
        scenario.edge("second", OnFailure.BLOCK),
    )
    await scenario.break_down("known", queue="below")
    assert await scenario.state("first") == State.WAITING
    assert await scenario.state("second") == State.WAITING_CHILDREN


@pytest.mark.parametrize("state", list(State))
async def test_an_existing_job_is_attached_to_a_live_parent(
    scenario: Scenario, state: State
) -> None:
    await scenario.job_in(state, "known", "below")
    await scenario.put("slow", queue="slow")
    await scenario.flow(node("top", node("slow", queue="slow")))

    (added,) = await scenario.add(
        scenario.job("known", queue="below", parents=(scenario.edge("top", OnFailure.IGNORE),))
    )

    assert added.duplicate
    assert await scenario.state("known", "below") == state
    assert await scenario.state("top") == State.WAITING_CHILDREN
    expected = {
        State.COMPLETED: ChildStatus.PROCESSED,
        State.FAILED: ChildStatus.IGNORED,
    }.get(state, ChildStatus.PENDING)
    assert (await scenario.children("top"))["known"].status is expected


async def test_the_same_child_is_attached_once(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("known", queue="below")))
    before = await scenario.still_dump()

    await scenario.add(scenario.job("known", queue="below", parents=(scenario.edge("top"),)))

    assert await scenario.still_dump() == before
