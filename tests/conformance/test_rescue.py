"""Taking back jobs whose worker fell silent."""

from __future__ import annotations

import asyncio

from oxherd.domain.events import Stalled, Waiting
from oxherd.domain.lifecycle import EventKind, State
from oxherd.domain.schedule import Repeat, Schedule
from tests.conformance.scenario import LOCK_MS, Scenario


async def test_a_job_whose_lock_is_lost_goes_to_the_front(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.claim()
    await scenario.put("b")
    await scenario.pass_time(LOCK_MS + 1)

    assert await scenario.rescue() == ["a"]

    record = await scenario.record("a")
    assert (record.stalled_count, record.attempts_made, record.attempts_started) == (1, 0, 1)
    assert record.deferred_failure is None
    waiting, stalled = (await scenario.events())[-2:]
    assert isinstance(waiting, Waiting)
    assert (waiting.job_id, waiting.prev) == ("a", "active")
    assert isinstance(stalled, Stalled)
    assert stalled.job_id == "a"
    assert await scenario.claim_order() == ["a", "b"]


async def test_a_held_job_stays(scenario: Scenario) -> None:
    await scenario.put("a", "b")
    held, _ = await scenario.claim_many(2)
    await scenario.pass_time(LOCK_MS - 1_000)
    await scenario.store.extend_locks("q", [held.held], LOCK_MS)
    await scenario.pass_time(2_000)

    assert await scenario.rescue() == ["b"]
    assert await scenario.order(State.ACTIVE) == ["a"]


async def test_a_prioritized_job_keeps_its_priority(scenario: Scenario) -> None:
    await scenario.put("a", "b", priority=2)
    await scenario.claim(job_id="a")
    await scenario.put("c", priority=1)
    await scenario.pass_time(LOCK_MS + 1)

    await scenario.rescue()

    assert await scenario.state("a") == State.PRIORITIZED
    assert await scenario.claim_order() == ["c", "a", "b"]


async def test_several_jobs_keep_their_order(scenario: Scenario) -> None:
    names = [f"job-{n}" for n in (5, 3, 9, 1, 7, 2)]
    await scenario.put(*names)
    await scenario.claim_many(3)
    await scenario.claim_many(3)
    await scenario.put("last")
    await scenario.pass_time(LOCK_MS + 1)

    assert sorted(await scenario.rescue()) == sorted(names)

    assert await scenario.claim_order() == [*names, "last"]


async def test_past_the_limit_it_comes_back_to_be_failed(scenario: Scenario) -> None:
    await scenario.put("a")
    for count in (1, 2, 3):
        assert (await scenario.claim(job_id="a")).record.deferred_failure is None
        await scenario.pass_time(LOCK_MS + 1)
        assert await scenario.rescue(max_stalled_count=2) == ["a"]
        assert (await scenario.record("a")).stalled_count == count

    hand = await scenario.claim(job_id="a")
    assert hand.record.deferred_failure == "job stalled more than allowable limit"
    await scenario.fail(hand, hand.record.deferred_failure)
    assert await scenario.state("a") == State.FAILED
    assert (await scenario.record("a")).deferred_failure is None


async def test_within_the_limit_it_just_runs_again(scenario: Scenario) -> None:
    await scenario.put("a")
    for _ in range(3):
        await scenario.lose_lock(await scenario.claim(job_id="a"))

    hand = await scenario.claim(job_id="a")
    assert (hand.record.deferred_failure, hand.record.stalled_count) == (None, 3)
    await scenario.complete(hand)


async def test_a_limit_of_nothing_allows_no_stall(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.claim()
    await scenario.pass_time(LOCK_MS + 1)

    await scenario.rescue(max_stalled_count=0)

    assert (await scenario.record("a")).deferred_failure is not None


async def test_many_checkers_at_once_take_a_job_back_once(scenario: Scenario) -> None:
    await scenario.put(*(f"job-{n}" for n in range(10)))
    await scenario.claim_many(10)
    await scenario.pass_time(LOCK_MS + 1)
    found: list[str] = []
    for _ in range(2):
        await scenario.pass_time(1_000)
        for rescued in await asyncio.gather(
            *(scenario.store.rescue("q", max_stalled_count=3, interval_ms=1_000) for _ in range(8))
        ):
            found += rescued.jobs

    assert sorted(found) == sorted(f"job-{n}" for n in range(10))
    assert {job.record.stalled_count for job in (await scenario.dump())["q"].jobs.values()} == {1}


async def test_a_finished_job_is_not_taken_back(scenario: Scenario) -> None:
    await scenario.put("a", "b")
    one, two = await scenario.claim_many(2)
    await scenario.store.rescue("q", max_stalled_count=3, interval_ms=1_000)
    await scenario.complete(one)
    await scenario.release(two)
    await scenario.pass_time(LOCK_MS + 1)

    assert await scenario.rescue() == []
    assert await scenario.state("a") == State.COMPLETED


async def test_a_job_claimed_anew_after_its_rescue_is_safe(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.lose_lock(await scenario.claim())
    hand = await scenario.claim(job_id="a")

    assert await scenario.rescue() == []
    await scenario.complete(hand)


async def test_a_quiet_queue_has_nothing_to_rescue(scenario: Scenario) -> None:
    assert await scenario.rescue("empty") == []


async def test_a_paused_queue_takes_jobs_back_too(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.claim()
    await scenario.store.pause("q")
    await scenario.pass_time(LOCK_MS + 1)

    assert await scenario.rescue() == ["a"]
    assert await scenario.state("a") == State.WAITING


async def test_a_rescued_job_tells_its_story_once(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.lose_lock(await scenario.claim())
    await scenario.rescue()

    assert await scenario.kinds("a") == [
        EventKind.ADDED, EventKind.WAITING, EventKind.ACTIVE, EventKind.WAITING, EventKind.STALLED,
    ]  # fmt: skip


async def test_the_job_of_a_schedule_is_never_given_up(scenario: Scenario) -> None:
    schedule = Schedule(id="tick", repeat=Repeat(every_ms=3_600_000), name="tock")
    job_id = await scenario.store.put_schedule("q", schedule)
    assert isinstance(job_id, str)
    for _ in range(4):
        hand = await scenario.claim(job_id=job_id)
        assert hand.record.deferred_failure is None
        await scenario.pass_time(LOCK_MS + 1)
        assert await scenario.rescue(max_stalled_count=1) == [job_id]

    await scenario.store.remove_schedule("q", "tick")
    hand = await scenario.claim(job_id=job_id)
    assert hand.record.deferred_failure is None
    await scenario.pass_time(LOCK_MS + 1)
    await scenario.rescue(max_stalled_count=1)

    assert (await scenario.claim(job_id=job_id)).record.deferred_failure is not None
