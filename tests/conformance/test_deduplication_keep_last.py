"""Deduplication: the newest job that was dropped while the owner ran follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oxherd.domain.deduplication import Deduplication
from oxherd.domain.events import Deduplicated, Drained, JobEvent
from oxherd.domain.keep import KEEP_ALL, KEEP_NONE, Keep
from oxherd.domain.lifecycle import EventKind, State
from tests.conformance.scenario import node

if TYPE_CHECKING:
    from oxherd.domain.record import Added
    from tests.conformance.scenario import Hand, Scenario

KEEPING = Deduplication("d", keep_last_if_active=True)


async def add(
    scenario: Scenario, job_id: str, mode: Deduplication = KEEPING, **options: Any
) -> Added:
    (added,) = await scenario.add(scenario.job(job_id, deduplication=mode, **options))
    return added


async def start(scenario: Scenario, mode: Deduplication = KEEPING, **options: Any) -> Hand:
    """The owner, running."""
    await add(scenario, "owner", mode, **options)
    return await scenario.claim(job_id="owner")


async def keep(
    scenario: Scenario, job_id: str, mode: Deduplication = KEEPING, **options: Any
) -> None:
    """Drop a job while the owner runs."""
    added = await add(scenario, job_id, mode, **options)
    assert (added.id, added.deduplicated) == ("owner", True)
    assert await scenario.state(job_id) is None
    event = (await scenario.events())[-1]
    assert isinstance(event, Deduplicated)
    assert (event.job_id, event.deduplicated_job_id) == ("owner", job_id)


@pytest.mark.parametrize("keep_job", [KEEP_ALL, KEEP_NONE])
async def test_the_dropped_job_follows_a_completed_owner(
    scenario: Scenario, keep_job: Keep
) -> None:
    hand = await start(scenario)
    await keep(scenario, "next", name="other", data="[2]", attempts=4, remove_on_fail=True)
    await scenario.pass_time(7_000)

    await scenario.complete(hand, keep=keep_job)

    record = await scenario.record("next")
    assert (record.name, record.data) == ("other", "[2]")
    assert (record.options.attempts, record.options.deduplication) == (4, KEEPING)
    assert record.options.remove_on_fail == KEEP_NONE
    assert record.timestamp == scenario.clock.now_ms
    assert record.deduplication_id == "d"
    assert await scenario.owner() == "next"
    told = [
        (event.job_id, event.kind)
        for event in await scenario.events()
        if isinstance(event, JobEvent)
    ]
    assert told[-3:] == [
        ("next", EventKind.ADDED),
        ("next", EventKind.WAITING),
        ("owner", EventKind.COMPLETED),
    ]
    assert not [event for event in await scenario.events() if isinstance(event, Drained)]
    await scenario.run("next")
    assert await scenario.owner() is None
    assert (await scenario.store.counts("q"))[State.WAITING] == 0


async def test_it_follows_an_owner_that_failed_for_good(scenario: Scenario) -> None:
    hand = await start(scenario, attempts=2)
    await keep(scenario, "next")

    await scenario.retry(hand)
    assert await scenario.state("next") is None
    await scenario.fail(await scenario.claim(job_id="owner"))

    assert await scenario.state("next") is State.WAITING
    await scenario.run("next")


async def test_the_newest_one_follows_alone(scenario: Scenario) -> None:
    hand = await start(scenario)
    await keep(scenario, "job-0", data="[0]", priority=3)
    for n in (1, 2):
        await keep(scenario, f"job-{n}", data=f"[{n}]")

    await scenario.complete(hand)

    assert await scenario.claim_order() == ["job-2"]
    assert (await scenario.record("job-2")).data == "[2]"


@pytest.mark.parametrize(
    ("options", "state"),
    [
        ({}, State.WAITING),
        ({"priority": 3}, State.PRIORITIZED),
        ({"delay": 60}, State.DELAYED),
        ({"delay": 60, "priority": 3}, State.DELAYED),
    ],
)
async def test_it_goes_where_it_would_be_added(
    scenario: Scenario, options: dict[str, Any], state: State
) -> None:
    hand = await start(scenario)
    await keep(scenario, "next", **options)
    await scenario.pass_time(10_000)

    await scenario.complete(hand)

    assert await scenario.state("next") is state
    if state is State.DELAYED:
        claimed = await scenario.store.claim("q", 1, token="t", lock_ms=1_000)
        assert claimed.due_in_ms == 60_000


async def test_lifo_puts_it_in_front(scenario: Scenario) -> None:
    hand = await start(scenario)
    await scenario.put("other")
    await keep(scenario, "next", lifo=True)

    await scenario.complete(hand)

    assert await scenario.claim_order() == ["next", "other"]


@pytest.mark.parametrize("state", [State.WAITING, State.PRIORITIZED, State.DELAYED])
async def test_nothing_is_kept_while_the_owner_does_not_run(
    scenario: Scenario, state: State
) -> None:
    await scenario.job_in(state, "owner", deduplication=KEEPING)
    added = await add(scenario, "second")
    assert (added.id, added.deduplicated) == ("owner", True)
    await scenario.pass_time(60_000)

    await scenario.run("owner")

    assert await scenario.state("second") is None
    assert await scenario.owner() is None


async def test_one_who_does_not_ask_for_it_is_not_kept(scenario: Scenario) -> None:
    hand = await start(scenario)
    await keep(scenario, "kept")
    await keep(scenario, "dropped", Deduplication("d"))

    await scenario.complete(hand)

    assert await scenario.claim_order() == ["kept"]


async def test_a_kept_job_waits_through_all_attempts_of_the_owner(scenario: Scenario) -> None:
    hand = await start(scenario)
    await keep(scenario, "next")

    await scenario.release(hand)
    await scenario.postpone(await scenario.claim(job_id="owner"), 1_000)
    await scenario.pass_time(1_000)
    await scenario.lose_lock(await scenario.claim(job_id="owner"))
    assert await scenario.state("next") is None
    await scenario.run("owner")

    await scenario.run("next")


async def test_a_kept_job_goes_with_its_owner(scenario: Scenario) -> None:
    hand = await start(scenario)
    await keep(scenario, "next")
    await scenario.release(hand)

    await scenario.remove("owner")

    assert await scenario.owner() is None
    await add(scenario, "another")
    await scenario.run("another")
    assert await scenario.state("next") is None


async def test_the_time_to_live_does_not_count(scenario: Scenario) -> None:
    mode = Deduplication("d", ttl=5, keep_last_if_active=True)
    hand = await start(scenario, mode)
    await scenario.pass_time(10_000)
    await keep(scenario, "next", mode)
    await scenario.pass_time(10_000)
    assert await scenario.owner() == "owner"

    await scenario.complete(hand)

    assert await scenario.owner() == "next"
    await scenario.pass_time(10_000)
    assert await scenario.owner() == "next"
    await scenario.run("next")
    assert await scenario.owner() is None


async def test_a_kept_job_makes_the_owner_own_the_id_until_its_end(scenario: Scenario) -> None:
    hand = await start(scenario, Deduplication("d", ttl=5))
    await keep(scenario, "next")
    await scenario.pass_time(10_000)
    assert await scenario.owner() == "owner"

    await scenario.complete(hand)

    await scenario.run("next")


async def test_a_kept_job_is_an_owner_like_any_other(scenario: Scenario) -> None:
    hand = await start(scenario)
    await keep(scenario, "second")
    await scenario.complete(hand)
    hand = await scenario.claim(job_id="second")
    added = await add(scenario, "third")
    assert (added.id, added.deduplicated) == ("second", True)

    await scenario.complete(hand)

    await scenario.run("third")
    await add(scenario, "fourth")
    await scenario.run("fourth")


async def test_a_replaced_owner_takes_its_kept_job_along(scenario: Scenario) -> None:
    hand = await start(scenario)
    await keep(scenario, "kept")
    await scenario.retry(hand, 5_000)

    added = await add(scenario, "new", Deduplication("d", replace=True))

    assert (added.id, added.deduplicated) == ("new", False)
    await scenario.run("new")
    assert await scenario.state("kept") is None
    assert await scenario.owner() is None


async def test_with_replace_the_newest_one_is_kept_while_the_owner_runs(scenario: Scenario) -> None:
    mode = Deduplication("d", replace=True, keep_last_if_active=True)
    hand = await start(scenario, mode)
    await keep(scenario, "next", mode)

    await scenario.complete(hand)

    await scenario.run("next")


async def test_a_job_that_was_added_meanwhile_is_not_added_again(scenario: Scenario) -> None:
    hand = await start(scenario)
    await keep(scenario, "next", data="[1]")
    await scenario.put("next", data="[2]")

    await scenario.complete(hand)

    assert (await scenario.record("next")).data == "[2]"
    assert await scenario.kinds("next") == [
        EventKind.ADDED, EventKind.WAITING, EventKind.DUPLICATED,
    ]  # fmt: skip
    assert await scenario.owner() is None
    assert await scenario.claim_order() == ["next"]


async def test_the_end_of_a_former_owner_brings_nothing(scenario: Scenario) -> None:
    await add(scenario, "former", Deduplication("d", ttl=5))
    former = await scenario.claim()
    await scenario.pass_time(6_000)
    hand = await start(scenario)
    await keep(scenario, "next")

    await scenario.complete(former)

    assert await scenario.state("next") is None
    assert await scenario.owner() == "owner"
    await scenario.complete(hand)
    await scenario.run("next")


async def test_a_kept_job_follows_although_the_id_was_freed(scenario: Scenario) -> None:
    hand = await start(scenario)
    await keep(scenario, "next")
    assert await scenario.store.remove_deduplication_key("q", "d")

    await scenario.complete(hand)

    assert await scenario.owner() == "next"
    await scenario.run("next")


async def test_the_call_sent_again_brings_nothing_twice(scenario: Scenario) -> None:
    hand = await start(scenario)
    await keep(scenario, "next")
    await scenario.complete(hand)
    before = await scenario.dump()

    await scenario.complete(hand)

    assert await scenario.dump() == before


async def test_several_owners_end_in_one_call(scenario: Scenario) -> None:
    modes = [Deduplication(f"d{n}", keep_last_if_active=True) for n in range(3)]
    for n, mode in enumerate(modes):
        await add(scenario, f"owner-{n}", mode)
    hands = await scenario.claim_many(3)
    for n, mode in enumerate(modes[:2]):
        await add(scenario, f"next-{n}", mode)

    answers = await scenario.store.complete("q", [hand.completion() for hand in hands])

    assert answers == [None, None, None]
    assert await scenario.claim_order() == ["next-0", "next-1"]


async def test_the_job_that_follows_comes_after_its_parents_other_children(
    scenario: Scenario,
) -> None:
    await scenario.flow(node("top", *(node(child, queue="p") for child in "yz")))
    hand = await start(scenario)
    await keep(scenario, "next", parents=(scenario.edge("top"),))
    await scenario.add(scenario.job("late", queue="p", parents=(scenario.edge("top"),)))

    await scenario.complete(hand)

    assert list(await scenario.children("top")) == ["y", "z", "late", "next"]
