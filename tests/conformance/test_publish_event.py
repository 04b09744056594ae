"""Writing events of a caller's own kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oxherd.domain.events import Unknown

if TYPE_CHECKING:
    from tests.conformance.scenario import Scenario


async def test_an_event_of_the_caller_s_own(scenario: Scenario) -> None:
    await scenario.put("a")
    fields = {"jobId": "x", "what": "über", "prev": "wait", "data": "no JSON"}

    event_id = await scenario.store.publish_event("q", "painted", fields)

    event = (await scenario.events())[-1]
    assert isinstance(event, Unknown)
    assert (event.id, event.queue, event.name) == (event_id, "q", "painted")
    assert dict(event.values) == fields
    assert await scenario.store.last_event_id("q") == event_id


async def test_one_without_fields(scenario: Scenario) -> None:
    await scenario.store.publish_event("q", "painted", {})

    (event,) = await scenario.events()
    assert isinstance(event, Unknown)
    assert dict(event.values) == {}


async def test_each_call_writes_one(scenario: Scenario) -> None:
    ids = [await scenario.store.publish_event("q", "painted", {"n": str(n)}) for n in range(3)]

    events = await scenario.events()
    assert [event.id for event in events] == ids
    assert len(set(ids)) == 3


async def test_it_may_trim_the_log(scenario: Scenario) -> None:
    scenario.trimmed = True
    await scenario.add(*(scenario.job(f"a{number}") for number in range(1_000)))

    event_id = await scenario.store.publish_event("q", "painted", {}, most=500)

    left = await scenario.events()
    assert 500 <= len(left) <= 1_000
    assert left[-1].id == event_id


async def test_it_wakes_a_reader(scenario: Scenario) -> None:
    cursor = await scenario.store.last_event_id("q")
    event_id = await scenario.store.publish_event("q", "painted", {})

    page = await scenario.store.read_events("q", cursor, block_ms=5_000)

    assert [event.id for event in page.events] == [event_id]
