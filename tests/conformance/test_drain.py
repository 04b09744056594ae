"""Removing everything that is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oxherd.domain.lifecycle import EventKind, State
from oxherd.domain.record import ChildStatus
from tests.conformance.everywhere import everywhere, named
from tests.conformance.scenario import Scenario, node
from tests.conformance.schedules import put, schedule

if TYPE_CHECKING:
    from tests.timing import FakeClock


@pytest.fixture(autouse=True)
def _swept(scenario: Scenario) -> None:
    scenario.swept = True


@pytest.mark.parametrize("delayed", [False, True])
async def test_ready_jobs_go_and_the_others_stay(scenario: Scenario, *, delayed: bool) -> None:
    await everywhere(scenario)

    await scenario.store.drain("q", delayed=delayed)

    gone = {State.WAITING, State.PRIORITIZED} | ({State.DELAYED} if delayed else set())
    counts = await scenario.store.counts("q")
    assert counts == {state: int(state not in gone) for state in State}
    for state in gone:
        assert await scenario.state(named(state)) is None


async def test_it_writes_no_event(scenario: Scenario) -> None:
    await scenario.put("a", "b")
    before = await scenario.events()

    await scenario.store.drain("q")

    assert await scenario.events() == before


async def test_nothing_of_them_is_left(scenario: Scenario) -> None:
    await scenario.put("a", "b", delay=60)
    await scenario.put("c", priority=2)
    await scenario.store.append_log("q", "a", ["line"])

    await scenario.store.drain("q", delayed=True)

    assert await scenario.probe.leftovers() == []


async def test_a_paused_queue_is_drained_and_stays_paused(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.store.pause("q")

    await scenario.store.drain("q")

    assert await scenario.state("a") is None
    assert await scenario.store.is_paused("q") is True


async def test_other_queues_keep_theirs(scenario: Scenario) -> None:
    await scenario.put("a", queue="other")

    await scenario.store.drain("q")

    assert await scenario.state("a", "other") == State.WAITING


async def test_a_parent_elsewhere_forgets_its_child(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a", queue="below"), node("b", queue="below"), priority=4))
    await scenario.run("a", result="1", queue="below")

    await scenario.store.drain("below")

    assert await scenario.state("top") == State.PRIORITIZED
    assert (await scenario.kinds("top"))[-1] == EventKind.WAITING
    (link,) = (await scenario.children("top")).values()
    assert (link.status, link.value) == (ChildStatus.PROCESSED, "1")


async def test_a_parent_that_it_releases_into_the_same_queue_goes_too(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("mid", node("leaf"))))

    await scenario.store.drain("q")

    assert await scenario.store.states("q", ["top", "mid", "leaf"]) == [None, None, None]
    assert await scenario.probe.leftovers() == []


async def test_children_forget_a_parent_that_goes(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a", queue="below")))
    await scenario.run("a", queue="below")

    await scenario.store.drain("q")

    assert (await scenario.record("a", "below")).parents == ()


@pytest.mark.parametrize("delayed", [False, True])
async def test_the_next_jobs_of_schedules_stay(
    scenario: Scenario, clock: FakeClock, *, delayed: bool
) -> None:
    ready = await put(scenario, schedule("ready"))
    urgent = await put(scenario, schedule("urgent", priority=3))
    later = await put(scenario, schedule("later", start_ms=clock.now_ms + 5_000))
    await scenario.put("a", "b")
    await scenario.put("c", priority=1)
    await scenario.put("d", delay=1)

    await scenario.store.drain("q", delayed=delayed)

    left = [State.WAITING, State.PRIORITIZED, State.DELAYED]
    assert await scenario.store.states("q", [ready, urgent, later]) == left
    assert await scenario.claim_order() == [ready, urgent]
    assert await scenario.state("d") == (None if delayed else State.DELAYED)


async def test_many_go(scenario: Scenario) -> None:
    kept = await put(scenario, schedule())
    await scenario.add(*(scenario.job(f"a{number:04}") for number in range(2_300)))
    await scenario.add(*(scenario.job(f"b{number:04}", priority=7) for number in range(1_300)))

    await scenario.store.drain("q")

    assert await scenario.order(State.WAITING) == [kept]
    assert await scenario.order(State.PRIORITIZED) == []


async def test_an_empty_queue(scenario: Scenario) -> None:
    await scenario.store.drain("q", delayed=True)

    assert await scenario.store.counts("q") == dict.fromkeys(State, 0)
