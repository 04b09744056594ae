"""Removing a queue with all that it has."""

from __future__ import annotations

import pytest

from oxherd.domain.deduplication import Deduplication
from oxherd.domain.errors import JobNotFound, WrongState
from oxherd.domain.lifecycle import EventKind, State
from oxherd.domain.rate_limit import RateLimit
from oxherd.store import Limits
from tests.conformance.everywhere import everywhere, named
from tests.conformance.scenario import Scenario, node
from tests.conformance.schedules import put, run, schedule


async def obliterate(scenario: Scenario, *, force: bool = False) -> None:
    # No event is left that could say what became of the jobs.
    scenario.trimmed = True
    await scenario.store.obliterate("q", force=force)


async def test_nothing_is_left(scenario: Scenario) -> None:
    hand = await everywhere(scenario)
    await scenario.complete(hand)
    await scenario.store.append_log("q", named(State.DELAYED), ["line"])
    await scenario.put("alike", deduplication=Deduplication("alike"))
    await scenario.put("rare", deduplication=Deduplication("rare", ttl=60))
    await put(scenario, schedule())
    await put(scenario, schedule("cron", pattern="0 0 1 1 *"))
    await scenario.store.limit_concurrency("q", 5)
    await scenario.store.limit_rate("q", RateLimit(5, 60))
    await scenario.store.hold("q", 60_000)

    await obliterate(scenario)

    assert await scenario.store.queues() == ["below"]
    assert await scenario.events() == ()
    assert await scenario.store.limits("q") == Limits()
    assert await scenario.store.count_schedules("q") == 0
    for name in ("alike", "rare"):
        assert await scenario.store.deduplication_job_id("q", name) is None
    await scenario.store.remove("below", [f"{named(State.WAITING_CHILDREN)}-child"], children=False)
    assert await scenario.probe.leftovers() == []


async def test_a_new_queue_of_the_name_begins_anew(scenario: Scenario) -> None:
    await scenario.put("a", "b")
    await run_all(scenario)

    await obliterate(scenario)

    assert await scenario.store.is_paused("q") is False
    await scenario.put("a")
    await scenario.run("a")
    assert await scenario.kinds("a") == [
        EventKind.ADDED, EventKind.WAITING, EventKind.ACTIVE, EventKind.COMPLETED,
    ]  # fmt: skip


async def run_all(scenario: Scenario) -> None:
    for hand in await scenario.claim_many(10):
        await scenario.complete(hand)


async def test_with_an_active_job_it_is_refused_and_the_queue_stays_paused(
    scenario: Scenario,
) -> None:
    hand = await everywhere(scenario)
    before = (await scenario.dump())["q"]

    with pytest.raises(WrongState) as caught:
        await scenario.store.obliterate("q")

    assert (caught.value.job_id, caught.value.queue) == (hand.id, "q")
    assert caught.value.state == State.ACTIVE
    assert await scenario.store.is_paused("q") is True
    after = (await scenario.dump())["q"]
    assert (after.jobs, after.order) == (before.jobs, before.order)
    assert [each.kind for each in after.events[len(before.events) :]] == [EventKind.PAUSED]
    await scenario.complete(hand)


async def test_with_force_active_jobs_go_too(scenario: Scenario) -> None:
    hand = await everywhere(scenario)

    await obliterate(scenario, force=True)

    assert await scenario.store.queues() == ["below"]
    assert await scenario.probe.locks() == {}
    (answer,) = await scenario.store.complete("q", [hand.completion()])
    assert isinstance(answer, JobNotFound)


async def test_parents_elsewhere_forget_their_children(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a"), node("b"), queue="above"))
    await scenario.run("a", result="1")

    await obliterate(scenario)

    assert await scenario.state("top", "above") == State.WAITING
    assert (await scenario.kinds("top", "above"))[-1] == EventKind.WAITING
    (link,) = (await scenario.children("top", "above")).values()
    assert link.value == "1"


async def test_children_elsewhere_forget_their_parents(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a", queue="below")))

    await obliterate(scenario)

    assert (await scenario.record("a", "below")).parents == ()
    await scenario.run("a", queue="below")


async def test_a_flow_within_the_queue_goes_as_a_whole(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("mid", node("leaf")), node("other")))

    await obliterate(scenario)

    assert await scenario.store.queues() == []
    assert await scenario.probe.leftovers() == []


async def test_other_queues_stay(scenario: Scenario) -> None:
    await scenario.put("a", queue="other")
    await scenario.put("a")
    before = (await scenario.dump())["other"]

    await obliterate(scenario)

    assert (await scenario.dump())["other"] == before


async def test_many_go(scenario: Scenario) -> None:
    await scenario.add(*(scenario.job(f"a{number:04}") for number in range(2_300)))
    await scenario.add(*(scenario.job(f"b{number:04}", delay=60) for number in range(1_300)))

    await obliterate(scenario)

    assert await scenario.probe.leftovers() == []


async def test_again_there_is_nothing_to_do(scenario: Scenario) -> None:
    await put(scenario, schedule())
    await run(scenario)
    await obliterate(scenario)
    await obliterate(scenario)

    assert await scenario.store.queues() == []
