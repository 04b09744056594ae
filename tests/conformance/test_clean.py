"""Removing old jobs of one state."""

from __future__ import annotations

from typing import Any

import pytest

from oxherd.domain.events import Cleaned
from oxherd.domain.lifecycle import EventKind, State
from tests.conformance.everywhere import everywhere, named
from tests.conformance.scenario import LOCK_MS, Scenario, node
from tests.conformance.schedules import put, run, schedule


@pytest.fixture(autouse=True)
def _swept(scenario: Scenario) -> None:
    scenario.swept = True


async def clean(scenario: Scenario, state: State, grace_ms: int = 0, limit: int = 0) -> list[str]:
    return await scenario.store.clean("q", state, grace_ms=grace_ms, limit=limit)


@pytest.mark.parametrize("state", [each for each in State if each is not State.ACTIVE])
async def test_all_of_one_state_go(scenario: Scenario, state: State) -> None:
    await everywhere(scenario)

    assert await clean(scenario, state) == [named(state)]

    counts = await scenario.store.counts("q")
    assert counts == {each: int(each is not state) for each in State}
    event = (await scenario.events())[-1]
    assert isinstance(event, Cleaned)
    assert event.count == 1


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED])
async def test_what_ended_is_as_old_as_its_end(scenario: Scenario, state: State) -> None:
    await scenario.put("a", "b")
    hands = await scenario.claim_many(2)
    for hand in hands:
        await scenario.pass_time(1_000)
        await (scenario.complete(hand) if state is State.COMPLETED else scenario.fail(hand))
    await scenario.pass_time(500)

    assert await clean(scenario, state, 1_501) == []
    assert await clean(scenario, state, 1_500) == ["a"]
    assert await clean(scenario, state, 500) == ["b"]


@pytest.mark.parametrize("options", [{}, {"priority": 3}, {"delay": 60}])
async def test_what_never_ran_is_as_old_as_its_adding(
    scenario: Scenario, options: dict[str, Any]
) -> None:
    await scenario.put("a", **options)
    await scenario.pass_time(1_000)
    await scenario.put("b", **options)
    state = await scenario.state("a")
    assert state is not None

    assert await clean(scenario, state, 1_001) == []
    assert await clean(scenario, state, 1_000) == ["a"]
    assert await scenario.order(state) == ["b"]


async def test_what_ran_is_as_old_as_its_last_claim(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.pass_time(5_000)
    await scenario.retry(await scenario.claim())
    await scenario.pass_time(1_000)

    assert await clean(scenario, State.WAITING, 1_001) == []
    assert await clean(scenario, State.WAITING, 1_000) == ["a"]


@pytest.mark.parametrize(
    ("state", "options"),
    [
        (State.WAITING, ({}, {"lifo": True}, {})),
        (State.PRIORITIZED, ({"priority": 9}, {"priority": 1}, {"priority": 5})),
        (State.DELAYED, ({"delay": 90}, {"delay": 10}, {"delay": 50})),
    ],
)
async def test_the_oldest_go_first(
    scenario: Scenario, state: State, options: tuple[dict[str, Any], ...]
) -> None:
    for name, given in zip("abc", options, strict=True):
        await scenario.put(name, **given)
        await scenario.pass_time(10)

    assert await clean(scenario, state, limit=2) == ["a", "b"]
    assert await scenario.order(state) == ["c"]
    assert await clean(scenario, state, limit=2) == ["c"]
    assert await clean(scenario, state, limit=2) == []


async def test_each_call_is_told_once(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c")

    await clean(scenario, State.WAITING, limit=2)
    await clean(scenario, State.COMPLETED)
    await clean(scenario, State.WAITING)

    told = [each.count for each in await scenario.events() if isinstance(each, Cleaned)]
    assert told == [2, 0, 1]
    assert EventKind.REMOVED not in [each.kind for each in await scenario.events()]


async def test_locked_jobs_stay_and_are_passed_over(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c")
    held, *_ = [await scenario.claim() for _ in range(3)]
    await scenario.pass_time(LOCK_MS - 1_000)
    assert await scenario.store.extend_locks("q", [held.held], LOCK_MS) == [None]
    assert await clean(scenario, State.ACTIVE) == []
    await scenario.pass_time(1_001)

    assert await clean(scenario, State.ACTIVE, limit=1) == ["b"]
    assert await clean(scenario, State.ACTIVE) == ["c"]

    assert await scenario.order(State.ACTIVE) == ["a"]
    await scenario.complete(held)


async def test_nothing_of_them_is_left(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.store.append_log("q", "a", ["line"])
    await scenario.run("a")

    await clean(scenario, State.COMPLETED)

    assert await scenario.probe.leftovers() == []


async def test_a_parent_forgets_its_child(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a"), queue="above"))

    assert await clean(scenario, State.WAITING) == ["a"]

    assert await scenario.state("top", "above") == State.WAITING
    assert await scenario.children("top", "above") == {}


async def test_what_a_child_gave_stays_with_its_parent(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a"), node("b"), queue="above"))
    await scenario.run("a", result="1")

    assert await clean(scenario, State.COMPLETED) == ["a"]

    assert (await scenario.children("top", "above"))["a"].value == "1"


async def test_children_forget_a_parent_that_goes(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a", queue="below")))

    assert await clean(scenario, State.WAITING_CHILDREN) == ["top"]

    assert (await scenario.record("a", "below")).parents == ()
    await scenario.run("a", queue="below")


async def test_the_next_job_of_a_schedule_stays(scenario: Scenario) -> None:
    kept = await put(scenario, schedule())
    await scenario.put("a")

    assert await clean(scenario, State.WAITING) == ["a"]

    assert await run(scenario) is not None
    assert await clean(scenario, State.COMPLETED) == [kept]
    assert await clean(scenario, State.DELAYED) == []


async def test_the_last_job_of_a_schedule_goes(scenario: Scenario) -> None:
    last = await put(scenario, schedule(limit=1))
    assert await run(scenario) is None

    assert await clean(scenario, State.COMPLETED) == [last]


async def test_many_go(scenario: Scenario) -> None:
    names = [f"a{number:04}" for number in range(2_300)]
    await scenario.add(*(scenario.job(name) for name in names))

    assert await clean(scenario, State.WAITING, limit=1_100) == names[:1_100]
    assert await clean(scenario, State.WAITING) == names[1_100:]

    told = [each.count for each in await scenario.events() if isinstance(each, Cleaned)]
    assert told == [1_100, 1_200]
