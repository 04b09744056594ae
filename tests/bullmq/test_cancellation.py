"""Asking a processor to stop: controllers, signals, and the worker's part."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from oxherd.bullmq import AbortController, AbortError, AbortSignal, Job, LockManager, Queue, Worker
from tests.bullmq.watching import Heard
from tests.timing import deadline


def test_the_first_reason_counts() -> None:
    controller = AbortController()
    assert (controller.signal.aborted, controller.signal.reason) == (False, None)
    controller.signal.throw_if_aborted()
    controller.abort("one")
    controller.abort("two")
    assert (controller.signal.aborted, controller.signal.reason) == (True, "one")
    with pytest.raises(AbortError, match="one") as caught:
        controller.signal.throw_if_aborted()
    assert caught.value.reason == "one"


def test_an_abort_error_has_a_text_without_a_reason() -> None:
    assert str(AbortError()) == "The operation was aborted"


async def test_a_signal_is_waited_for() -> None:
    controller = AbortController()
    waiting = asyncio.ensure_future(controller.signal.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    controller.abort()
    async with deadline(1):
        await waiting


async def until_aborted(job: Job, token: str, signal: AbortSignal) -> None:
    await signal.wait()
    raise AbortError(signal.reason)


async def test_a_job_is_asked_to_stop(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    job = await queue.add("task", {})
    worker = Worker("work", until_aborted, opts)
    started, failed = Heard(worker, "active"), Heard(worker, "failed")
    assert (await started.next())[0].id == job.id
    await until_tracked(worker, 1)
    assert worker.cancelJob(job.id, "enough")
    _, error = await failed.next()
    assert isinstance(error, AbortError)
    assert error.reason == "enough"
    await worker.close()
    await queue.close()


async def test_all_jobs_are_asked_to_stop(opts: dict[str, Any]) -> None:
    queue = Queue("work", opts)
    await queue.addBulk([{"name": "task", "data": {}} for _ in range(2)])
    worker = Worker("work", until_aborted, {**opts, "concurrency": 2})
    failed = Heard(worker, "failed")
    await until_tracked(worker, 2)
    worker.cancelAllJobs("all")
    assert [str((await failed.next())[1]) for _ in range(2)] == ["all", "all"]
    await worker.close()
    await queue.close()


async def test_without_a_signal_there_is_nothing_to_ask(opts: dict[str, Any]) -> None:
    go_on = asyncio.Event()

    async def process(job: Job, token: str) -> str:
        await go_on.wait()
        return "well"

    queue = Queue("work", opts)
    job = await queue.add("task", {})
    worker = Worker("work", process, opts)
    done = Heard(worker, "completed")
    await until_tracked(worker, 1)
    assert not worker.cancelJob(job.id)
    assert not worker.cancelJob("unknown")
    go_on.set()
    assert (await done.next())[1] == "well"
    await worker.close()
    await queue.close()


async def test_closing_by_force_says_why(opts: dict[str, Any]) -> None:
    reasons: list[str | None] = []

    async def process(job: Job, token: str, signal: AbortSignal) -> None:
        await signal.wait()
        reasons.append(signal.reason)

    queue = Queue("work", opts)
    await queue.add("task", {})
    worker = Worker("work", process, opts)
    await until_tracked(worker, 1)
    await worker.close(force=True)
    assert reasons in ([], ["worker force-closed"])
    await queue.close()


async def test_a_lock_manager_tracks_jobs(opts: dict[str, Any]) -> None:
    worker = Worker("work", None, opts)
    manager = LockManager(worker, 500, 1000, "id", "name")
    assert not manager.is_running()
    manager.start()
    assert manager.is_running()
    assert manager.track_job("a", "token", 1) is None
    controller = manager.track_job("b", "token", 1, should_create_controller=True)
    assert controller is not None
    assert (manager.get_active_job_count(), manager.get_tracked_job_ids()) == (2, ["a", "b"])
    assert (manager.cancel_job("a"), manager.cancel_job("b", "x")) == (False, True)
    assert controller.signal.reason == "x"
    manager.untrack_job("a")
    await manager.close()
    await manager.close()
    assert (manager.is_running(), manager.get_active_job_count()) == (False, 0)
    assert manager.track_job("c", "token", 1) is None
    await worker.close()


async def until_tracked(worker: Worker, count: int) -> None:
    async with deadline(5):
        while worker.lockManager.get_active_job_count() < count:
            await asyncio.sleep(0.005)
