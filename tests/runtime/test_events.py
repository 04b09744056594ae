"""QueueEvents: an iterator, callbacks, and going on from where another reader was."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from oxherd import (
    Active,
    Added,
    Closed,
    Completed,
    Delayed,
    Drained,
    Duplicated,
    Event,
    Failed,
    FlowJob,
    FlowProducer,
    InvalidOption,
    Job,
    JobOptions,
    Paused,
    Progress,
    Queue,
    QueueEvents,
    Removed,
    Resumed,
    RetriesExhausted,
    Waiting,
    WaitingChildren,
)
from tests.runtime.working import SOON, echo, failure_of, until, working
from tests.timing import deadline

if TYPE_CHECKING:
    from oxherd import Store


async def _take(events: QueueEvents, until_kind: type[Event]) -> list[Event]:
    """The next events, up to the first of a kind."""
    taken: list[Event] = []
    async with deadline(SOON):
        async for event in events:
            taken.append(event)
            if isinstance(event, until_kind):
                break
    return taken


def _plain(events: list[Event]) -> list[tuple[Any, ...]]:
    """The kinds with what they tell, without ids."""
    hidden = {"id", "queue", "job_id"}
    return [
        (type(event), *(getattr(event, name) for name in event.__slots__ if name not in hidden))
        for event in events
    ]


async def test_the_life_of_a_job_in_events(store: Store) -> None:
    async def process(job: Job) -> str:
        await job.update_progress(50)
        return "done"

    queue = Queue("q", store=store)
    async with QueueEvents("q", store=store) as events, working(store, process):
        job = await queue.add("job")
        taken = await _take(events, Drained)
    assert _plain(taken) == [
        (Added, "job"), (Waiting, None), (Active, "waiting"), (Progress, 50),
        (Completed, "done", "active"), (Drained,),
    ]  # fmt: skip
    assert {event.queue for event in taken} == {"q"}
    assert {getattr(event, "job_id", job.id) for event in taken} == {job.id}


async def test_failures_and_steering_in_events(store: Store) -> None:
    async def process(job: Job) -> None:
        raise ValueError("no")

    queue = Queue("q", store=store)
    async with QueueEvents("q", store=store) as events:
        await queue.pause()
        await queue.resume()
        job = await queue.add("job", {}, JobOptions(attempts=2, job_id="mine"))
        await queue.add("job", {}, JobOptions(job_id="mine"))
        gone = await queue.add("gone", {}, JobOptions(delay=60))
        await gone.remove()
        async with working(store, process):
            await failure_of(job)
        taken = _plain(await _take(events, Drained))
    assert taken[:7] == [
        (Paused,), (Resumed,), (Added, "job"), (Waiting, None), (Duplicated,),
        (Added, "gone"), (Delayed, gone.timestamp + 60_000),
    ]  # fmt: skip
    assert taken[7:] == [
        (Removed, "delayed"), (Active, "waiting"), (Waiting, "active"), (Active, "waiting"),
        (Failed, "no", "active"), (RetriesExhausted, 2), (Drained,),
    ]  # fmt: skip


async def test_a_parent_in_events(store: Store) -> None:
    async with (
        QueueEvents("q", store=store) as events,
        FlowProducer(store=store) as flows,
        working(store, echo),
        working(store, echo, queue="below"),
    ):
        await flows.add(FlowJob("top", queue="q", children=[FlowJob("leaf", queue="below")]))
        taken = _plain(await _take(events, Completed))
    assert [kind for kind, *_ in taken] == [Added, WaitingChildren, Waiting, Active, Completed]


async def test_callbacks_get_the_events_of_their_kind(store: Store) -> None:
    told: list[Any] = []
    done = asyncio.Event()

    async def on_completed(event: Completed) -> None:
        told.append(event.returnvalue)
        done.set()

    queue = Queue("q", store=store)
    events = QueueEvents("q", store=store)
    events.on("added", lambda event: told.append(event.name))
    events.on("completed", on_completed)
    async with events, working(store, echo):
        await queue.add("job", {"a": 1})
        async with deadline(SOON):
            await done.wait()
    assert told == ["job", {"a": 1}]


async def test_a_callback_may_come_later(store: Store) -> None:
    done = asyncio.Event()
    queue = Queue("q", store=store)
    async with QueueEvents("q", store=store) as events:
        events.on("added", lambda event: done.set())
        await queue.add("job")
        async with deadline(SOON):
            await done.wait()


async def test_run_serves_until_it_is_closed(memory: Store) -> None:
    done = asyncio.Event()
    queue = Queue("q", store=memory)
    events = QueueEvents("q", store=memory, last_event_id="0")
    events.on("added", lambda event: done.set())
    running = asyncio.ensure_future(events.run())
    await queue.add("job")
    async with deadline(SOON):
        await done.wait()
        await events.close()
        await running


async def test_callbacks_that_raise_stop_nobody(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []

    def broken(event: Event) -> None:
        raise RuntimeError("the callback's own")

    queue = Queue("q", store=store)
    with caplog.at_level(logging.ERROR, "oxherd.callbacks"):
        async with QueueEvents("q", store=store) as events:
            events.on("added", broken)
            events.on("added", lambda event: told.append(event.name))
            await queue.add("a")
            await queue.add("b")
            await until(lambda: len(told) == 2)
    assert told == ["a", "b"]
    assert len(caplog.records) == 2


async def test_a_callback_may_close_the_reader(memory: Store) -> None:
    async def close(event: Event) -> None:
        await events.close()
        closed.set()

    closed = asyncio.Event()
    events = QueueEvents("q", store=memory)
    events.on("added", close)
    async with events:
        await Queue("q", store=memory).add("a")
        async with deadline(SOON):
            await closed.wait()


def test_an_unknown_kind_is_refused(memory: Store) -> None:
    with pytest.raises(InvalidOption, match="did you mean 'completed'"):
        QueueEvents("q", store=memory).on("complete", print)


async def test_another_reader_goes_on_from_the_last_event(store: Store) -> None:
    queue = Queue("q", store=store)
    async with QueueEvents("q", store=store) as first:
        for name in ("a", "b", "c"):
            await queue.add(name)
        async with deadline(SOON):
            async for event in first:
                if isinstance(event, Added) and event.name == "b":
                    break
        seen = first.last_event_id
    assert seen is not None
    async with QueueEvents("q", store=store, last_event_id=seen) as second, deadline(SOON):
        rest = [event async for event in _first(second, 3)]
    kinds: list[Any] = [Waiting, Added, Waiting]
    assert [type(event) for event in rest] == kinds


async def _first(events: QueueEvents, number: int) -> Any:
    async for event in events:
        yield event
        number -= 1
        if not number:
            return


async def test_from_the_beginning_or_from_now(store: Store) -> None:
    queue = Queue("q", store=store)
    await queue.add("old")
    async with (
        QueueEvents("q", store=store, last_event_id="0") as every,
        QueueEvents("q", store=store) as fresh,
    ):
        await queue.add("new")
        async with deadline(SOON):
            names = [
                [event.name async for event in _first(reader, number) if isinstance(event, Added)]
                for reader, number in ((every, 4), (fresh, 2))
            ]
    assert names == [["old", "new"], ["new"]]


async def test_closing_ends_an_iterator_that_waits(store_url: str) -> None:
    """The reader has a store of its own here."""

    async def follow() -> list[Event]:
        return [event async for event in events]

    events = QueueEvents("q", store=store_url)
    async with events:
        following = asyncio.ensure_future(follow())
        await asyncio.sleep(0.1)
        assert not following.done()
    async with deadline(SOON):
        assert await following == []


async def test_a_closed_reader_is_closed(memory: Store) -> None:
    events = QueueEvents("q", store=memory)
    async with events:
        pass
    with pytest.raises(Closed):
        async for _ in events:
            pass


async def test_events_of_another_client_are_unknown_and_passed_on(redis_url: str) -> None:
    from redis.asyncio import Redis  # noqa: PLC0415 - for this one test

    from oxherd import Unknown  # noqa: PLC0415 - for this one test

    told: list[Unknown] = []
    async with Redis.from_url(redis_url) as client:
        events = QueueEvents("strange", store=f"{redis_url}?prefix=foreign")
        events.on("unknown", told.append)
        async with events:
            await client.xadd("foreign:strange:events", {"event": "moo", "volume": "11"})
            await until(lambda: told)
    assert (told[0].name, dict(told[0].values)) == ("moo", {"volume": "11"})


async def test_closing_ends_an_iterator_over_a_store_that_lives_on(store: Store) -> None:
    reader = QueueEvents("q", store=store)
    seen: list[Event] = []

    async def follow() -> None:
        seen.extend([event async for event in reader])

    async with reader:
        following = asyncio.ensure_future(follow())
        await asyncio.sleep(0.05)
        assert not following.done()
    async with deadline(1):
        await following
    assert seen == []
    await Queue("q", store=store).add("job")
