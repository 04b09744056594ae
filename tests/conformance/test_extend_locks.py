"""Holding jobs for longer, from the loop and from a thread."""

from __future__ import annotations

import asyncio

from oxherd.domain.errors import JobNotFound, LockLost
from oxherd.domain.lifecycle import State
from oxherd.domain.outcome import Held
from tests.conformance.scenario import LOCK_MS, Scenario


async def test_a_renewed_lock_outlives_its_first_time(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    for _ in range(4):
        await scenario.pass_time(LOCK_MS - 5_000)
        assert await scenario.store.extend_locks("q", [hand.held], LOCK_MS) == [None]

    assert await scenario.rescue() == []
    await scenario.complete(hand)


async def test_it_counts_from_now(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()

    await scenario.store.extend_locks("q", [hand.held], 10_000)

    await scenario.pass_time(10_001)
    assert await scenario.rescue() == ["a"]


async def test_nothing_but_the_lock_changes(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    before = await scenario.dump()

    await scenario.store.extend_locks("q", [hand.held], LOCK_MS)

    assert await scenario.dump() == before


async def test_each_item_is_judged_alone(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c", "w")
    one, two, three = await scenario.claim_many(3)

    answers = await scenario.store.extend_locks(
        "q",
        [one.held, two.stolen().held, Held("nobody", "t"), three.held, Held("w", "t")],
        LOCK_MS,
    )

    assert [type(answer) for answer in answers] == [
        type(None), LockLost, JobNotFound, type(None), LockLost,
    ]  # fmt: skip


async def test_a_lock_that_ran_out_is_not_renewed(scenario: Scenario) -> None:
    await scenario.put("a")
    hand = await scenario.claim()
    await scenario.pass_time(LOCK_MS + 1)

    (answer,) = await scenario.store.extend_locks("q", [hand.held], LOCK_MS)

    assert type(answer) is LockLost
    assert await scenario.rescue() == ["a"]


async def test_a_zombie_does_not_renew_the_owners_lock(scenario: Scenario) -> None:
    await scenario.put("a")
    zombie = await scenario.claim()
    await scenario.lose_lock(zombie)
    await scenario.claim(job_id="a")

    (answer,) = await scenario.store.extend_locks("q", [zombie.held], LOCK_MS * 100)

    assert type(answer) is LockLost
    await scenario.pass_time(LOCK_MS + 1)
    assert await scenario.rescue() == ["a"]


async def test_a_finished_job_has_no_lock_to_renew(scenario: Scenario) -> None:
    hand = await scenario.job_in(State.COMPLETED)
    assert hand is not None

    (answer,) = await scenario.store.extend_locks("q", [hand.held], LOCK_MS)

    assert type(answer) is LockLost


async def test_a_keeper_renews_from_its_own_thread(scenario: Scenario) -> None:
    await scenario.put("a", "b")
    one, two = await scenario.claim_many(2)
    keeper = scenario.store.lock_keeper()
    await scenario.pass_time(LOCK_MS - 5_000)

    answers = await asyncio.to_thread(
        keeper.extend_locks, "q", [one.held, two.stolen().held, Held("nobody", "t")], LOCK_MS
    )
    await asyncio.to_thread(keeper.close)

    assert answers == [True, False, False]
    await scenario.pass_time(LOCK_MS - 5_000)
    assert await scenario.rescue() == ["b"]
    await scenario.complete(one)
