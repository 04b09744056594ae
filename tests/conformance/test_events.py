"""The log of events: order, cursors, waiting, trimming, and its bond with the state."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from oxherd.domain.events import Added, Event, JobEvent, Waiting
from oxherd.domain.lifecycle import EventKind, State
from tests.timing import deadline

if TYPE_CHECKING:
    from tests.conformance.scenario import Scenario

THE_STORY = [
    EventKind.ADDED,
    EventKind.WAITING,
    EventKind.ACTIVE,
    EventKind.DELAYED,
    EventKind.WAITING,
    EventKind.ACTIVE,
    EventKind.PROGRESS,
    EventKind.FAILED,
    EventKind.RETRIES_EXHAUSTED,
    EventKind.DRAINED,
    EventKind.REMOVED,
]


async def test_a_life_is_told_in_order(scenario: Scenario) -> None:
    await scenario.put("a", attempts=2)
    await scenario.retry(await scenario.claim(), 1_000)
    await scenario.pass_time(1_000)
    hand = await scenario.claim()
    await scenario.store.update_progress("q", "a", "50", hand.token)
    await scenario.fail(hand)
    await scenario.remove("a")

    events = await scenario.events()
    assert [each.kind for each in events] == THE_STORY
    assert {each.queue for each in events} == {"q"}
    assert {each.job_id for each in events if isinstance(each, JobEvent)} == {"a"}
    assert len({each.id for each in events}) == len(events)


async def test_an_added_event_has_the_jobs_name(scenario: Scenario) -> None:
    await scenario.put("a", name="ship:it ü")

    added, waiting = await scenario.events()
    assert isinstance(added, Added)
    assert added.name == "ship:it ü"
    assert isinstance(waiting, Waiting)
    assert waiting.prev is None


async def test_every_queue_has_its_own_log(scenario: Scenario) -> None:
    await scenario.put("a", queue="q")
    await scenario.put("b", queue="p")

    assert [each.job_id for each in await scenario.events("p") if isinstance(each, JobEvent)] == [
        "b", "b",
    ]  # fmt: skip
    assert await scenario.events("empty") == ()


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_page_by_page_nothing_is_missed_or_seen_twice(scenario: Scenario, limit: int) -> None:
    await scenario.put("a", "b", "c")
    found: list[Event] = []
    cursor = "0"
    while True:
        page = await scenario.store.read_events("q", cursor, limit=limit)
        assert len(page.events) <= limit
        assert not page.trimmed
        if not page.events:
            assert page.cursor == cursor
            break
        found += page.events
        cursor = page.cursor

    assert tuple(found) == await scenario.events()
    assert len(found) == 6


async def test_any_events_id_is_a_cursor(scenario: Scenario) -> None:
    await scenario.put("a", "b", "c")
    events = await scenario.events()

    for number, event in enumerate(events):
        page = await scenario.store.read_events("q", event.id)
        assert page.events == events[number + 1 :]


async def test_the_last_id_is_where_news_begin(scenario: Scenario) -> None:
    start = await scenario.store.last_event_id("q")
    await scenario.put("a")
    middle = await scenario.store.last_event_id("q")
    await scenario.put("b")

    first = (await scenario.store.read_events("q", start)).events
    assert [each.job_id for each in first if isinstance(each, JobEvent)] == ["a", "a", "b", "b"]
    second = (await scenario.store.read_events("q", middle)).events
    assert [each.job_id for each in second if isinstance(each, JobEvent)] == ["b", "b"]
    end = await scenario.store.last_event_id("q")
    assert (await scenario.store.read_events("q", end)).events == ()


async def test_a_reader_waits_for_news(scenario: Scenario) -> None:
    cursor = await scenario.store.last_event_id("q")
    reading = asyncio.create_task(scenario.store.read_events("q", cursor, block_ms=20_000))
    # The reader is asked first; whether it waits already does not matter.
    await asyncio.sleep(0)

    await scenario.put("a")

    async with deadline(5):
        page = await reading
    assert page.events
    assert isinstance(page.events[0], Added)


async def test_a_reader_gives_up_in_the_end(scenario: Scenario) -> None:
    await scenario.put("a")
    cursor = await scenario.store.last_event_id("q")

    async with deadline(5):
        page = await scenario.store.read_events("q", cursor, block_ms=30)

    assert (page.events, page.cursor) == ((), cursor)


async def test_a_waiting_reader_can_be_cancelled(scenario: Scenario) -> None:
    reading = asyncio.create_task(scenario.store.read_events("q", "0", block_ms=20_000))
    await asyncio.sleep(0)
    async with deadline(5):
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    await scenario.put("a")
    assert len((await scenario.store.read_events("q", "0")).events) == 2


async def test_several_readers_see_the_same(scenario: Scenario) -> None:
    readers = [
        asyncio.create_task(scenario.store.read_events("q", "0", block_ms=20_000)) for _ in range(5)
    ]
    await asyncio.sleep(0)
    await scenario.put("a")

    async with deadline(5):
        pages = await asyncio.gather(*readers)
    whole = await scenario.events()
    for page in pages:
        assert page.events == whole[: len(page.events)] != ()


async def test_what_a_call_did_is_told_when_it_answers(scenario: Scenario) -> None:
    cursor = await scenario.store.last_event_id("q")

    async def news() -> list[EventKind | None]:
        nonlocal cursor
        page = await scenario.store.read_events("q", cursor)
        cursor = page.cursor
        return [each.kind for each in page.events]

    await scenario.put("a", attempts=5)
    assert await news() == [EventKind.ADDED, EventKind.WAITING]
    hand = await scenario.claim()
    assert await news() == [EventKind.ACTIVE]
    await scenario.release(hand)
    assert await news() == [EventKind.WAITING]
    await scenario.postpone(await scenario.claim(), 1_000)
    assert await news() == [EventKind.ACTIVE, EventKind.DELAYED]
    await scenario.promote("a")
    assert await news() == [EventKind.WAITING]
    await scenario.complete(await scenario.claim())
    assert await news() == [EventKind.ACTIVE, EventKind.COMPLETED, EventKind.DRAINED]
    await scenario.store.pause("q")
    await scenario.store.resume("q")
    assert await news() == [EventKind.PAUSED, EventKind.RESUMED]


async def test_whoever_sees_the_event_sees_the_state(scenario: Scenario) -> None:
    reading = asyncio.create_task(scenario.store.read_events("q", "0", block_ms=20_000))
    await asyncio.sleep(0)
    adding = asyncio.create_task(scenario.put("a"))

    async with deadline(5):
        await reading
        assert await scenario.state("a") == State.WAITING
        await adding


async def test_a_parents_event_is_in_its_own_queues_log(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.run("top-child", queue="below")

    last = (await scenario.events("q"))[-1]
    assert isinstance(last, Waiting)
    assert (last.job_id, last.prev) == ("top", "waiting-children")


@pytest.mark.timeout(120)
async def test_a_reader_is_told_what_was_trimmed_away(scenario: Scenario) -> None:
    scenario.trimmed = True
    await scenario.put("first")
    start = (await scenario.events())[0].id
    for _ in range(12):
        await asyncio.gather(
            *(scenario.store.update_progress("q", "first", str(n)) for n in range(1_000))
        )
    # Trimming may be left to whatever comes next.
    await scenario.run("first")

    page = await scenario.store.read_events("q", start, limit=10)
    assert page.trimmed
    rest = await scenario.store.read_events("q", page.cursor, limit=10)
    assert not rest.trimmed
    whole = await scenario.events()
    assert 9_000 <= len(whole) <= 20_000
    assert whole[-1].kind is EventKind.DRAINED
