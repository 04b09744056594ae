"""Running again later without spending an attempt."""

from __future__ import annotations

from oxherd.domain.errors import JobNotFound, LockLost
from oxherd.domain.events import Delayed
from oxherd.domain.lifecycle import State
from oxherd.domain.outcome import Postponement
from tests.conformance.scenario import LOCK_MS, Scenario
from tests.timing import START_MS


async def test_it_is_delayed_from_now_and_no_attempt_is_counted(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.pass_time(300)

    await scenario.postpone(hand, 2_000)

    record = await scenario.record("a")
    assert (record.attempts_made, record.attempts_started, record.delay) == (0, 1, 2_000)
    assert record.failed_reason is None
    event = (await scenario.events())[-1]
    assert isinstance(event, Delayed)
    assert (event.job_id, event.delay) == ("a", START_MS + 2_300)
    await scenario.pass_time(2_000)
    assert (await scenario.claim(job_id="a")).record.attempts_started == 2


async def test_by_nothing_it_is_delayed_and_due_at_once(scenario: Scenario) -> None:
    await scenario.put("a")

    await scenario.postpone(await scenario.claim(), 0)

    assert await scenario.state("a") == State.DELAYED
    await scenario.claim(job_id="a")


async def test_a_prioritized_job_comes_back_prioritized(scenario: Scenario) -> None:
    await scenario.put("a", priority=2)
    await scenario.postpone(await scenario.claim(), 1_000)
    await scenario.pass_time(1_000)

    assert await scenario.store.promote_due("q") == 1
    assert await scenario.state("a") == State.PRIORITIZED


async def test_far_ahead_is_still_in_order(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c")
    year = 365 * 86_400_000
    for years in (12, 11, 40):
        await scenario.postpone(await scenario.claim(), years * year)

    assert await scenario.order(State.DELAYED) == ["b", "a", "c"]
    claimed = await scenario.store.claim("q", 1, token="t", lock_ms=LOCK_MS)
    assert claimed.due_in_ms is not None
    assert abs(claimed.due_in_ms - 11 * year) <= 1


async def test_each_item_is_judged_alone(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c")
    one, two, three = await scenario.claim_many(3)

    answers = await scenario.store.postpone(
        "q",
        [
            one.postponement(5),
            two.stolen().postponement(5),
            Postponement("nobody", "t", 5),
            three.postponement(5),
        ],
    )

    assert [type(answer) for answer in answers] == [type(None), LockLost, JobNotFound, type(None)]
    assert await scenario.order(State.DELAYED) == ["a", "c"]


async def test_the_same_call_again_changes_nothing_and_answers_the_same(
    scenario: Scenario,
) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.postpone(hand, 1_000)
    before = await scenario.dump()
    await scenario.pass_time(50)

    assert await scenario.store.postpone("q", [hand.postponement(1_000)]) == [None]
    assert await scenario.dump() == before


async def test_a_worker_whose_lock_ran_out_is_refused(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.pass_time(LOCK_MS + 1)

    (answer,) = await scenario.store.postpone("q", [hand.postponement(5)])

    assert type(answer) is LockLost
    assert await scenario.state("a") == State.ACTIVE
