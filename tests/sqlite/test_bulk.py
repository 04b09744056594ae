"""Drain, clean and obliterate go in bounded steps, and their traces go too."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from oxherd.domain.deduplication import Deduplication
from oxherd.domain.lifecycle import State
from oxherd.domain.rate_limit import RateLimit
from oxherd.domain.schedule import Repeat, Schedule
from tests.sqlite.test_processes import line_of, start, tell
from tests.sqlite.using import (
    add,
    completion,
    connection_of,
    new_job,
    opened,
    put,
    sql,
    star,
    take,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from oxherd.engines.sqlite.store import SqliteStore

MANY = 2_500


async def drain(store: SqliteStore) -> None:
    await store.drain("q")


async def clean(store: SqliteStore) -> None:
    assert len(await store.clean("q", State.WAITING, grace_ms=0)) == MANY


async def obliterate(store: SqliteStore) -> None:
    await store.obliterate("q")


def removed(statement: str) -> int:
    """How many jobs a statement removes: one, or those in its JSON list."""
    if not statement.startswith("DELETE FROM jobs"):
        return 0
    _, *rows = statement.split("'")
    return len(json.loads(rows[0])) if rows else 1


@pytest.mark.parametrize(("verb", "commits"), [(drain, 3), (clean, 3), (obliterate, 4)])
async def test_many_jobs_go_in_steps(
    store: SqliteStore, verb: Callable[[SqliteStore], Awaitable[None]], commits: int
) -> None:
    await put(store, *(f"job-{number}" for number in range(MANY)))
    seen: list[str] = []
    connection_of(store).set_trace_callback(seen.append)

    await verb(store)

    connection_of(store).set_trace_callback(None)
    assert seen.count("COMMIT") == commits
    steps = [set(step.splitlines()) for step in "\n".join(seen).split("\nCOMMIT")]
    gone = [sum(map(removed, step)) for step in steps]
    assert max(gone) == 1_000
    assert sum((await store.counts("q")).values()) == 0


async def test_pending_children_go_in_steps(store: SqliteStore) -> None:
    await add(store, *star(MANY))
    seen: list[str] = []
    connection_of(store).set_trace_callback(seen.append)

    assert await store.remove_unprocessed_children("q", "parent") is None

    connection_of(store).set_trace_callback(None)
    assert seen.count("COMMIT") == 4
    assert await store.states("q", ["parent"]) == [State.WAITING]
    assert sum((await store.counts("below")).values()) == 0
    assert await sql(store, "SELECT count(*) FROM edges") == [(0,)]


async def test_jobs_that_come_during_a_drain_stay(path: Path) -> None:
    store = opened(path)
    await put(store, *(f"job-{number}" for number in range(1_500)))

    draining = asyncio.ensure_future(store.drain("q"))
    await asyncio.sleep(0)
    adding = asyncio.ensure_future(put(store, "late"))
    await asyncio.gather(draining, adding)

    assert [job.id for job in await store.list_jobs("q", State.WAITING)] == ["late"]
    await store.aclose()


async def fill(store: SqliteStore) -> None:
    """Something in every table that knows queues."""
    await put(store, "alike", deduplication=Deduplication("one", keep_last_if_active=True))
    await take(store)
    await put(store, "kept", deduplication=Deduplication("one", keep_last_if_active=True))
    await put(store, "timed", deduplication=Deduplication("two", ttl=60))
    await put(store, "done", lifo=True)
    await take(store, token="other")
    await store.complete("q", [completion("done", token="other")], metrics=10)
    await store.append_log("q", "alike", ["line"])
    await store.put_schedule("q", Schedule(id="tick", repeat=Repeat(every_ms=1_000), name="tock"))
    await store.limit_rate("q", RateLimit(5, 1))
    await store.hold("q", 60_000)


async def rows_of(store: SqliteStore, queue: int) -> dict[str, int]:
    """How many rows each table has about a queue, where there are any."""
    tables: list[Any] = await sql(
        store,
        "SELECT m.name FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS c"
        " ON c.name = 'queue' WHERE m.type = 'table'",
    )
    counted = {
        name: (await sql(store, f"SELECT count(*) FROM {name} WHERE queue = ?", queue))[0][0]
        for (name,) in tables
    }
    return {name: count for name, count in counted.items() if count}


async def test_nothing_is_left_of_an_obliterated_queue(store: SqliteStore) -> None:
    await fill(store)
    before = await rows_of(store, 1)
    assert before.keys() >= {"jobs", "deduplications", "kept_jobs", "metrics", "schedules"}

    await store.obliterate("q", force=True)

    assert await rows_of(store, 1) == {}
    assert await sql(store, "SELECT count(*) FROM logs") == [(0,)]
    assert await store.queues() == []
    assert not await store.is_paused("q")
    assert (await store.limits("q")).rate is None


async def test_an_obliterated_queue_is_used_again_by_a_process_that_knew_it(path: Path) -> None:
    store = opened(path)
    await put(store, "mine", queue="other")
    process = start("adds", str(path), "first")
    assert await asyncio.to_thread(line_of, process) == "ready"
    last = int(await store.last_event_id("q"))

    await store.obliterate("q")
    assert await store.queues() == ["other"]
    assert int(await store.last_event_id("q")) > last
    tell(process, "second")
    assert await asyncio.to_thread(line_of, process) == "second"

    assert await store.queues() == ["other", "q"]
    assert [job.id for job in await take(store)] == ["second"]
    page = await store.read_events("q", str(last))
    assert page.trimmed
    assert [int(event.id) for event in page.events] == [last + 2, last + 3, last + 4]
    await asyncio.to_thread(process.communicate, "")
    await store.aclose()


async def test_events_that_were_cut_are_not_numbered_anew(store: SqliteStore) -> None:
    await put(store, "a", "b")
    assert await store.trim_events("q", 0) == 4
    assert await store.last_event_id("q") == "4"

    published = await store.publish_event("q", "custom", {"jobId": "7", "other": "x"})

    assert published == "5"
    (event,) = (await store.read_events("q", "4")).events
    assert event.id == "5"


async def test_what_is_published_in_one_commit_is_numbered_right(store: SqliteStore) -> None:
    await put(store, "a")

    first, _, second = await asyncio.gather(
        store.publish_event("q", "custom", {"n": "1"}),
        store.add([[new_job("b")]]),
        store.publish_event("q", "custom", {"n": "2"}, most=3),
    )

    events = (await store.read_events("q", "0")).events
    found = {event.id: getattr(event, "values", None) for event in events}
    assert (found[first], found[second]) == ({"n": "1"}, {"n": "2"})
