"""The drop-in's events: what listeners get, from where, and events of one's own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from oxherd.bullmq import Job, Queue, QueueEvents, QueueEventsProducer, Worker
from tests.bullmq.watching import Heard
from tests.timing import deadline


async def answering(job: Job, token: str) -> Any:
    await job.updateProgress({"part": 1})
    if job.data.get("fails"):
        raise ValueError("broken")
    return {"answer": 42}


async def test_a_jobs_life_is_told_with_the_wires_fields(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    events = QueueEvents("work", {**opts, "lastEventId": "0"})
    heard = {
        name: Heard(events, name)
        for name in ("added", "waiting", "active", "progress", "completed", "drained")
    }
    job = await queue.add("hello", {})
    worker = Worker("work", answering, opts)
    args, event_id = await heard["added"].next()
    assert args == {"jobId": job.id, "name": "hello"}
    assert "-" in event_id
    assert (await heard["waiting"].next())[0] == {"jobId": job.id}
    assert (await heard["active"].next())[0] == {"jobId": job.id, "prev": "waiting"}
    assert (await heard["progress"].next())[0] == {"jobId": job.id, "data": {"part": 1}}
    assert (await heard["completed"].next())[0] == {
        "jobId": job.id, "returnvalue": {"answer": 42}, "prev": "active",
    }  # fmt: skip
    assert len(await heard["drained"].next()) == 1
    for one in (worker, events, queue):
        await one.close()


async def test_failures_are_told_as_text(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    events = QueueEvents("work", {**opts, "lastEventId": "0"})
    failed, exhausted = Heard(events, "failed"), Heard(events, "retries-exhausted")
    job = await queue.add("task", {"fails": True})
    worker = Worker("work", answering, opts)
    assert (await failed.next())[0] == {
        "jobId": job.id, "failedReason": "broken", "prev": "active",
    }  # fmt: skip
    assert (await exhausted.next())[0] == {"jobId": job.id, "attemptsMade": "1"}
    for one in (worker, events, queue):
        await one.close()


async def test_one_jobs_events_have_a_name_of_their_own(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    first, second = await queue.add("a", {}), await queue.add("b", {})
    events = QueueEvents("work", {**opts, "lastEventId": "0", "autorun": False})
    heard = Heard(events, f"completed:{second.id}")
    running = asyncio.ensure_future(events.run())
    worker = Worker("work", answering, opts)
    assert (await heard.next())[0]["jobId"] == second.id != first.id
    assert heard.rest() == []
    for one in (worker, events, queue):
        await one.close()
    assert running.done()


async def test_only_what_is_new_is_told_unless_asked(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    await queue.add("old", {})
    events = QueueEvents("work", {**opts, "blockingTimeout": 50})
    heard = Heard(events, "added")
    producer = QueueEventsProducer("work", opts)
    ready = Heard(events, "ready?")
    async with deadline(8):
        # Told again until the reader has found the end of the log.
        while not (called := ready.rest()):
            await producer.publishEvent({"eventName": "ready?"})
            await asyncio.sleep(0.01)
    assert called
    new = await queue.add("new", {})
    assert (await heard.next())[0]["jobId"] == new.id
    for one in (producer, events, queue):
        await one.close()


async def test_an_event_of_ones_own_goes_round(opts: dict[str, Any]) -> None:
    events = QueueEvents("work", {**opts, "lastEventId": "0"})
    producer = QueueEventsProducer("work", opts)
    heard = Heard(events, "custom-thing")
    await producer.publishEvent({"eventName": "custom-thing", "foo": "bar", "n": 7})
    assert (await heard.next())[0] == {"foo": "bar", "n": "7"}
    with pytest.raises(ValueError, match="requires an 'eventName'"):
        await producer.publishEvent({"foo": "bar"})
    for one in (producer, events):
        await one.close()


async def test_closing_ends_the_blocked_read_within_a_second(opts: dict[str, Any]) -> None:
    events = QueueEvents("work", opts)
    await asyncio.sleep(0)
    async with deadline(1):
        await events.close()
    assert events.closed
    await events.close()


async def test_it_runs_once(opts: dict[str, Any]) -> None:
    events = QueueEvents("work", {**opts, "autorun": False})
    running = asyncio.ensure_future(events.run())
    await asyncio.sleep(0)
    with pytest.raises(Exception, match="QueueEvents is already running"):
        await events.run()
    await events.close()
    assert running.done()
