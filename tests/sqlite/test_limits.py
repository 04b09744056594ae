"""What limits cost, and how those who wait for their end hear of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec.structs import replace

from oxherd.domain.errors import OxherdError
from oxherd.domain.lifecycle import State
from tests.sqlite.test_processes import line_of, start, tell
from tests.sqlite.using import completion, connection_of, failure, new_job, opened, put, take
from tests.timing import deadline

if TYPE_CHECKING:
    from pathlib import Path

    from oxherd.engines.sqlite.store import SqliteStore

FEATURES = ("deduplications", "kept_jobs", "metric", "schedules", "rate_used =", "count(*)")


async def test_jobs_without_the_features_pay_for_none(store: SqliteStore) -> None:
    await put(store, *(f"job-{number:02}" for number in range(22)))
    seen: list[str] = []
    await take(store, 22)
    connection_of(store).set_trace_callback(seen.append)
    await store.complete("q", [completion(f"job-{number:02}") for number in range(10)])
    await store.fail("q", [failure(f"job-{number:02}") for number in range(10, 20)])
    await take(store, 10, token="next")
    connection_of(store).set_trace_callback(None)

    assert [line for line in seen if any(word in line for word in FEATURES)] == []
    updates = [line for line in seen if line.startswith("UPDATE jobs")]
    assert len(updates) == 20
    # One for each job, and what a call needs once.
    assert len([line for line in seen if line.startswith("SELECT")]) <= 12


async def test_a_slot_that_another_process_frees_wakes_a_waiting_worker(path: Path) -> None:
    store = opened(path)
    await put(store, "first", "second")
    await store.limit_concurrency("q", 1)
    process = start("holds", str(path))
    assert await asyncio.to_thread(line_of, process) == "ready"
    wakeup = store.wakeup("q")
    await wakeup.wait(0)
    assert await take(store) == ()

    waiting = asyncio.ensure_future(wakeup.wait(60_000))
    await asyncio.sleep(0)
    tell(process, "go on")

    async with deadline(5):
        await waiting
    assert [job.id for job in await take(store)] == ["second"]
    await asyncio.to_thread(process.communicate, "")
    await store.aclose()


async def test_a_full_queue_does_not_wake_its_workers_again_and_again(path: Path) -> None:
    store = opened(path)
    await put(store, "first", "second")
    await store.limit_concurrency("q", 1)
    assert len(await take(store, 2)) == 1
    wakeup = store.wakeup("q")
    await wakeup.wait(0)
    await wakeup.wait(0)

    began = asyncio.get_running_loop().time()
    await wakeup.wait(300)

    assert asyncio.get_running_loop().time() - began > 0.25
    await store.aclose()


async def test_a_number_that_somebody_has_is_passed_over(store: SqliteStore) -> None:
    await put(store, "1", "2")
    connection_of(store).execute("UPDATE queues SET last_number = 0")

    (answer,) = await store.add([[replace(new_job("nonce"), numbered=True)]])

    assert not isinstance(answer, OxherdError)
    assert [added.id for added in answer] == ["3"]
    assert (await store.counts("q"))[State.WAITING] == 3
