"""Claiming: whom, in which order, and what is told when there is nothing."""

from __future__ import annotations

import asyncio

from oxherd.domain.events import Active, Waiting
from oxherd.domain.lifecycle import EventKind, State
from tests.conformance.scenario import LOCK_MS, Scenario
from tests.timing import START_MS


async def test_a_claim_marks_the_job_and_answers_it_as_stored(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.pass_time(5)

    (hand,) = await scenario.claim_many(1, worker="wörker 1")

    assert hand.record == await scenario.record("a")
    assert hand.record.processed_on == START_MS + 5
    assert hand.record.processed_by == "wörker 1"
    assert hand.record.attempts_started == 1
    assert hand.record.attempts_made == 0
    assert (await scenario.dump())["q"].jobs["a"].lock == hand.token
    event = (await scenario.events())[-1]
    assert isinstance(event, Active)
    assert (event.job_id, event.prev) == ("a", "waiting")


async def test_a_claimed_job_is_not_claimed_again(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.claim(job_id="a")

    claimed = await scenario.store.claim("q", 1, token="other", lock_ms=LOCK_MS)

    assert claimed.jobs == ()
    assert (claimed.due_in_ms, claimed.retry_after_ms, claimed.paused) == (None, 0, False)


async def test_claims_at_once_never_share_a_job(scenario: Scenario) -> None:
    await scenario.add(*(scenario.job() for _ in range(60)))

    hands = await asyncio.gather(*(scenario.claim_many(7) for _ in range(10)))

    ids = [hand.id for each in hands for hand in each]
    assert len(ids) == len(set(ids)) == 60


async def test_no_more_than_the_limit_is_claimed(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c")

    assert [hand.id for hand in await scenario.claim_many(2)] == ["a", "b"]
    assert [hand.id for hand in await scenario.claim_many(2)] == ["c"]
    assert await scenario.claim_many(2) == []


async def test_a_batch_goes_on_from_waiting_to_prioritized(scenario: Scenario) -> None:
    await scenario.put("low", priority=9)
    await scenario.put("high", priority=1)
    await scenario.put("plain")

    assert [hand.id for hand in await scenario.claim_many(10)] == ["plain", "high", "low"]


async def test_a_queue_gives_only_its_own_jobs(scenario: Scenario) -> None:
    await scenario.put("a", queue="q")
    await scenario.put("b", queue="q2")

    assert await scenario.claim_order("q2") == ["b"]
    assert await scenario.claim_order("empty") == []
    assert await scenario.claim_order("q") == ["a"]


async def test_without_a_job_it_tells_when_the_next_one_is_due(scenario: Scenario) -> None:
    await scenario.put("late", delay=9)
    await scenario.put("soon", delay=2)

    claimed = await scenario.store.claim("q", 1, token="t", lock_ms=LOCK_MS)

    assert claimed.jobs == ()
    assert claimed.due_in_ms == 2_000
    await scenario.pass_time(500)
    claimed = await scenario.store.claim("q", 1, token="t", lock_ms=LOCK_MS)
    assert claimed.due_in_ms == 1_500


async def test_a_due_job_is_promoted_and_claimed(scenario: Scenario) -> None:
    await scenario.put("a", delay=2)
    await scenario.pass_time(1_999)
    assert await scenario.claim_many(1) == []

    await scenario.pass_time(1)

    hand = await scenario.claim(job_id="a")
    assert hand.record.delay == 0
    assert await scenario.kinds("a") == [
        EventKind.ADDED, EventKind.DELAYED, EventKind.WAITING, EventKind.ACTIVE,
    ]  # fmt: skip
    (promoted,) = [each for each in await scenario.events() if isinstance(each, Waiting)]
    assert promoted.prev == "delayed"


async def test_a_due_job_queues_up_behind_those_that_wait(scenario: Scenario) -> None:
    await scenario.put("due", delay=1)
    await scenario.put("due-lifo", delay=1, lifo=True)
    await scenario.put("first")
    await scenario.pass_time(1_000)

    assert await scenario.claim_order() == ["first", "due", "due-lifo"]


async def test_due_jobs_come_by_their_time(scenario: Scenario) -> None:
    await scenario.put("c", delay=3)
    await scenario.put("a", delay=1)
    await scenario.put("b", delay=2)
    await scenario.pass_time(10_000)

    assert await scenario.claim_order() == ["a", "b", "c"]


async def test_a_paused_queue_gives_nothing_and_says_so(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.store.pause("q")

    claimed = await scenario.store.claim("q", 1, token="t", lock_ms=LOCK_MS)

    assert (claimed.jobs, claimed.paused) == ((), True)
    assert await scenario.order(State.WAITING) == ["a"]


async def test_due_jobs_are_promoted_even_when_the_queue_is_paused(scenario: Scenario) -> None:
    await scenario.put("a", delay=1)
    await scenario.store.pause("q")
    await scenario.pass_time(1_000)

    assert await scenario.claim_many(1) == []
    assert await scenario.state("a") == State.WAITING


async def test_a_worker_without_a_name_is_none(scenario: Scenario) -> None:
    await scenario.put("a")

    assert (await scenario.claim(job_id="a")).record.processed_by is None


async def test_each_start_is_counted(scenario: Scenario) -> None:
    await scenario.put("a")
    for started in (1, 2, 3):
        hand = await scenario.claim(job_id="a")
        assert hand.record.attempts_started == started
        await scenario.release(hand)


async def test_a_child_is_claimed_with_its_edges(scenario: Scenario) -> None:
    await scenario.put("one", "two", queue="above")
    edges = (scenario.edge("one", queue="above"), scenario.edge("two", queue="above"))
    await scenario.add(scenario.job("child", parents=edges))

    assert (await scenario.claim(job_id="child")).record.parents == edges


async def test_an_id_without_a_record_is_dropped(scenario: Scenario) -> None:
    scenario.damaged = True
    await scenario.put("a", "ghost", "b")
    await scenario.probe.vanish("q", "ghost")

    assert await scenario.claim_order() == ["a", "b"]
    assert await scenario.claim_order() == []
    assert (await scenario.store.counts("q"))[State.WAITING] == 0
    assert await scenario.state("ghost") is None
