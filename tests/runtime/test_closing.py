"""Closing loses nothing: running jobs end or are given back, whoever closes, and when."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from oxherd import (
    BlockingJob,
    Cancellation,
    Closed,
    Job,
    JobOptions,
    Queue,
    State,
    Worker,
    WorkerOptions,
    connect,
)
from tests.runtime.working import SOON, echo, until, working
from tests.servers import start_redis
from tests.timing import deadline

if TYPE_CHECKING:
    from pathlib import Path

    from oxherd import Store


async def test_a_running_job_may_end(store: Store) -> None:
    go = asyncio.Event()

    async def process(job: Job) -> str:
        await go.wait()
        return "ended"

    queue = Queue("q", store=store)
    worker = Worker("q", process, store=store)
    first, second = await queue.add_bulk([("job", {}), ("job", {})])
    await until(first.is_active)
    closing = asyncio.ensure_future(worker.close())
    await asyncio.sleep(0)
    go.set()
    async with deadline(SOON):
        await closing
    assert await first.result(SOON) == "ended"
    assert await second.get_state() is State.WAITING


async def test_past_its_grace_a_job_is_given_back_to_the_front(store: Store) -> None:
    cancelled: list[str] = []

    async def process(job: Job) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(job.name)
            raise

    queue = Queue("q", store=store)
    jobs = await queue.add_bulk([("first", {}), ("second", {}), ("third", {})])
    async with working(store, process, concurrency=2) as worker:
        await until(jobs[1].is_active)
        async with deadline(SOON):
            await worker.close(grace=0.05)
    assert sorted(cancelled) == ["first", "second"]
    waiting = await queue.get_waiting()
    assert {job.name for job in waiting[:2]} == {"first", "second"}
    assert waiting[2].name == "third"
    assert [job.attempts_made for job in waiting] == [0, 0, 0]
    assert [job.attempts_started for job in waiting] == [1, 1, 0]


async def test_what_a_claim_brings_too_late_is_given_back_unseen(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed, go = asyncio.Event(), asyncio.Event()
    claim = store.claim
    ran: list[str] = []

    async def slow(*arguments: Any, **options: Any) -> Any:
        answer = await claim(*arguments, **options)
        claimed.set()
        await go.wait()
        return answer

    async def process(job: Job) -> None:
        ran.append(job.id)

    queue = Queue("q", store=store)
    job = await queue.add("job")
    monkeypatch.setattr(store, "claim", slow)
    worker = Worker("q", process, store=store)
    async with deadline(SOON):
        await claimed.wait()
        closing = asyncio.ensure_future(worker.close(grace=0))
        await asyncio.sleep(0)
        go.set()
        await closing
    assert ran == []
    assert await job.get_state() is State.WAITING


async def test_closing_again_without_grace_ends_the_wait(store: Store) -> None:
    async def process(job: Job) -> None:
        await asyncio.sleep(60)

    queue = Queue("q", store=store)
    job = await queue.add("job")
    async with working(store, process) as worker:
        await until(job.is_active)
        closing = asyncio.ensure_future(worker.close())
        await asyncio.sleep(0)
        async with deadline(SOON):
            await worker.close(grace=0)
            await closing
    assert await job.get_state() is State.WAITING


async def test_a_prioritized_job_is_given_back_with_its_priority(store: Store) -> None:
    async def process(job: Job) -> None:
        await asyncio.sleep(60)

    queue = Queue("q", store=store)
    job = await queue.add("job", {}, JobOptions(priority=7))
    async with working(store, process, grace=0):
        await until(job.is_active)
    assert await job.get_state() is State.PRIORITIZED
    assert (await job.refresh()).priority == 7


async def test_a_function_in_a_thread_is_told_and_its_job_given_back(memory: Store) -> None:
    heard = threading.Event()

    def process(job: BlockingJob, token: str, cancellation: Cancellation) -> None:
        if cancellation.wait(SOON) and cancellation.reason == "the worker is closing":
            heard.set()

    queue = Queue("q", store=memory)
    job = await queue.add("job")
    async with working(memory, process, grace=0.05):
        await until(job.is_active)
    assert await asyncio.to_thread(heard.wait, SOON)
    assert await job.get_state() is State.WAITING


async def test_a_processor_that_ignores_its_cancellation_holds_nobody_up(memory: Store) -> None:
    end = asyncio.Event()

    async def stubborn(job: Job) -> str:
        while not end.is_set():
            try:
                await end.wait()
            except asyncio.CancelledError:
                continue
        return "far too late"

    queue = Queue("q", store=memory)
    job = await queue.add("job")
    async with working(memory, stubborn) as worker:
        await until(job.is_active)
        async with deadline(SOON):
            await worker.close(grace=0)
    assert await job.get_state() is State.WAITING
    end.set()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.wait(others, timeout=0.2)
    assert await job.get_state() is State.WAITING


async def test_closing_may_be_repeated_and_at_the_same_time(store: Store) -> None:
    worker = Worker("q", echo, store=store)
    async with deadline(SOON):
        await asyncio.gather(worker.close(), worker.close(), worker.aclose())
        await worker.close()
    with pytest.raises(Closed):
        await worker.run()


async def test_closing_a_worker_that_never_started(memory: Store) -> None:
    worker = Worker("q", echo, store=memory, options=WorkerOptions(autorun=False))
    async with deadline(1):
        await worker.close()
    with pytest.raises(Closed):
        async with worker:
            pass


async def test_a_processor_may_close_its_own_worker(store: Store) -> None:
    async def process(job: Job) -> str:
        await worker.close()
        return "closed from within"

    queue = Queue("q", store=store)
    worker = Worker("q", process, store=store)
    first, second = await queue.add_bulk([("job", {}), ("job", {})])
    async with deadline(SOON):
        await worker.run()
    assert await first.result(SOON) == "closed from within"
    assert await second.get_state() is State.WAITING


@pytest.mark.parametrize("event", ["active", "completed", "drained"])
async def test_a_callback_may_close_its_own_worker(memory: Store, event: str) -> None:
    async def close(*_: object) -> None:
        await worker.close()

    queue = Queue("q", store=memory)
    worker = Worker("q", echo, store=memory)
    worker.on(event, close)
    await queue.add("job")
    async with deadline(SOON):
        await worker.run()


async def test_a_second_close_with_no_grace_cancels_now(memory: Store) -> None:
    async def process(job: Job) -> None:
        await asyncio.sleep(60)

    queue = Queue("q", store=memory)
    worker = Worker("q", process, store=memory)
    job = await queue.add("job")
    await until(job.is_active)
    closing = asyncio.ensure_future(worker.close())
    await asyncio.sleep(0.05)
    assert not closing.done()
    async with deadline(SOON):
        await worker.close(grace=0)
        await closing
    assert await job.get_state() is State.WAITING


async def test_cancelling_run_closes_the_worker(memory: Store) -> None:
    async def process(job: Job) -> None:
        await asyncio.sleep(60)

    queue = Queue("q", store=memory)
    worker = Worker("q", process, store=memory, options=WorkerOptions(grace=0))
    job = await queue.add("job")
    running = asyncio.ensure_future(worker.run())
    await until(job.is_active)
    running.cancel()
    async with deadline(SOON):
        with pytest.raises(asyncio.CancelledError):
            await running
    assert await job.get_state() is State.WAITING


async def test_an_error_in_the_block_closes_the_worker(memory: Store) -> None:
    closed: list[bool] = []

    async def fail_inside() -> None:
        async with Worker("q", echo, store=memory) as worker:
            worker.on("closed", lambda: closed.append(True))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_inside()
    assert closed == [True]


async def test_closing_while_the_store_is_down(tmp_path: Path) -> None:
    server = start_redis(tmp_path, own=True)
    go = asyncio.Event()

    async def process(job: Job) -> None:
        await go.wait()

    try:
        store = connect(server.url)
        queue = Queue("q", store=store)
        worker = Worker("q", process, store=store)
        job = await queue.add("job")
        await until(job.is_active)
        server.kill()
        go.set()
        async with deadline(6.5):
            await worker.close(grace=0)
        async with deadline(2):
            await store.aclose()
    finally:
        server.kill()


async def test_closing_an_idle_worker_while_the_store_is_down(tmp_path: Path) -> None:
    server = start_redis(tmp_path, own=True)
    try:
        store = connect(server.url)
        worker = Worker("q", echo, store=store)
        await (await Queue("q", store=store).add("job", 1)).result(SOON)
        server.kill()
        async with deadline(6.5):
            await worker.close()
            await store.aclose()
    finally:
        server.kill()


async def test_a_worker_goes_on_when_the_store_comes_back(tmp_path: Path) -> None:
    server = start_redis(tmp_path, "--appendonly", "yes", own=True)
    errors: list[BaseException] = []
    try:
        store = connect(server.url)
        queue = Queue("q", store=store)
        async with working(store, echo) as worker:
            worker.on("error", errors.append)
            assert await (await queue.add("job", 1)).result(SOON) == 1
            server.kill()
            await until(lambda: errors, 10)
            server.start()
            job = await queue.add("job", 2)
            assert await job.result(10) == 2
        await store.aclose()
    finally:
        server.kill()


async def test_many_workers_share_a_store_and_close_in_any_order(store: Store) -> None:
    queue = Queue("q", store=store)
    workers = [Worker("q", echo, store=store) for _ in range(4)]
    jobs = await queue.add_bulk([("job", number) for number in range(40)])
    await workers[0].close()
    await asyncio.gather(*(job.result(SOON) for job in jobs))
    await asyncio.gather(*(worker.close() for worker in reversed(workers)))
    assert (await queue.get_job_counts())["completed"] == 40
