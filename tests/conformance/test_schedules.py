"""Reading schedules and what else is known of a queue by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.schedules import put, run, schedule
from tests.timing import START_MS

if TYPE_CHECKING:
    from tests.conformance.scenario import Scenario


async def five(scenario: Scenario) -> list[str]:
    """Schedules whose next jobs are due one after the other."""
    names = ["e", "a", "c", "b", "d"]
    for number, name in enumerate(names):
        await put(scenario, schedule(name, start_ms=START_MS + number * 1_000))
    return names


@pytest.mark.parametrize(
    ("start", "end"), [(0, -1), (0, 0), (1, 2), (3, 9), (-2, -1), (5, 9), (2, 1)]
)
@pytest.mark.parametrize("ascending", [True, False])
async def test_a_page_of_them(scenario: Scenario, start: int, end: int, *, ascending: bool) -> None:
    names = await five(scenario)
    if not ascending:
        names.reverse()

    found = await scenario.store.schedules("q", start, end, ascending=ascending)

    assert [each.id for each in found] == names[start : None if end == -1 else end + 1]
    assert found == [await scenario.store.schedule("q", each.id) for each in found]


async def test_they_are_in_the_order_of_their_next_times(scenario: Scenario) -> None:
    await put(scenario, schedule("a", every_ms=5_000))
    await put(scenario, schedule("b", start_ms=START_MS + 1_000))
    await run(scenario)

    assert [each.id for each in await scenario.store.schedules("q")] == ["b", "a"]


async def test_how_many_there_are(scenario: Scenario) -> None:
    assert await scenario.store.count_schedules("q") == 0
    await five(scenario)

    assert await scenario.store.count_schedules("q") == 5
    assert await scenario.store.count_schedules("other") == 0


async def test_of_an_unknown_queue_there_are_none(scenario: Scenario) -> None:
    assert await scenario.store.schedules("q") == []
    assert await scenario.store.schedule("q", "tick") is None


async def test_a_queue_with_a_schedule_is_known(scenario: Scenario) -> None:
    await put(scenario, schedule())

    assert await scenario.store.queues() == ["q"]


@pytest.mark.parametrize(
    ("priorities", "counts"),
    [([0], [2]), ([1], [1]), ([3], [2]), ([2], [0]), ([3, 0, 2_097_151], [2, 2, 1]), ([], [])],
)
async def test_ready_jobs_are_counted_by_priority(
    scenario: Scenario, priorities: list[int], counts: list[int]
) -> None:
    await scenario.put("a", "b")
    await scenario.put("c", priority=1)
    await scenario.put("d", "e", priority=3)
    await scenario.put("f", priority=2_097_151)
    await scenario.put("later", delay=60, priority=3)

    assert await scenario.store.counts_by_priority("q", priorities) == counts
