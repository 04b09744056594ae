"""A queue gives jobs again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oxherd.domain.events import Resumed
from oxherd.domain.lifecycle import EventKind

if TYPE_CHECKING:
    from tests.conformance.scenario import Scenario


async def test_jobs_are_given_in_their_order(scenario: Scenario) -> None:
    await scenario.put("a", "b")
    await scenario.store.pause("q")
    await scenario.put("c", lifo=True)

    await scenario.store.resume("q")

    assert await scenario.store.is_paused("q") is False
    assert await scenario.claim_order() == ["c", "a", "b"]


async def test_each_time_is_told(scenario: Scenario) -> None:
    await scenario.store.pause("q")
    await scenario.store.resume("q")
    await scenario.store.resume("q")

    events = await scenario.events()
    assert [each.kind for each in events] == [
        EventKind.PAUSED, EventKind.RESUMED, EventKind.RESUMED,
    ]  # fmt: skip
    assert isinstance(events[-1], Resumed)


async def test_a_queue_that_was_not_paused_stays_as_it_is(scenario: Scenario) -> None:
    await scenario.put("a")
    before = await scenario.still_dump()

    await scenario.store.resume("q")

    assert await scenario.still_dump() == before
