"""Ending jobs well: what is stored, what is kept, who is refused."""

from __future__ import annotations

from typing import Any

import pytest

from oxherd.domain.errors import HasFailedChildren, HasPendingChildren, JobNotFound, LockLost
from oxherd.domain.events import Completed
from oxherd.domain.keep import KEEP_ALL, KEEP_NONE, Keep
from oxherd.domain.lifecycle import EventKind, State
from oxherd.domain.options import OnFailure
from oxherd.domain.outcome import Completion
from oxherd.domain.record import ChildStatus
from tests.conformance.scenario import LOCK_MS, Scenario, node
from tests.timing import START_MS


async def test_the_result_is_stored_and_told(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.pass_time(7)

    await scenario.complete(hand, '{"ü":1}')

    record = await scenario.record("a")
    assert record.returnvalue == '{"ü":1}'
    assert record.finished_on == START_MS + 7
    assert (record.attempts_made, record.attempts_started) == (1, 1)
    assert record.failed_reason is None
    (event,) = [each for each in await scenario.events() if isinstance(each, Completed)]
    assert (event.job_id, event.returnvalue, event.prev) == ("a", {"ü": 1}, "active")
    assert (await scenario.dump())["q"].jobs["a"].lock is None


async def test_drained_follows_the_last_job_only(scenario: Scenario) -> None:
    await scenario.put("a", "b")
    one, two = await scenario.claim_many(2)
    await scenario.complete(one)
    assert EventKind.DRAINED not in [each.kind for each in await scenario.events()]

    await scenario.complete(two)

    assert [each.kind for each in await scenario.events()][-2:] == [
        EventKind.COMPLETED, EventKind.DRAINED,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "options", [{}, {"priority": 3}], ids=["a waiting job", "a prioritized job"]
)
async def test_a_queue_with_a_ready_job_is_not_drained(
    scenario: Scenario, options: dict[str, Any]
) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.put("b", **options)

    await scenario.complete(hand)

    assert EventKind.DRAINED not in [each.kind for each in await scenario.events()]


async def test_a_delayed_job_does_not_keep_a_queue_from_being_drained(scenario: Scenario) -> None:
    await scenario.put("later", delay=60)
    await scenario.put("a")

    await scenario.run("a")

    assert (await scenario.events())[-1].kind is EventKind.DRAINED


async def test_each_item_is_judged_alone(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c")
    one, two, three = await scenario.claim_many(3)

    answers = await scenario.store.complete(
        "q",
        [
            one.completion("1"),
            two.stolen().completion("2"),
            Completion("nobody", "t", "3", KEEP_ALL),
            three.completion("4"),
        ],
    )

    assert [type(answer) for answer in answers] == [type(None), LockLost, JobNotFound, type(None)]
    assert await scenario.order(State.COMPLETED) in (["a", "c"], ["c", "a"])
    assert await scenario.order(State.ACTIVE) == ["b"]


async def test_an_empty_batch_answers_nothing(scenario: Scenario) -> None:
    assert await scenario.store.complete("q", []) == []


async def test_the_same_call_again_changes_nothing_and_answers_the_same(
    scenario: Scenario,
) -> None:
    await scenario.flow(node("top", node("a", queue="below")))
    hand = await scenario.claim("below")
    await scenario.complete(hand, "1")
    before = await scenario.dump()
    await scenario.pass_time(50)

    assert await scenario.store.complete("below", [hand.completion("1")]) == [None]
    assert await scenario.dump() == before


async def test_a_repeat_inside_one_batch_is_done_once(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()

    assert await scenario.store.complete("q", [hand.completion(), hand.completion()]) == [
        None, None,
    ]  # fmt: skip
    assert (await scenario.kinds("a")).count(EventKind.COMPLETED) == 1
    assert (await scenario.record("a")).attempts_made == 1


async def test_a_repeat_after_the_job_ran_again_does_not_touch_it(scenario: Scenario) -> None:
    await scenario.put("a")
    old = await scenario.claim()
    await scenario.complete(old)
    await scenario.reprocess("a", State.COMPLETED)
    await scenario.claim(job_id="a")
    before = await scenario.dump()

    await scenario.store.complete("q", [old.completion()])

    assert await scenario.dump() == before


async def test_another_ending_after_the_first_is_refused(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.complete(hand)
    before = await scenario.dump()

    (answer,) = await scenario.store.fail("q", [hand.failure()])

    assert type(answer) is LockLost
    assert answer.state is State.COMPLETED
    assert await scenario.dump() == before


async def test_a_worker_whose_lock_ran_out_cannot_complete(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.pass_time(LOCK_MS + 1)
    before = await scenario.dump()

    (answer,) = await scenario.store.complete("q", [hand.completion()])

    assert type(answer) is LockLost
    assert answer.state is State.ACTIVE
    assert await scenario.dump() == before


async def test_a_zombie_cannot_complete_what_another_worker_has(scenario: Scenario) -> None:
    await scenario.put("a")
    zombie = await scenario.claim()
    await scenario.lose_lock(zombie)
    owner = await scenario.claim(job_id="a")

    (answer,) = await scenario.store.complete("q", [zombie.completion('"zombie"')])

    assert type(answer) is LockLost
    await scenario.complete(owner, '"owner"')
    assert (await scenario.record("a")).returnvalue == '"owner"'


async def test_pending_children_forbid_it(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.add(scenario.job("child", queue="below", parents=(scenario.edge("a"),)))
    before = await scenario.dump()

    (answer,) = await scenario.store.complete("q", [hand.completion()])

    assert isinstance(answer, HasPendingChildren)
    assert (answer.job_id, answer.queue) == ("a", "q")
    assert await scenario.dump() == before


async def test_a_child_that_failed_it_forbids_it(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.add(scenario.job("child", queue="below", parents=(scenario.edge("a"),)))
    await scenario.break_down("child", queue="below")
    before = await scenario.dump()

    (answer,) = await scenario.store.complete("q", [hand.completion()])

    assert isinstance(answer, HasFailedChildren)
    assert await scenario.dump() == before
    await scenario.fail(hand)


async def test_a_parent_that_was_told_to_go_on_is_cut_off_from_pending_children(
    scenario: Scenario,
) -> None:
    await scenario.flow(
        node(
            "top",
            node("bad", queue="below", on_failure=OnFailure.CONTINUE_PARENT),
            node("slow", queue="below"),
        )
    )
    await scenario.break_down("bad", "no luck", queue="below")
    hand = await scenario.claim(job_id="top")

    await scenario.complete(hand, '"went on"')

    children = await scenario.children("top")
    assert list(children) == ["bad"]
    assert (children["bad"].status, children["bad"].failure) == (ChildStatus.IGNORED, "no luck")
    assert (await scenario.record("slow", "below")).parents == ()
    before = await scenario.record("top")
    await scenario.run("slow", queue="below")
    assert await scenario.record("top") == before


async def test_the_newest_are_kept_by_count(scenario: Scenario) -> None:
    for number in range(5):
        await scenario.put(f"job-{number}")
        await scenario.pass_time(10)
        await scenario.complete(await scenario.claim(), keep=Keep(count=2))

    assert await scenario.order(State.COMPLETED) == ["job-3", "job-4"]
    assert await scenario.state("job-0") is None


async def test_none_is_kept_when_none_is_wanted(scenario: Scenario) -> None:
    await scenario.put("a", "b")
    one, two = await scenario.claim_many(2)
    await scenario.complete(one)

    await scenario.complete(two, "2", KEEP_NONE)

    assert await scenario.order(State.COMPLETED) == ["a"]
    assert await scenario.kinds("b") == [
        EventKind.ADDED, EventKind.WAITING, EventKind.ACTIVE, EventKind.COMPLETED,
    ]  # fmt: skip


async def test_a_repeat_is_known_although_the_job_was_not_kept(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.complete(hand, keep=KEEP_NONE)
    before = await scenario.dump()

    assert await scenario.store.complete("q", [hand.completion(keep=KEEP_NONE)]) == [None]
    assert await scenario.dump() == before


async def test_what_is_too_old_goes(scenario: Scenario) -> None:
    await scenario.put("old", "new", "last")
    for _ in range(2):
        await scenario.complete(await scenario.claim())
        await scenario.pass_time(30_000)

    await scenario.complete(await scenario.claim(), keep=Keep(age=45))

    assert await scenario.order(State.COMPLETED) == ["new", "last"]


async def test_age_and_count_both_bound(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c", "d")
    for _ in range(3):
        await scenario.complete(await scenario.claim())
        await scenario.pass_time(10_000)

    await scenario.complete(await scenario.claim(), keep=Keep(count=2, age=25))

    assert await scenario.order(State.COMPLETED) == ["c", "d"]


async def test_one_ending_clears_no_more_than_the_limit_by_age(scenario: Scenario) -> None:
    for number in range(6):
        await scenario.put(f"job-{number}")
        await scenario.run(f"job-{number}")
        await scenario.pass_time(1)
    await scenario.pass_time(60_000)
    await scenario.put("last")

    await scenario.complete(await scenario.claim(), keep=Keep(age=30, limit=4))

    assert len(await scenario.order(State.COMPLETED)) == 3


async def test_retention_leaves_failed_and_other_queues_alone(scenario: Scenario) -> None:
    await scenario.job_in(State.FAILED, "bad")
    await scenario.job_in(State.COMPLETED, "elsewhere", "q2")
    await scenario.pass_time(10)
    await scenario.put("a")

    await scenario.complete(await scenario.claim(), keep=Keep(count=1, age=0.001))

    assert await scenario.state("bad") == State.FAILED
    assert await scenario.state("elsewhere", "q2") == State.COMPLETED


async def test_an_evicted_job_leaves_nothing_behind(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.store.append_log("q", "a", ["line"])
    await scenario.complete(hand, keep=KEEP_NONE)

    assert await scenario.probe.leftovers() == []


async def test_large_results_come_back_whole(scenario: Scenario) -> None:
    result = '"' + "ox" * 500_000 + '"'
    await scenario.put("a")
    await scenario.run("a", result)

    assert (await scenario.record("a")).returnvalue == result
