"""How many jobs ended, counted minute by minute where a worker asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oxherd.domain.keep import KEEP_ALL, KEEP_NONE, Keep
from oxherd.domain.lifecycle import FINISHED, State
from oxherd.store import Metrics
from tests.timing import START_MS

if TYPE_CHECKING:
    from tests.conformance.scenario import Hand, Scenario

MINUTE_MS = 60_000
NOTHING = Metrics(count=0, previous_ms=0, previous_count=0, points=(), total=0)


async def end(
    scenario: Scenario, *hands: Hand, state: State, metrics: int = 100, keep: Keep = KEEP_ALL
) -> None:
    if state is State.COMPLETED:
        answers = await scenario.store.complete(
            "q", [hand.completion(keep=keep) for hand in hands], metrics=metrics
        )
    else:
        answers = await scenario.store.fail(
            "q", [hand.failure(keep=keep) for hand in hands], metrics=metrics
        )
    assert answers == [None] * len(hands)


async def end_new(
    scenario: Scenario,
    count: int = 1,
    *,
    state: State = State.COMPLETED,
    metrics: int = 100,
    keep: Keep = KEEP_ALL,
) -> None:
    """Add some jobs and end them, in one call."""
    await scenario.add(*(scenario.job() for _ in range(count)))
    hands = await scenario.claim_many(count)
    await end(scenario, *hands, state=state, metrics=metrics, keep=keep)


async def test_without_asking_nothing_is_counted(scenario: Scenario) -> None:
    for state in sorted(FINISHED):
        await end_new(scenario, 3, state=state, metrics=0)

        assert await scenario.store.metrics("q", state) == NOTHING


async def test_a_queue_that_never_was_has_none(scenario: Scenario) -> None:
    assert await scenario.store.metrics("nowhere", State.COMPLETED) == NOTHING


@pytest.mark.parametrize("state", sorted(FINISHED))
async def test_what_ended_is_counted_by_how_it_ended(scenario: Scenario, state: State) -> None:
    await end_new(scenario, 3, state=state)

    (other,) = FINISHED - {state}
    assert await scenario.store.metrics("q", state) == Metrics(3, START_MS, 0, (), 0)
    assert await scenario.store.metrics("q", other) == NOTHING
    assert await scenario.store.metrics("q2", state) == NOTHING


async def test_a_minute_makes_a_point_when_a_job_ends_after_it(scenario: Scenario) -> None:
    await end_new(scenario, 3)
    await scenario.pass_time(MINUTE_MS - 1)
    await end_new(scenario, 4)
    assert await scenario.store.metrics("q", State.COMPLETED) == Metrics(7, START_MS, 0, (), 0)

    await scenario.pass_time(1)
    await end_new(scenario, 2)

    assert await scenario.store.metrics("q", State.COMPLETED) == Metrics(
        9, START_MS + MINUTE_MS, 7, (7,), 1
    )
    await scenario.pass_time(MINUTE_MS)
    await end_new(scenario)
    assert (await scenario.store.metrics("q", State.COMPLETED)).points == (2, 7)


async def test_minutes_are_those_of_the_clock(scenario: Scenario) -> None:
    await scenario.pass_time(MINUTE_MS - 1)
    await end_new(scenario)
    await scenario.pass_time(1)
    await end_new(scenario)

    found = await scenario.store.metrics("q", State.COMPLETED)
    assert (found.points, found.previous_ms) == ((1,), START_MS + MINUTE_MS)


async def test_minutes_in_which_none_ended_are_there(scenario: Scenario) -> None:
    await end_new(scenario, 5)
    await scenario.pass_time(4 * MINUTE_MS)
    await end_new(scenario)

    found = await scenario.store.metrics("q", State.COMPLETED)
    assert (found.points, found.total) == ((0, 0, 0, 5), 4)
    assert (found.count, found.previous_count) == (6, 5)


async def test_so_many_points_are_kept_as_are_asked_for(scenario: Scenario) -> None:
    for count in range(1, 6):
        await end_new(scenario, count, metrics=3)
        await scenario.pass_time(MINUTE_MS)
    await end_new(scenario, metrics=3)

    found = await scenario.store.metrics("q", State.COMPLETED)
    assert (found.points, found.total, found.count) == ((5, 4, 3), 3, 16)
    await scenario.pass_time(MINUTE_MS)
    await end_new(scenario, metrics=2)
    assert (await scenario.store.metrics("q", State.COMPLETED)).points == (1, 5)


async def test_after_a_long_silence_no_more_than_those_are_made(scenario: Scenario) -> None:
    await end_new(scenario, 2, metrics=3)
    await scenario.pass_time(1_000 * MINUTE_MS)
    await end_new(scenario, metrics=3)

    found = await scenario.store.metrics("q", State.COMPLETED)
    assert (found.points, found.total) == ((0, 0, 2), 3)


async def test_some_points_of_them(scenario: Scenario) -> None:
    for count in range(1, 6):
        await end_new(scenario, count)
        await scenario.pass_time(MINUTE_MS)
    await end_new(scenario)

    for start, stop, points in (
        (0, -1, (5, 4, 3, 2, 1)), (0, 1, (5, 4)), (2, 2, (3,)), (-2, -1, (2, 1)), (5, 9, ()),
    ):  # fmt: skip
        found = await scenario.store.metrics("q", State.COMPLETED, start, stop)
        assert (found.points, found.total, found.count) == (points, 5, 16)


async def test_jobs_that_are_not_kept_count_as_well(scenario: Scenario) -> None:
    for state in sorted(FINISHED):
        await end_new(scenario, 2, state=state, keep=KEEP_NONE)

        assert (await scenario.store.metrics("q", state)).count == 2


async def test_an_attempt_that_another_follows_does_not_count(scenario: Scenario) -> None:
    await scenario.put("a")
    await scenario.retry(await scenario.claim())
    await scenario.retry(await scenario.claim())
    await end(scenario, await scenario.claim(), state=State.FAILED)

    assert (await scenario.store.metrics("q", State.FAILED)).count == 1


async def test_what_is_refused_or_was_done_before_does_not_count(scenario: Scenario) -> None:
    await scenario.put("a", "b")
    first, second = await scenario.claim_many(2)
    await end(scenario, first, state=State.COMPLETED)

    answers = await scenario.store.complete(
        "q",
        [first.completion(), second.stolen().completion(), second.completion()],
        metrics=100,
    )

    assert [answer is None for answer in answers] == [True, False, True]
    assert (await scenario.store.metrics("q", State.COMPLETED)).count == 2


async def test_who_does_not_ask_leaves_the_counts_alone(scenario: Scenario) -> None:
    await end_new(scenario, 2)
    await scenario.pass_time(MINUTE_MS)
    await end_new(scenario, 5, metrics=0)

    assert await scenario.store.metrics("q", State.COMPLETED) == Metrics(2, START_MS, 0, (), 0)
