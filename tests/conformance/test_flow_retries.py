"""A finished child runs again: its parents wait for it anew."""

from __future__ import annotations

from oxherd.domain.errors import HasPendingChildren
from oxherd.domain.lifecycle import State
from oxherd.domain.options import OnFailure
from oxherd.domain.record import ChildStatus
from tests.conformance.scenario import LOCK_MS, Scenario, node


async def test_a_deferred_failure_is_withdrawn_when_its_child_runs_again(
    scenario: Scenario,
) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.break_down("top-child", queue="below")

    await scenario.reprocess("top-child", State.FAILED, queue="below")

    record = await scenario.record("top")
    assert record.deferred_failure is None
    assert await scenario.state("top") == State.WAITING_CHILDREN
    assert (await scenario.children("top"))["top-child"].status is ChildStatus.PENDING
    await scenario.run("top-child", "1", queue="below")
    hand = await scenario.claim(job_id="top")
    assert hand.record.deferred_failure is None
    await scenario.complete(hand)


async def test_a_withdrawn_failure_does_not_use_up_the_parents_delay(
    scenario: Scenario,
) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top", delay=60)
    await scenario.break_down("top-child", queue="below")
    await scenario.reprocess("top-child", State.FAILED, queue="below")

    await scenario.run("top-child", queue="below")

    assert await scenario.state("top") == State.DELAYED
    assert (await scenario.record("top")).delay == 60_000


async def test_another_failed_child_is_named_instead(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a", queue="below"), node("b", queue="below")))
    await scenario.break_down("a", queue="below")
    await scenario.break_down("b", queue="below")

    await scenario.reprocess("b", State.FAILED, queue="below")

    record = await scenario.record("top")
    assert record.deferred_failure == f"child {scenario.key('a', 'below')} failed"
    assert await scenario.state("top") == State.WAITING


async def test_a_child_that_is_not_named_withdraws_nothing(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a", queue="below"), node("b", queue="below")))
    await scenario.break_down("a", queue="below")
    await scenario.break_down("b", queue="below")

    await scenario.reprocess("a", State.FAILED, queue="below")

    record = await scenario.record("top")
    assert record.deferred_failure == f"child {scenario.key('b', 'below')} failed"
    assert (await scenario.children("top"))["a"].status is ChildStatus.PENDING


async def test_a_failed_parent_stays_failed_until_it_runs_again_itself(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.break_down("top-child", queue="below")
    await scenario.break_down("top")

    await scenario.reprocess("top-child", State.FAILED, queue="below")
    await scenario.run("top-child", '"at last"', queue="below")
    assert await scenario.state("top") == State.FAILED

    await scenario.reprocess("top", State.FAILED)
    assert (await scenario.children("top"))["top-child"].value == '"at last"'
    await scenario.run("top")


async def test_a_parent_that_runs_again_first_waits_for_its_child(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.break_down("top-child", queue="below")
    await scenario.break_down("top")
    await scenario.reprocess("top-child", State.FAILED, queue="below")

    await scenario.reprocess("top", State.FAILED)

    assert await scenario.state("top") == State.WAITING_CHILDREN
    await scenario.run("top-child", queue="below")
    await scenario.run("top")


async def test_a_parent_that_runs_again_while_its_child_is_failed_fails_again(
    scenario: Scenario,
) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.break_down("top-child", queue="below")
    await scenario.break_down("top")

    await scenario.reprocess("top", State.FAILED)

    hand = await scenario.claim(job_id="top")
    assert hand.record.deferred_failure == f"child {scenario.key('top-child', 'below')} failed"


async def test_a_completed_child_that_runs_again_is_waited_for(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a", queue="below"), node("b", queue="below")))
    await scenario.run("a", "1", queue="below")

    await scenario.reprocess("a", State.COMPLETED, queue="below")
    assert (await scenario.children("top"))["a"].status is ChildStatus.PENDING
    await scenario.run("b", "2", queue="below")
    assert await scenario.state("top") == State.WAITING_CHILDREN
    await scenario.run("a", "3", queue="below")

    assert await scenario.state("top") == State.WAITING
    assert (await scenario.children("top"))["a"].value == "3"


async def test_a_parent_that_is_ready_already_stays_where_it_is(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.run("top-child", queue="below")

    await scenario.reprocess("top-child", State.COMPLETED, queue="below")

    assert await scenario.state("top") == State.WAITING
    hand = await scenario.claim(job_id="top")
    assert await scenario.await_children(hand) is True


async def test_a_failure_of_the_parents_own_is_not_withdrawn(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.run("top-child", queue="below")
    await scenario.claim(job_id="top")
    await scenario.pass_time(LOCK_MS + 1)
    await scenario.rescue(max_stalled_count=0)
    before = await scenario.record("top")
    assert before.deferred_failure is not None

    await scenario.reprocess("top-child", State.COMPLETED, queue="below")

    assert await scenario.record("top") == before
    assert await scenario.state("top") == State.WAITING


async def test_an_active_parent_cannot_complete_before_a_child_that_runs_again(
    scenario: Scenario,
) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.run("top-child", queue="below")
    hand = await scenario.claim(job_id="top")

    await scenario.reprocess("top-child", State.COMPLETED, queue="below")

    (answer,) = await scenario.store.complete("q", [hand.completion()])
    assert isinstance(answer, HasPendingChildren)
    await scenario.run("top-child", queue="below")
    await scenario.complete(hand)


async def test_a_completed_parent_keeps_what_it_got(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.run("top-child", "1", queue="below")
    await scenario.run("top")
    before = await scenario.children("top")

    await scenario.reprocess("top-child", State.COMPLETED, queue="below")
    await scenario.run("top-child", "2", queue="below")

    assert await scenario.children("top") == before
    assert await scenario.state("top") == State.COMPLETED


async def test_an_ignored_child_that_runs_again_is_waited_for(scenario: Scenario) -> None:
    await scenario.flow(
        node(
            "top",
            node("bad", queue="below", on_failure=OnFailure.IGNORE),
            node("slow", queue="slow"),
        )
    )
    await scenario.break_down("bad", queue="below")
    await scenario.reprocess("bad", State.FAILED, queue="below")
    await scenario.run("slow", queue="slow")
    assert await scenario.state("top") == State.WAITING_CHILDREN

    await scenario.run("bad", "1", queue="below")

    assert (await scenario.children("top"))["bad"].value == "1"
    await scenario.run("top")


async def test_a_child_of_two_parents_is_waited_for_by_both_again(scenario: Scenario) -> None:
    child = node("child", queue="below")
    await scenario.flow(node("root", node("left", child), node("right", child)))
    await scenario.break_down("child", queue="below")

    await scenario.reprocess("child", State.FAILED, queue="below")

    assert await scenario.store.states("q", ["left", "right"]) == [State.WAITING_CHILDREN] * 2
    await scenario.run("child", queue="below")
    assert await scenario.store.states("q", ["left", "right"]) == [State.WAITING] * 2
