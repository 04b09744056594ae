"""An attempt failed and another follows."""

from __future__ import annotations

import pytest

from oxherd.domain.errors import JobNotFound, LockLost
from oxherd.domain.events import Delayed, Waiting
from oxherd.domain.lifecycle import EventKind, State
from oxherd.domain.outcome import Retrial
from tests.conformance.scenario import LOCK_MS, STACK, Scenario
from tests.timing import START_MS


async def test_the_attempt_is_counted_and_its_reason_stored(scenario: Scenario) -> None:
    await scenario.put("a", attempts=3)

    await scenario.retry(await scenario.claim())

    record = await scenario.record("a")
    assert (record.attempts_made, record.attempts_started) == (1, 1)
    assert (record.failed_reason, record.stacktrace) == ("boom", STACK)
    assert record.finished_on is None
    event = (await scenario.events())[-1]
    assert isinstance(event, Waiting)
    assert (event.job_id, event.prev) == ("a", "active")


async def test_at_once_it_goes_behind_what_waits(scenario: Scenario) -> None:
    await scenario.put("a", "b")
    await scenario.retry(await scenario.claim(job_id="a"))

    assert await scenario.claim_order() == ["b", "a"]


async def test_at_once_a_lifo_job_goes_in_front(scenario: Scenario) -> None:
    await scenario.put("a", lifo=True)
    hand = await scenario.claim(job_id="a")
    await scenario.put("b")
    await scenario.retry(hand)

    assert await scenario.claim_order() == ["a", "b"]


@pytest.mark.parametrize("lifo", [False, True])
async def test_at_once_a_prioritized_job_goes_behind_its_priority(
    scenario: Scenario, *, lifo: bool
) -> None:
    await scenario.put("a", "b", priority=2)
    await scenario.put("z", priority=2, lifo=lifo)
    await scenario.put("c", priority=3)
    for name in ("a", "b", "z"):
        await scenario.retry(await scenario.claim(job_id=name))

    assert await scenario.claim_order() == ["a", "b", "z", "c"]


async def test_later_it_is_delayed_from_now(scenario: Scenario) -> None:
    await scenario.put("a", priority=4)
    hand = await scenario.claim()
    await scenario.pass_time(500)

    await scenario.retry(hand, 2_000)

    event = (await scenario.events())[-1]
    assert isinstance(event, Delayed)
    assert event.delay == START_MS + 2_500
    record = await scenario.record("a")
    assert (record.delay, record.attempts_made) == (2_000, 1)
    await scenario.pass_time(1_999)
    assert await scenario.claim_many(1) == []
    await scenario.pass_time(1)
    assert (await scenario.claim(job_id="a")).record.delay == 0


async def test_the_first_delay_does_not_count_again(scenario: Scenario) -> None:
    await scenario.put("a", delay=60)
    await scenario.pass_time(60_000)

    await scenario.retry(await scenario.claim(job_id="a"))

    assert await scenario.state("a") == State.WAITING


async def test_retries_are_no_failures_for_parents(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")

    await scenario.retry(await scenario.claim("below"))

    assert await scenario.state("top") == State.WAITING_CHILDREN
    assert (await scenario.record("top")).deferred_failure is None


async def test_each_item_is_judged_alone(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c")
    one, two, three = await scenario.claim_many(3)

    answers = await scenario.store.retry(
        "q",
        [
            one.retrial(),
            two.stolen().retrial(),
            Retrial("nobody", "t", "x", "[]", 0),
            three.retrial(1_000),
        ],
    )

    assert [type(answer) for answer in answers] == [type(None), LockLost, JobNotFound, type(None)]
    states = await scenario.store.states("q", ["a", "b", "c"])
    assert states == [State.WAITING, State.ACTIVE, State.DELAYED]


@pytest.mark.parametrize("delay_ms", [0, 1_000])
async def test_the_same_call_again_changes_nothing_and_answers_the_same(
    scenario: Scenario, delay_ms: int
) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.retry(hand, delay_ms)
    before = await scenario.dump()
    await scenario.pass_time(50)

    assert await scenario.store.retry("q", [hand.retrial(delay_ms)]) == [None]
    assert await scenario.dump() == before


async def test_a_repeat_while_another_worker_has_the_job_does_not_touch_it(
    scenario: Scenario,
) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.retry(hand)
    await scenario.claim(job_id="a")
    before = await scenario.dump()

    await scenario.store.retry("q", [hand.retrial()])

    assert await scenario.dump() == before


async def test_a_worker_whose_lock_ran_out_is_refused(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.pass_time(LOCK_MS + 1)

    (answer,) = await scenario.store.retry("q", [hand.retrial()])

    assert type(answer) is LockLost
    assert await scenario.state("a") == State.ACTIVE


async def test_a_paused_queue_takes_it_back(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.store.pause("q")

    await scenario.retry(hand)

    assert await scenario.state("a") == State.WAITING
    assert await scenario.claim_many(1) == []


async def test_it_is_never_drained_by_a_retry(scenario: Scenario) -> None:
    await scenario.put("a")

    await scenario.retry(await scenario.claim())

    assert EventKind.DRAINED not in [each.kind for each in await scenario.events()]
