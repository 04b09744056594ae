"""Ending jobs badly, for good; what it does to parents is in test_flows.py."""

from __future__ import annotations

import json

import pytest

from oxherd.domain.errors import JobNotFound, LockLost
from oxherd.domain.events import Failed, RetriesExhausted
from oxherd.domain.keep import KEEP_ALL, KEEP_NONE, Keep
from oxherd.domain.lifecycle import EventKind, State
from oxherd.domain.options import OnFailure
from oxherd.domain.outcome import Failure
from tests.conformance.scenario import LOCK_MS, STACK, Scenario
from tests.timing import START_MS


async def test_the_reason_is_stored_and_told(scenario: Scenario) -> None:
    await scenario.put("a", attempts=2)
    hand = await scenario.claim()
    await scenario.pass_time(7)

    await scenario.fail(hand, 'it "broke": ü')

    record = await scenario.record("a")
    assert record.failed_reason == 'it "broke": ü'
    assert record.stacktrace is not None
    assert json.loads(record.stacktrace) == json.loads(STACK)
    assert record.finished_on == START_MS + 7
    assert (record.attempts_made, record.attempts_started) == (1, 1)
    assert record.returnvalue is None
    (event,) = [each for each in await scenario.events() if isinstance(each, Failed)]
    assert (event.job_id, event.failed_reason, event.prev) == ("a", 'it "broke": ü', "active")


@pytest.mark.parametrize(("attempts", "told"), [(0, True), (1, True), (2, False), (3, False)])
async def test_exhausted_retries_are_told_when_no_attempt_is_left(
    scenario: Scenario, attempts: int, *, told: bool
) -> None:
    await scenario.put("a", attempts=attempts)

    await scenario.fail(await scenario.claim())

    events = [each for each in await scenario.events() if isinstance(each, RetriesExhausted)]
    assert [each.attempts_made for each in events] == ([1] if told else [])


async def test_exhausted_retries_follow_the_failure_after_the_last_attempt(
    scenario: Scenario,
) -> None:
    await scenario.put("a", attempts=2)
    await scenario.retry(await scenario.claim())
    await scenario.fail(await scenario.claim())

    assert [each.kind for each in await scenario.events()][-3:] == [
        EventKind.FAILED, EventKind.RETRIES_EXHAUSTED, EventKind.DRAINED,
    ]  # fmt: skip
    assert (await scenario.record("a")).attempts_made == 2


async def test_each_item_is_judged_alone(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c")
    one, two, three = await scenario.claim_many(3)

    answers = await scenario.store.fail(
        "q",
        [
            one.failure(),
            two.stolen().failure(),
            Failure("nobody", "t", "x", "[]", KEEP_ALL),
            three.failure(),
        ],
    )

    assert [type(answer) for answer in answers] == [type(None), LockLost, JobNotFound, type(None)]
    assert sorted(await scenario.order(State.FAILED)) == ["a", "c"]
    assert await scenario.order(State.ACTIVE) == ["b"]


async def test_the_same_call_again_changes_nothing_and_answers_the_same(
    scenario: Scenario,
) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    hand = await scenario.claim("below")
    await scenario.fail(hand)
    before = await scenario.dump()
    await scenario.pass_time(50)

    assert await scenario.store.fail("below", [hand.failure()]) == [None]
    assert await scenario.dump() == before


async def test_another_ending_after_the_first_is_refused(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.fail(hand)
    before = await scenario.dump()

    (completion,) = await scenario.store.complete("q", [hand.completion()])
    (retrial,) = await scenario.store.retry("q", [hand.retrial()])

    assert type(completion) is type(retrial) is LockLost
    assert await scenario.dump() == before


async def test_a_worker_whose_lock_ran_out_cannot_fail_it(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.pass_time(LOCK_MS + 1)

    (answer,) = await scenario.store.fail("q", [hand.failure()])

    assert type(answer) is LockLost
    assert await scenario.state("a") == State.ACTIVE


async def test_a_zombie_cannot_fail_what_another_worker_has(scenario: Scenario) -> None:
    await scenario.put("a")
    zombie = await scenario.claim()
    await scenario.lose_lock(zombie)
    owner = await scenario.claim(job_id="a")

    (answer,) = await scenario.store.fail("q", [zombie.failure()])

    assert type(answer) is LockLost
    await scenario.complete(owner)


async def test_failing_takes_the_deferred_failure_away(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.break_down("top-child", queue="below")
    hand = await scenario.claim(job_id="top")
    assert hand.record.deferred_failure is not None

    await scenario.fail(hand, hand.record.deferred_failure)

    assert (await scenario.record("top")).deferred_failure is None


async def test_pending_children_do_not_forbid_it(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.add(scenario.job("child", queue="below", parents=(scenario.edge("a"),)))

    await scenario.fail(hand)

    assert await scenario.state("a") == State.FAILED
    await scenario.run("child", queue="below")
    assert await scenario.state("a") == State.FAILED


async def test_the_newest_are_kept_by_count_and_age(scenario: Scenario) -> None:
    for number in range(4):
        await scenario.put(f"job-{number}")
        await scenario.pass_time(10_000)
        await scenario.fail(await scenario.claim(), keep=Keep(count=3, age=15))

    assert await scenario.order(State.FAILED) == ["job-2", "job-3"]


async def test_none_is_kept_when_none_is_wanted(scenario: Scenario) -> None:
    await scenario.put("a")

    await scenario.fail(await scenario.claim(), keep=KEEP_NONE)

    assert await scenario.state("a") is None
    assert EventKind.FAILED in await scenario.kinds("a")
    assert await scenario.probe.leftovers() == []


@pytest.mark.parametrize("keep", [KEEP_NONE, Keep(count=1), Keep(age=1)])
async def test_a_failed_child_for_which_a_parent_waits_is_not_evicted(
    scenario: Scenario, keep: Keep
) -> None:
    await scenario.add(
        scenario.job("top", children=(scenario.key("child", "below"),)),
        scenario.job("child", queue="below", parents=(scenario.edge("top", OnFailure.BLOCK),)),
    )
    await scenario.fail(await scenario.claim("below"), keep=keep)
    await scenario.put("next", queue="below")
    await scenario.pass_time(60_000)

    await scenario.fail(await scenario.claim("below"), keep=keep)

    assert await scenario.state("child", "below") == State.FAILED
    assert await scenario.state("top") == State.WAITING_CHILDREN
