"""Locks are renewed whatever the event loop does, and a processor hears when its lock is lost."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import pytest

from oxherd import (
    BlockingJob,
    Cancellation,
    Job,
    LockLost,
    OxherdError,
    Queue,
    State,
    Worker,
    WorkerOptions,
    connect,
)
from oxherd.domain.outcome import Held
from tests.runtime.working import SOON, until, working
from tests.timing import deadline

if TYPE_CHECKING:
    from oxherd import Store


class Elsewhere:
    """A second worker, on a thread and a loop of its own, that takes back what stalls."""

    def __init__(self, url: str, options: WorkerOptions) -> None:
        self.ran: list[str] = []
        self.stalled: list[str] = []
        self._url = url
        self._options = options
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._work()))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(SOON)
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _work(self) -> None:
        async def process(job: Job) -> None:
            self.ran.append(job.id)

        async with Worker("q", process, store=self._url, options=self._options) as worker:
            worker.on("stalled", self.stalled.append)
            self._ready.set()
            await asyncio.to_thread(self._stop.wait)


@pytest.mark.parametrize("renewed", [True, False])
async def test_a_blocked_loop_keeps_its_lock(store_url: str, *, renewed: bool) -> None:
    """Without a renewal the other worker takes the job: the test can tell."""
    options = WorkerOptions(lock_duration=0.5, stalled_interval=0.1)
    store = connect(store_url)
    queue = Queue("q", store=store)
    started, go = asyncio.Event(), asyncio.Event()

    async def process(job: Job) -> None:
        started.set()
        await go.wait()
        time.sleep(1.6)  # noqa: ASYNC251 - what is tested

    own = options if renewed else replace(options, lock_renew_time=60)
    job = await queue.add("job")
    async with Worker("q", process, store=store, options=own):
        await started.wait()
        with Elsewhere(store_url, options) as other:
            go.set()
            await job.result(SOON)
            await until(job.is_completed)
    taken = [] if renewed else [job.id]
    assert (other.ran, other.stalled) == (taken, taken)
    assert (await job.refresh()).stalled_count == len(taken)
    await store.aclose()


async def test_a_loop_that_is_blocked_is_told_with_the_names_of_the_jobs(
    memory: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async def process(job: Job) -> None:
        time.sleep(2.6)  # noqa: ASYNC251 - what is tested

    with caplog.at_level(logging.WARNING, "oxherd.locks"):
        async with working(memory, process, lock_duration=1):
            await (await Queue("q", store=memory).add("hog")).result(SOON)
    told = [record.getMessage() for record in caplog.records if "blocked" in record.getMessage()]
    assert len(told) == 1
    assert "hog" in told[0]


async def test_a_lost_lock_cancels_the_coroutine_and_the_job_runs_again(store: Store) -> None:
    runs: list[str] = []

    async def process(job: Job, token: str) -> str:
        runs.append(token)
        if len(runs) == 1:
            assert await store.release("q", [Held(job.id, token)]) == [None]
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                with pytest.raises(LockLost):
                    await job.update_progress(99)
                raise
        return "second"

    queue = Queue("q", store=store)
    async with working(store, process, lock_duration=0.4, concurrency=2):
        job = await queue.add("job")
        assert await job.result(SOON) == "second"
    stored = await job.refresh()
    assert len(set(runs)) == 2
    assert stored.attempts_made in (0, 1)
    assert stored.failed_reason is None
    assert stored.progress == 0


async def test_a_lost_lock_is_told_to_a_thread(memory: Store) -> None:
    reasons: list[str | None] = []
    loop = asyncio.get_running_loop()
    heard = asyncio.Event()

    async def take_away(held: Held) -> None:
        await memory.release("q", [held])

    def process(job: BlockingJob, token: str, cancellation: Cancellation) -> None:
        if reasons:
            return
        reasons.append(None)
        asyncio.run_coroutine_threadsafe(take_away(Held(job.id, token)), loop).result()
        cancellation.wait(SOON)
        reasons.append(cancellation.reason)
        loop.call_soon_threadsafe(heard.set)

    queue = Queue("q", store=memory)
    async with working(memory, process, lock_duration=0.4, concurrency=2):
        job = await queue.add("job")
        await job.result(SOON)
        async with deadline(SOON):
            await heard.wait()
    assert reasons == [None, "the lock of the job was lost"]


async def test_a_lock_that_nobody_renews_is_lost_and_fences_its_holder(store_url: str) -> None:
    errors: list[BaseException] = []
    store = connect(store_url)

    async def process(job: Job) -> str:
        await until(taken.is_set)
        for call in (job.update_progress(1), job.log("late"), job.update_data({"late": True})):
            with pytest.raises(LockLost):
                await call
        return "late"

    async def take(job: Job) -> str:
        taken.set()
        return "in time"

    taken = asyncio.Event()
    queue = Queue("q", store=store)
    job = await queue.add("job", {"late": False})
    sleepy: dict[str, Any] = {"lock_duration": 0.3, "lock_renew_time": 60, "stalled_interval": 0.1}
    async with working(store, process, **sleepy) as worker:
        worker.on("error", errors.append)
        await until(job.is_active)
        async with working(store, take, lock_duration=5, stalled_interval=0.1):
            assert await job.result(SOON) == "in time"
        await until(lambda: errors)
    assert isinstance(errors[0], LockLost)
    stored = await job.refresh()
    assert (stored.data, stored.progress, stored.returnvalue) == ({"late": False}, 0, "in time")
    assert await job.get_logs() == []
    assert stored.stalled_count == 1
    await store.aclose()


async def test_a_job_that_stalls_too_often_is_failed(store: Store) -> None:
    async def never(job: Job) -> None:
        await asyncio.sleep(60)

    queue = Queue("q", store=store)
    job = await queue.add("job")
    await store.claim("q", 1, token="dead", lock_ms=1)
    async with working(store, never, max_stalled_count=0, stalled_interval=0.1):
        await until(job.is_failed)
    assert (await job.refresh()).failed_reason == "job stalled more than allowable limit"


async def test_an_extended_lock_lasts(memory: Store) -> None:
    async def process(job: Job) -> str:
        await job.extend_lock(60)
        return "kept"

    queue = Queue("q", store=memory)
    async with working(memory, process):
        job = await queue.add("job")
        assert await job.result(SOON) == "kept"
    for verb in (job.extend_lock(1), job.move_to_waiting_children(), job.add_children([])):
        with pytest.raises(OxherdError, match="holds its lock"):
            await verb


async def test_the_holder_of_a_finished_job_changes_nothing_more(store: Store) -> None:
    """A thread or task that outlives its processor still has the job in hand."""
    kept: list[Job] = []

    async def process(job: Job) -> None:
        kept.append(job)

    queue = Queue("q", store=store)
    async with working(store, process):
        job = await queue.add("job")
        await job.result(SOON)
        for call in (kept[0].update_progress(5), kept[0].log("x"), kept[0].update_data({"x": 1})):
            with pytest.raises(LockLost):
                await call
    assert await job.get_state() is State.COMPLETED
